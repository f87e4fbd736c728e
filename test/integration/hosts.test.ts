import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { mock } from 'node:test';
import { createHostStore } from '../../src/adapters/sqlite/hostStore.ts';
import { openDatabase, type OpenDatabase } from '../../src/adapters/sqlite/open.ts';
import { createTaskBoard } from '../../src/adapters/sqlite/taskBoard.ts';
import { createTaskQueue } from '../../src/adapters/sqlite/taskQueue.ts';
import { createTaskStore } from '../../src/adapters/sqlite/taskStore.ts';
import { wallClock } from '../../src/app/clock.ts';
import { announceHost } from '../../src/app/hosts.ts';
import { HOST_BEAT_MS } from '../../src/tasks/timings.ts';
import { createProject } from '../support/project.ts';
import { makeTask, NEEDS } from '../support/repo.ts';
import { until } from '../support/until.ts';

describe('a host in the store', () => {
  let dir: string;
  let database: OpenDatabase;
  const now = (): number => Date.now();
  beforeEach(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'ampa-hosts-'));
    database = await openDatabase({ file: path.join(dir, 'ampa.db'), backupDir: path.join(dir, 'backups'), now });
  });
  afterEach(async () => {
    mock.timers.reset();
    await database.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it('that cannot beat says so once, and again after it could', async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    const hosts = createHostStore(database.db);
    let broken = false;
    let beats = 0;
    const said: string[] = [];
    const presence = await announceHost(
      {
        ...hosts,
        async beat(id, at, loops) {
          beats++;
          if (broken) throw new Error('the disk is gone');
          return hosts.beat(id, at, loops);
        },
      },
      { id: 'H', kind: 'daemon', asks: false },
      now,
      (notice) => said.push(notice),
    );
    const beat = async (): Promise<void> => {
      const before = beats;
      mock.timers.tick(HOST_BEAT_MS);
      await until('the beat is tried', () => beats > before);
    };
    const story: [boolean, number][] = [
      [false, 0],
      [true, 1],
      [true, 1],
      [false, 1],
      [true, 2],
    ];
    for (const [fails, times] of story) {
      broken = fails;
      await beat();
      await until(`said ${times} times`, () => said.length === times);
    }
    await presence.stop();
    for (const notice of said)
      assert.match(notice, /The heartbeat of this host could not be written.*the disk is gone/);
  });

  it('that lost its claim can record no process, so that none of its acts', async () => {
    const hosts = createHostStore(database.db);
    const tasks = { ...createTaskStore(database, now), ...createTaskQueue(database, now) };
    const { id } = await createTaskBoard(database.db, now).insert(makeTask({ repo: '/repo' }));
    const claim = (await tasks.claimNext('a', 1, NEEDS))!;
    const row = { task_id: id, pid: 7, start_time: '1', boot_id: 'b', pid_namespace: 'n', kind: 'agent' };
    await hosts.recordProcess({ ...row, token: claim.token });
    await hosts.recordProcess({ ...row, start_time: '2', token: claim.token });
    const taken = (await tasks.takeOver(id, claim.token, 'b'))!;
    await assert.rejects(hosts.recordProcess({ ...row, pid: 8, token: claim.token }), { code: 'lost_claim' });
    await hosts.recordProcess({ ...row, pid: 9, token: taken.token });
    assert.deepEqual(
      (await hosts.processesOf(id)).map((it) => [it.pid, it.start_time, it.token]),
      [
        [7, '2', claim.token],
        [9, '1', taken.token],
      ],
    );
  });
});

describe('an engine', () => {
  it('tells of each of its loops that it does not come round, and looks at nothing for that', async () => {
    const project = createProject('ampa-loops-');
    try {
      const app = await project.open();
      assert.deepEqual(app.stalls([]), [], 'nothing runs yet');
      await app.startEngine();
      const { next_due } = await app.schedule.add('new-year', { command: 'true', cron: '0 0 1 1 *', timezone: 'UTC' });
      /** What it would say 50 s after that, if neither loop had moved. */
      const later = (): string[] => {
        const clock = mock.method(Date, 'now', () => Date.parse(next_due!) + 50_000);
        try {
          return app.stalls([]);
        } finally {
          clock.mock.restore();
        }
      };
      const scheduler = 'The scheduler of this process is 50 s late.';
      await until('the schedule has seen its command', () => later()[1] === scheduler);
      assert.match(later()[0]!, /^The worker loop of this process is \d+ s late\.$/);
      assert.deepEqual(app.stalls([]), []);
    } finally {
      await project.remove();
    }
  });

  it('whose loop hangs while it beats is named by every other process, until it turns again', async () => {
    const session = Promise.withResolvers<never>();
    const project = createProject('ampa-hangs-');
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      let ahead = 0;
      const clock = { ...wallClock, now: () => Date.now() + ahead };
      const hung = await project.open('true', {}, { asks: true, clock, editorToken: session.promise });
      await hung.startEngine();
      const other = await project.open();
      const beaten = async (): Promise<string[]> => {
        const before = (await other.hosts())[0]!.lastBeat;
        mock.timers.tick(HOST_BEAT_MS);
        return until('it has beaten', async () => {
          const hosts = await other.hosts();
          return hosts[0]!.lastBeat > before && other.stalls(hosts);
        });
      };
      // The carrier of the task wants the editor's session, which does not come.
      const { id } = await hung.start({ prompt: 'x', checks: 'none' });
      await until('it is claimed', async () => (await hung.show(id)).task.status === 'running');
      assert.deepEqual(await beaten(), []);

      ahead = 30_000;
      assert.deepEqual(await beaten(), []);
      ahead = 60_000;
      const [said, ...more] = await beaten();
      assert.match(said!, new RegExp(`^The worker loop of the editor ${process.pid} is \\d\\d s late\\.$`));
      assert.deepEqual(more, []);
      assert.deepEqual((await other.health()).reasons.find((it) => it.kind === 'engine')?.detail, said);
      const doctor = await project.ampa(['doctor']);
      assert.ok(doctor.stdout.includes(said!), doctor.stdout);

      ahead = 3600_000;
      assert.deepEqual(await beaten(), [], 'it has slept');
      session.reject(new Error('the session is gone'));
      await until('the task is given up', async () => (await hung.show(id)).task.status === 'error');
      await until('the loop turns', () => hung.stalls([]).length === 0);
      assert.deepEqual(await beaten(), []);
    } finally {
      session.reject(new Error('the test is over'));
      mock.timers.reset();
      await project.remove();
    }
  });
});
