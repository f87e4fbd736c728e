import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import { mock } from 'node:test';
import BetterSqlite3 from 'better-sqlite3';
import { monotonicFactory } from 'ulid';
import { openDatabase, type OpenDatabase } from '../../src/adapters/sqlite/open.ts';
import { createTaskBoard } from '../../src/adapters/sqlite/taskBoard.ts';
import { openEngineStore, type EngineStore } from '../../src/app/engineStore.ts';
import { announceHost } from '../../src/app/hosts.ts';
import { resolveWorkspace, statePaths } from '../../src/app/state.ts';
import type { Task } from '../../src/tasks/task.ts';
import { wallClock } from '../../src/app/clock.ts';
import { AmpaError } from '../../src/errors.ts';
import { createProject, type Project } from '../support/project.ts';
import { makeTask, NEEDS } from '../support/repo.ts';
import { until } from '../support/until.ts';

describe('a task database that vanished', () => {
  let dir: string;
  let clock: number;
  let databases: OpenDatabase[];
  const newId = monotonicFactory();
  const now = (): number => clock;
  const file = (): string => path.join(dir, 'ampa.db');
  const task = (overrides: Partial<Task> = {}): Task => makeTask({ id: newId(), repo: '/repo', ...overrides });

  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'ampa-recovery-'));
    clock = Date.parse('2026-01-01T00:00:00Z');
    databases = [];
  });
  afterEach(async () => {
    await Promise.all(databases.map((database) => database.close().catch(() => undefined)));
    rmSync(dir, { recursive: true, force: true });
  });

  async function open(guard?: () => Promise<void>) {
    const notices: string[] = [];
    const database = await openDatabase({
      file: file(),
      backupDir: path.join(dir, 'backups'),
      now,
      guard,
      onRestored: (notice) => notices.push(notice),
    });
    databases.push(database);
    return { database, board: createTaskBoard(database.db, now), notices };
  }
  type Opened = Awaited<ReturnType<typeof open>>;
  const clean = (): void => {
    for (const name of readdirSync(dir)) if (name.startsWith('ampa.db')) rmSync(path.join(dir, name));
  };
  const ids = async (it: Opened): Promise<string[]> => (await it.board.list({})).tasks.map((one) => one.id).sort();
  /** A backup with one task, and a host that has since recorded another. */
  async function hostAheadOfItsBackup() {
    const host = await open();
    const old = await host.board.insert(task());
    await host.database.backupDaily();
    const fresh = await host.board.insert(task());
    return { host, all: [old.id, fresh.id].sort() };
  }
  /** What a process leaves that opens without seeing any holder: the newest backup, restored. */
  function restoredByAnother(): void {
    const [backup] = readdirSync(path.join(dir, 'backups')).filter((name) => name.endsWith('.db'));
    const other = new BetterSqlite3(path.join(dir, 'backups', backup!));
    other.exec(`vacuum into '${file()}.copy'`);
    other.close();
    renameSync(`${file()}.copy`, file());
  }

  it('is put back by a host that does nothing, before a backup takes its place', async () => {
    const { host, all } = await hostAheadOfItsBackup();
    clean();
    const second = await open();
    assert.deepEqual(second.database.notices, []);
    assert.deepEqual(await ids(second), all);
    assert.match(host.notices.join(), /is back/);
  });

  it('is put back over a backup that another process restored first, under whoever has that open', async () => {
    const { host, all } = await hostAheadOfItsBackup();
    clean();
    restoredByAnother();
    const second = await open();
    await until('the newer one is there', async () => (await ids(second)).length === 2);
    assert.deepEqual([await ids(second), await ids(host)], [all, all]);
    const third = await second.board.insert(task());
    assert.deepEqual(await ids(host), [...all, third.id].sort(), 'both are on the same file');
    assert.deepEqual(
      readdirSync(dir).filter((name) => /replaced|damaged|partial/.test(name)),
      [],
    );
  });

  it('stays what it became when that is further on than what a host holds', async () => {
    const { host } = await hostAheadOfItsBackup();
    clean();
    restoredByAnother();
    const stranger = new BetterSqlite3(file());
    stranger.exec("update tasks set rev = rev + 100, title = 'theirs'");
    stranger.close();
    await until('the host has seen it', () => host.notices.length > 0);
    assert.deepEqual(
      (await host.board.list({})).tasks.map((one) => one.title),
      ['theirs'],
    );
  });

  it('keeps what another process had begun in its place', async () => {
    const host = await open();
    for (let i = 0; i < 5; i++) await host.board.insert(task());
    clean();
    const other = await open();
    await other.board.insert(task({ title: 'begun meanwhile' }));
    await until('ours is back', async () => (await ids(other)).length === 5);
    const kept = readdirSync(dir).find((name) => name.includes('.replaced-'))!;
    assert.match(host.notices.join(), new RegExp(kept));
    const copy = new BetterSqlite3(path.join(dir, kept), { readonly: true });
    assert.deepEqual(copy.prepare('select title from tasks').pluck().all(), ['begun meanwhile']);
    copy.close();
  });

  it('is not replaced by a backup that says nothing of tasks, only because it holds none either', async () => {
    const host = await open();
    await host.database.backupDaily();
    await host.database.db.insertInto('durations').values({ repo: 'r', workflow: 'w', ms: 1 }).execute();
    clean();
    const [backup] = readdirSync(path.join(dir, 'backups')).filter((name) => name.endsWith('.db'));
    const other = new BetterSqlite3(path.join(dir, 'backups', backup!));
    other.exec(`vacuum into '${file()}'`);
    other.close();
    const restored = new BetterSqlite3(file());
    restored.pragma('application_id = 77');
    restored.close();
    await until('the host has seen it', () => host.notices.length > 0);
    assert.equal((await host.database.db.selectFrom('durations').selectAll().execute()).length, 1);
  });

  it('is restored without the journal of the file that vanished', async () => {
    const { database, board } = await open();
    const { id } = await board.insert(task());
    await database.backupDaily();
    for (let i = 0; i < 200; i++) await board.insert(task());
    // As after a kill: the journal holds what came after the backup, and stays.
    for (const suffix of ['-wal', '-shm']) renameSync(file() + suffix, path.join(dir, `kept${suffix}`));
    await database.close();
    rmSync(file(), { force: true });
    for (const suffix of ['-wal', '-shm']) renameSync(path.join(dir, `kept${suffix}`), file() + suffix);
    assert.notEqual(statSync(`${file()}-wal`).size, 0);
    const again = await open();
    assert.deepEqual([again.database.checkIntegrity(), await ids(again)], ['ok', [id]]);
    assert.ok(
      readdirSync(dir).some((name) => /damaged-\d+-wal$/.test(name)),
      'the journal is kept',
    );
  });

  it('is not opened again where what lies in its place must not be', async () => {
    let refused = false;
    const host = await open(async () => {
      if (refused) throw new Error('not this one');
    });
    await host.board.insert(task());
    clean();
    refused = true;
    writeFileSync(file(), '');
    await until('it is refused', () =>
      host.board.list({}).then(
        () => false,
        (error: unknown) => (error as Error).message === 'not this one',
      ),
    );
    await assert.rejects(host.board.insert(task()), /not this one/, 'and stays so');
    assert.ok(existsSync(file()));
  });
});

const HOST = {
  id: 'there',
  kind: 'daemon' as const,
  pid: 1,
  start_time: '1',
  boot_id: 'another boot',
  pid_namespace: '',
  machine: 'the-other-machine',
  asks: 0,
  started_at: '2026-01-01T00:00:00Z',
};

describe('a task database that another process has for itself', () => {
  it('is opened once it is free: the last that closes it tidies up', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'ampa-busy-'));
    const options = { file: path.join(dir, 'ampa.db'), backupDir: path.join(dir, 'backups'), now: Date.now };
    await (await openDatabase(options)).close();
    const holder = new BetterSqlite3(options.file);
    holder.pragma('locking_mode = exclusive');
    holder.exec('begin immediate; commit');
    const opening = openDatabase(options);
    // Refused once, which a rejection would tell here.
    await Promise.race([opening, ...Array.from({ length: 5 }, () => immediate())]);
    holder.close();
    const database = await opening;
    assert.equal(database.checkIntegrity(), 'ok');
    await database.close();
    rmSync(dir, { recursive: true, force: true });
  });
});

describe('hosts on two machines', () => {
  let project: Project;
  let clock: number;
  let opened: EngineStore | undefined;
  const now = (): number => clock;
  const newId = monotonicFactory();

  beforeEach(() => {
    project = createProject();
    clock = Date.parse('2026-01-01T00:00:00Z');
  });
  afterEach(async () => {
    mock.timers.reset();
    await opened?.close();
    opened = undefined;
    await project.remove();
  });
  async function open(): Promise<EngineStore> {
    const workspace = await resolveWorkspace(project.repo);
    return (opened = await openEngineStore(
      workspace,
      statePaths(workspace, project.env),
      now,
      newId,
      () => undefined,
      async () => null,
    ));
  }

  it('claim nothing while the other lives, and go on when it is gone', async () => {
    const store = await open();
    await store.board.insert(makeTask({ id: newId(), repo: project.repo }));
    const held = (await store.tasks.claimNext('a', 2, NEEDS))!;
    const { id } = await store.board.insert(makeTask({ id: newId(), repo: project.repo }));
    // This machine slept; meanwhile the other one opened the folder.
    clock += 60_000;
    await store.hosts.register({ ...HOST, beat_at: clock });
    assert.equal(await store.tasks.claimNext('b', 2, NEEDS), undefined);
    assert.equal(await store.tasks.claimQueued(id, 'b', 2), undefined);
    assert.equal(await store.tasks.takeOver(held.taskId, held.token, 'b'), undefined);
    assert.equal(store.foreign, HOST.machine);
    clock += 60_000;
    assert.equal((await store.tasks.claimNext('b', 2, NEEDS))?.taskId, id);
    assert.equal(store.foreign, null);
  });

  it('record nothing while the other lives, and again when it is gone', async () => {
    const app = await project.open('cat', {}, { clock: { ...wallClock, now } });
    const request = { prompt: 'Make it good', checks: 'true' };
    await app.start(request);
    const store = await open();
    clock += 60_000;
    await store.hosts.register({ ...HOST, beat_at: clock });
    await assert.rejects(
      app.start(request),
      (error: unknown) => error instanceof AmpaError && error.code === 'read_only' && /45 s/.test(error.hint),
    );
    assert.equal((await app.schedule.list()).length, 0, 'reading goes on');
    clock += 60_000;
    await app.start(request);
  });

  it('give up no question while the other lives', async () => {
    const looks: (() => void)[] = [];
    const sleep: typeof wallClock.sleep = (ms, signal) =>
      ms !== 30_000
        ? wallClock.sleep(ms, signal)
        : new Promise((resolve) => (signal?.addEventListener('abort', () => resolve()), looks.push(resolve)));
    const app = await project.open('cat', {}, { asks: true, clock: { ...wallClock, now, sleep } });
    const { id } = await app.startConversation('s', 'Go?');
    await app.startEngine({ schedule: false });
    await until('it has looked once', () => looks.length === 1);
    const store = await open();
    clock = (await store.prompts.get(id))!.expires_at + 1;
    await store.hosts.register({ ...HOST, beat_at: clock });
    looks.at(-1)!();
    await until('it has looked again', () => looks.length === 2);
    assert.equal((await store.prompts.get(id))!.state, 'waiting');
  });

  it('are silent while the other beats, and are seen again afterwards, whoever deleted their row', async () => {
    const store = await open();
    mock.timers.enable({ apis: ['setInterval'] });
    const host = await announceHost(store.hosts, { id: 'here', kind: 'daemon', asks: true }, now, (notice) =>
      assert.fail(notice),
    );
    const beat = async (): Promise<void> => {
      clock += 60_000;
      mock.timers.tick(15_000);
    };
    const row = (id: string) => store.hosts.host(id);
    await store.hosts.register({ ...HOST, beat_at: clock + 60_000 });
    const before = (await row('here'))!;
    await beat();
    // Its own turn in the queue of the connection: the look is over, and a beat would be next.
    for (let i = 0; i < 20; i++) await row('here');
    assert.deepEqual(await row('here'), before);
    await store.hosts.unregister('here');
    await beat();
    assert.deepEqual(await until('it is back', () => row('here')), { ...before, beat_at: clock });
    await store.hosts.unregister('here');
    await beat();
    await host.stop();
    assert.equal(await row('here'), undefined, 'a beat under way does not outlive the host');
  });
});

describe('a state folder that came with the repository', () => {
  let project: Project;
  const at = (...names: string[]): string => path.join(project.repo, ...names);
  const git = (...args: string[]): void => {
    execFileSync('git', args, { cwd: project.repo, env: project.env });
  };
  const refused = (error: unknown): boolean =>
    error instanceof AmpaError &&
    error.code === 'trust' &&
    /git tracks/.test(error.message) &&
    /git rm --cached/.test(error.hint);

  beforeEach(() => {
    project = createProject();
  });
  afterEach(() => project.remove());

  /** A queued task that would write `ran`. */
  async function queued(): Promise<void> {
    const app = await project.open('touch ran');
    await app.start({ prompt: 'Make it good', checks: `touch '${at('ran')}'` });
    await app.close();
  }

  it('has none of its tasks run, listed or taken over, and is named', async () => {
    await queued();
    git('add', '-f', '.worklog/ampa/ampa.db');
    const daemon = await project.ampa(['daemon', '--until-idle'], { AMPA_AGENT_COMMAND: 'true' });
    assert.deepEqual([daemon.code, /git tracks .*ampa\.db/.test(daemon.stderr)], [1, true], daemon.stderr);
    assert.ok(!existsSync(at('ran')));
    const listed = await project.ampa(['ls']);
    assert.deepEqual([listed.code, /git rm --cached/.test(listed.stderr)], [1, true], listed.stderr);
    const app = await project.open('true', {}, { asks: true });
    app.setTrusted(true);
    await assert.rejects(app.list({}), refused, 'trusted or not');
    await assert.rejects(app.startEngine(), refused);
    git('rm', '-q', '--cached', '.worklog/ampa/ampa.db');
    assert.equal((await (await project.open()).list({})).total, 1);
  }).timeout(60_000);

  for (const name of ['ampa.db-wal', 'ampa.db-journal'])
    it(`is refused for its ${name} alone`, async () => {
      await queued();
      writeFileSync(at('.worklog/ampa', name), '');
      git('add', '-f', `.worklog/ampa/${name}`);
      await assert.rejects((await project.open()).list({}), refused);
    });

  for (const link of ['.worklog', '.worklog/ampa', '.worklog/ampa/logs'])
    it(`is refused where ${link} is a link, and nothing is written through it`, async () => {
      mkdirSync(at('payload'));
      mkdirSync(path.dirname(at(link)), { recursive: true });
      symlinkSync(at('payload'), at(link));
      git('add', '-f', link);
      await assert.rejects((await project.open('true')).start({ prompt: 'Make it good', checks: 'true' }), refused);
      assert.deepEqual(readdirSync(at('payload')), []);
    });

  it('does not take the place of a store that is in use', async () => {
    const app = await project.open('true');
    await app.start({ prompt: 'Mine', checks: 'true' });
    const theirs = new BetterSqlite3(at('.worklog/ampa/ampa.db'));
    theirs.exec(`vacuum into '${at('theirs')}'`);
    theirs.close();
    const further = new BetterSqlite3(at('theirs'));
    further.exec("update tasks set rev = rev + 100, title = 'theirs'");
    further.close();
    const text = (...args: string[]): string =>
      execFileSync('git', args, { cwd: project.repo, env: project.env, encoding: 'utf8' }).trim();
    const blob = text('hash-object', '-w', 'theirs');
    git('update-index', '--add', '--cacheinfo', `100644,${blob},.worklog/ampa/ampa.db`);
    const commit = text('commit-tree', text('write-tree'), '-p', 'HEAD', '-m', 'more');
    git('update-index', '--force-remove', '.worklog/ampa/ampa.db');
    // An ignored file is nothing to git: it puts the other one in its place.
    git('merge', '-q', '--ff-only', commit);
    await assert.rejects(
      until('it is refused', () => app.list({}).then(() => false)),
      refused,
    );
  });

  it('has its .env left out, and that is said', async () => {
    mkdirSync(at('.worklog/ampa'), { recursive: true });
    writeFileSync(at('.worklog/ampa/.env'), 'AMPA_AGENT_COMMAND=touch ran\n');
    git('add', '-f', '.worklog/ampa/.env');
    const app = await project.open();
    assert.equal(app.config().values.agentCommand, '');
    assert.match(app.config().warnings.join(), /\.worklog\/ampa\/\.env is not read: git tracks/);
  });
});
