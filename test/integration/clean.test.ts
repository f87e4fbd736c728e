import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monotonicFactory } from 'ulid';
import type { Repository } from '../../src/adapters/git/repository.ts';
import { openDatabase, type OpenDatabase } from '../../src/adapters/sqlite/open.ts';
import { createTaskBoard } from '../../src/adapters/sqlite/taskBoard.ts';
import { cleanTasks } from '../../src/app/clean.ts';
import type { TaskBoard } from '../../src/tasks/board.ts';
import type { Task } from '../../src/tasks/task.ts';
import { makeTask } from '../support/repo.ts';

describe('cleaning up', () => {
  let dir: string;
  let database: OpenDatabase;
  let board: TaskBoard;
  const newId = monotonicFactory();
  const now = (): number => Date.parse('2026-02-01T00:00:00Z');
  beforeEach(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'ampa-clean-'));
    database = await openDatabase({ file: path.join(dir, 'ampa.db'), backupDir: path.join(dir, 'backups'), now });
    board = createTaskBoard(database.db, now);
  });
  afterEach(async () => {
    await database.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const ended = (name: string): Promise<Task> =>
    board.insert(makeTask({ id: newId(), repo: '/repo', status: 'success', worktree: name, worktree_ready: true }));
  const clean = (remove: (task: Task) => Promise<unknown>) =>
    cleanTasks(
      {
        board,
        logs: path.join(dir, 'logs'),
        now,
        repository: { removeWorktree: (task: Task) => remove(task) } as unknown as Repository,
      },
      { olderThanDays: 14, force: false },
    );
  const read = async ({ id }: Task): Promise<Task> => (await board.detail(id)).task;

  it('leaves a task alone that a person has continued since the list was made', async () => {
    const tasks = [await ended('/one'), await ended('/two')];
    const removed: string[] = [];
    const report = await clean(async (task) => {
      removed.push(task.worktree!);
      await board.continueTask(tasks.find((it) => it.id !== task.id)!.id, 'go on');
      return { removed: true };
    });
    assert.equal(removed.length, 1);
    assert.equal(report.worktrees, 1);
    const other = await read(tasks.find((it) => it.worktree !== removed[0])!);
    assert.deepEqual([other.status, other.worktree_ready], ['queued', true]);
  });

  it('leaves the worktree to be made again for one that is continued while it goes', async () => {
    const task = await ended('/one');
    await clean(async () => {
      await board.continueTask(task.id, 'go on');
      return { removed: true };
    });
    const after = await read(task);
    assert.deepEqual([after.status, after.worktree, after.worktree_ready], ['queued', '/one', false]);
  });

  it('changes nothing about a task whose worktree is kept', async () => {
    const task = await ended('/one');
    const report = await clean(() => Promise.resolve({ removed: false, why: 'it has uncommitted changes' }));
    assert.deepEqual(report.kept, [{ id: task.id, why: 'it has uncommitted changes' }]);
    assert.deepEqual(await read(task), task);
  });
});
