import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createHostStore } from '../../src/adapters/sqlite/hostStore.ts';
import { openDatabase, type OpenDatabase } from '../../src/adapters/sqlite/open.ts';
import { createTaskBoard } from '../../src/adapters/sqlite/taskBoard.ts';
import { createTaskQueue } from '../../src/adapters/sqlite/taskQueue.ts';
import { createTaskStore } from '../../src/adapters/sqlite/taskStore.ts';
import { markerOf, reapPredecessors } from '../../src/app/carriers.ts';
import { createProject, CHECK, processesOf, type Project } from '../support/project.ts';
import { until } from '../support/until.ts';

describe('what earlier holders of a task left running', () => {
  let project: Project;
  let databases: OpenDatabase[];
  beforeEach(() => {
    project = createProject('ampa-reaping-');
    databases = [];
  });
  afterEach(async () => {
    await Promise.all(databases.map((database) => database.close()));
    await project.remove();
  });
  const now = (): number => Date.now();
  async function store() {
    const database = await openDatabase({
      file: path.join(project.repo, '.worklog/ampa/ampa.db'),
      backupDir: path.join(project.box.dir, 'backups'),
      now,
    });
    databases.push(database);
    return {
      hosts: createHostStore(database.db),
      tasks: { ...createTaskStore(database, now), ...createTaskQueue(database, now) },
      board: createTaskBoard(database.db, now),
    };
  }
  /** Something that a carrier started and died before it could record. */
  async function orphan(marker: string): Promise<number> {
    const child = spawn('sleep', ['300'], {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, AMPA_OWNER: `${marker},${marker}/1-1` },
    });
    await new Promise((resolve, reject) => child.once('spawn', () => resolve(undefined)).once('error', reject));
    return child.pid!;
  }

  it('is ended whichever of them left it, also where none had recorded it, and a newer holder is spared', async () => {
    const app = await project.open('true');
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    const { hosts } = await store();
    const old = await Promise.all([1, 2, 3].map((token) => orphan(markerOf(id, token))));
    const newer = await orphan(markerOf(id, 4));
    const other = await orphan(markerOf(`${id}X`, 1));
    try {
      assert.equal(await reapPredecessors(hosts, id, 4), true);
      const left = processesOf(id);
      assert.deepEqual(
        old.filter((pid) => left.includes(pid)),
        [],
      );
      assert.deepEqual(new Set(left), new Set([newer, other]));
      assert.equal(await reapPredecessors(hosts, id, 4), false, 'there is nothing more');
    } finally {
      for (const pid of [newer, other]) process.kill(pid, 'SIGKILL');
    }
  });

  it('is ended by a second abort where the first did not get that far', async () => {
    const app = await project.open('true');
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    const { tasks, board } = await store();
    const claim = (await tasks.claimQueued(id, 'gone', 9))!;
    await orphan(markerOf(id, claim.token));
    // What an abort has written before it fails to end the process.
    assert.equal(await board.abortUnowned(id, claim.token), true);
    await until('it runs', () => processesOf(id).length === 1);
    assert.equal((await app.abort(id)).status, 'aborted');
    assert.deepEqual(processesOf(id), []);
    await assert.rejects(app.abort(id), /cannot abort an aborted task/);
  });
});
