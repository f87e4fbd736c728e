import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Insertable } from 'kysely';
import { monotonicFactory } from 'ulid';
import { MIGRATIONS } from '../../src/adapters/sqlite/migrations.ts';
import { openDatabase } from '../../src/adapters/sqlite/open.ts';
import { encodeTask, type TaskRow } from '../../src/adapters/sqlite/schema.ts';
import { createTaskBoard } from '../../src/adapters/sqlite/taskBoard.ts';
import { createTaskQueue } from '../../src/adapters/sqlite/taskQueue.ts';
import { createTaskStore } from '../../src/adapters/sqlite/taskStore.ts';
import type { App } from '../../src/app/api.ts';
import { openEngineStore, type EngineStore } from '../../src/app/engineStore.ts';
import { announceHost, type HostPresence } from '../../src/app/hosts.ts';
import { createCapabilities } from '../../src/app/capabilities.ts';
import { resolveWorkspace, statePaths } from '../../src/app/state.ts';
import { wallClock } from '../../src/app/clock.ts';
import { isActive, type Task } from '../../src/tasks/task.ts';
import { workOnce } from '../../src/tasks/worker.ts';
import { createHubProject, type HubProject } from '../support/hubProject.ts';
import { CHECK, createProject, type Project } from '../support/project.ts';
import { makeTask, NEEDS } from '../support/repo.ts';
import { until } from '../support/until.ts';

const AGENT = 'mend-it';

describe('a host whose PATH lacks the agent of a task', () => {
  let project: Project;
  let away: string;
  beforeEach(() => {
    project = createProject('ampa-capabilities-');
    away = path.join(project.box.dir, 'agents');
    project.box.write(path.join(away, AGENT), '#!/bin/sh\ncat >/dev/null; echo good > state.txt\n', 0o755);
  });
  afterEach(() => project.remove());

  const withAgent = (): Record<string, string> => ({
    AMPA_AGENT_COMMAND: AGENT,
    PATH: `${away}${path.delimiter}${project.env['PATH']}`,
  });
  const ended = (app: App, id: string): Promise<Task> =>
    until('it ends', async () => {
      const task = await app.find(id);
      return isActive(task.status) ? null : task;
    });
  async function daemon(app: App, env: Record<string, string>): Promise<ChildProcess> {
    const child = project.spawnAmpa(['daemon', '--start-scheduler'], env);
    await until('it is there', async () => (await app.hosts()).some((host) => host.pid === child.pid));
    return child;
  }

  /** One that has the agent and does not come round to anything. */
  async function daemonStopped(app: App): Promise<ChildProcess> {
    const child = await daemon(app, withAgent());
    child.kill('SIGSTOP');
    return child;
  }

  it('leaves it to one that has it, and says what it waits for as long as that one does not come round', async () => {
    const app = await project.open(AGENT);
    await app.startEngine();
    const other = await daemonStopped(app);
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    await until('it is said', async () => (await app.find(id)).waits_for !== null);
    const { stdout } = await project.ampa(['ls']);
    assert.match(stdout, /waiting for a host with mend-it on its PATH/);
    assert.match(
      (await project.ampa(['show', id])).stdout,
      /waiting for a host with.*\nOpen VS Code or run `ampa daemon`/,
    );
    other.kill('SIGCONT');
    const task = await ended(app, id);
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
    assert.equal(task.waits_for, null);
    const { events } = await app.show(id);
    assert.equal(events.filter((event) => event.note === 'Waiting for a host with mend-it on its PATH.').length, 1);
  }).timeout(60_000);

  it('leaves it without a word to one that has it', async () => {
    const app = await project.open(AGENT);
    await app.startEngine();
    await daemon(app, withAgent());
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    const task = await ended(app, id);
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
    const { events } = await app.show(id);
    assert.deepEqual(
      events.filter((event) => event.note?.startsWith('Waiting')),
      [],
    );
  }).timeout(60_000);

  it('tries it at once where it is alone, to say what is missing', async () => {
    const app = await project.open(AGENT);
    await app.startEngine();
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    const task = await ended(app, id);
    assert.equal(task.reason, 'agent_missing');
    assert.match(task.reason_detail!, /mend-it is not there.*ampa\.agentCommand/);
  });

  it('tries it when all others lack it too', async () => {
    const app = await project.open(AGENT);
    await app.startEngine();
    await daemon(app, { AMPA_AGENT_COMMAND: AGENT });
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    assert.equal((await ended(app, id)).reason, 'agent_missing');
  }).timeout(60_000);

  it('carries it as before where a person names it', async () => {
    const app = await project.open(AGENT);
    await daemonStopped(app);
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    project.spawnAmpa(['work', id], { AMPA_AGENT_COMMAND: AGENT });
    assert.equal((await ended(app, id)).reason, 'agent_missing');
    assert.equal((await project.run(app)).reason, 'agent_missing');
  });
});

describe("a task that was made with the editor's GitHub session", () => {
  let hub: HubProject;
  beforeEach(async () => {
    hub = await createHubProject('ampa-session-', 1);
  });
  afterEach(() => hub.remove());

  it('is left by a daemon, which says so and ends when it is idle, and taken by a window', async () => {
    const { project, fake } = hub;
    const env = { AMPA_GITHUB_API_URL: fake.url, AMPA_AGENT_COMMAND: 'cat >/dev/null; echo good > state.txt' };
    const window = await project.open(undefined, env, { asks: true, editorToken: fake.token });
    const { id, forge } = await window.start({ prompt: 'Make it good', checks: CHECK });
    assert.equal(forge!.identity, 'editor');
    const { code, stderr } = await project.ampa(['daemon', '--until-idle'], env);
    assert.equal(code, 0, stderr);
    const left = await window.find(id);
    assert.deepEqual([left.status, left.token, left.waits_for], ['queued', 0, "the editor's GitHub session"]);
    const { stdout } = await project.ampa(['show', id], env);
    assert.match(stdout, /waiting for a host with the editor's GitHub session.*\nOpen the folder in VS Code/);
    project.spawnAmpa(['daemon', '--start-scheduler'], env);
    await until('a daemon is there', async () => (await window.hosts()).some((host) => host.kind === 'daemon'));

    const ci = hub.startCi(() => null);
    await window.startEngine();
    const task = await until('it ends', async () => {
      const it_ = await window.find(id);
      return isActive(it_.status) ? null : it_;
    });
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
    assert.equal(hub.hub.pullRequests[0]!.draft, false);
    await ci.stop();
  }).timeout(60_000);
});

describe('a task that an older version has queued', () => {
  it('is claimed by who has looked at what it needs', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'ampa-needs-'));
    const now = (): number => Date.now();
    const open = (migrations?: readonly string[]) =>
      openDatabase({ file: path.join(dir, 'ampa.db'), backupDir: path.join(dir, 'backups'), now, migrations });
    const older = await open(
      MIGRATIONS.slice(
        0,
        MIGRATIONS.findIndex((it) => it.includes('waits_for')),
      ),
    );
    const { waits_for: _later, rev: _assigned, ...task } = makeTask({ repo: '/repo' });
    await older.db
      .insertInto('tasks')
      .values(encodeTask(task) as unknown as Insertable<TaskRow>)
      .execute();
    await older.close();
    const database = await open();
    try {
      const tasks = { ...createTaskStore(database, now), ...createTaskQueue(database, now) };
      assert.equal(await tasks.claimNext('a', 1, NEEDS), undefined);
      const [queued] = await tasks.queuedBeside(NEEDS);
      assert.deepEqual(queued!.agent_spec, task.agent_spec);
      assert.equal((await tasks.claimNext('a', 1, ['another', queued!.needs]))?.taskId, task.id);
      assert.deepEqual(await tasks.queuedBeside([]), []);
    } finally {
      await database.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('two hosts that lack something for the same task', () => {
  it('say what each lacks, and then write nothing more however often they look', async () => {
    const project = createProject('ampa-quiet-');
    const newId = monotonicFactory();
    const stores: EngineStore[] = [];
    const presences: HostPresence[] = [];
    const now = (): number => Date.now();
    const open = async (missing: string | null) => {
      const workspace = await resolveWorkspace(project.repo);
      const it_ = await openEngineStore(
        ...([workspace, statePaths(workspace, project.env), now, newId] as const),
        () => undefined,
        async () => null,
      );
      stores.push(it_);
      const presence = await announceHost(
        it_.hosts,
        { id: newId(), kind: 'daemon', asks: false },
        now,
        () => undefined,
      );
      presences.push(presence);
      const deps = {
        missingProgram: async () => missing,
        signedIn: async () => false,
        onConfig: () => () => undefined,
        now,
      };
      const capabilities = createCapabilities(deps, it_.hosts, () => presence.id);
      return {
        pass: () =>
          workOnce({
            ...{ queue: it_.tasks, capabilities, clock: wallClock, newOwner: newId, slots: () => 2 },
            startCarrier: () => Promise.reject(new Error('neither can')),
            giveUp: () => Promise.reject(new Error('neither holds it')),
            failed: () => Promise.reject(new Error('nothing was started')),
            isDead: () => Promise.resolve(false),
            onChange: () => () => undefined,
            onError: () => undefined,
          }),
      };
    };
    try {
      const a = await open('claude');
      const b = await open(null);
      const forge = { kind: 'github', host: 'github.com', owner: 'acme', name: 'widget' } as const;
      const board = createTaskBoard(stores[0]!.database.db, now);
      const { id } = await board.insert(
        makeTask({
          id: newId(),
          repo: project.repo,
          forge: { ...forge, pullRequest: 'first', identity: 'editor', issue: null },
        }),
      );
      for (let i = 0; i < 3; i++) for (const host of [a, b]) await host.pass();
      assert.equal((await stores[1]!.tasks.get(id))!.waits_for, "claude on its PATH and the editor's GitHub session");
      const versions = (): unknown[] => stores.map((it_) => it_.database.version());
      const before = versions();
      for (let i = 0; i < 5; i++) for (const host of [a, b]) await host.pass();
      assert.deepEqual(versions(), before);
      await board.abortUnowned(id, 0);
      assert.equal((await board.continueTask(id, null)).task.waits_for, null, 'it may go elsewhere this time');
    } finally {
      for (const presence of presences) await presence.stop();
      for (const it_ of stores) await it_.close();
      await project.remove();
    }
  });
});
