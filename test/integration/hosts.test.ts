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
        async beat(id, at) {
          beats++;
          if (broken) throw new Error('the disk is gone');
          return hosts.beat(id, at);
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
    for (const notice of said) assert.match(notice, /cannot say that it lives.*the disk is gone/);
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
});
