import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monotonicFactory } from 'ulid';
import { createCounterStore, type CounterChange } from '../../src/adapters/sqlite/counterStore.ts';
import { createFigures } from '../../src/adapters/sqlite/figures.ts';
import { openDatabase, type OpenDatabase } from '../../src/adapters/sqlite/open.ts';
import { sayIn } from '../../src/adapters/sqlite/outbox.ts';
import { createTaskBoard } from '../../src/adapters/sqlite/taskBoard.ts';
import { createTaskQueue } from '../../src/adapters/sqlite/taskQueue.ts';
import { createTaskStore } from '../../src/adapters/sqlite/taskStore.ts';
import { makeTask, NEEDS } from '../support/repo.ts';

describe('figures of the store', () => {
  let dir: string;
  let database: OpenDatabase;
  const newId = monotonicFactory();
  beforeEach(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'ampa-figures-'));
    database = await openDatabase({ file: path.join(dir, 'ampa.db'), backupDir: path.join(dir, 'b'), now: Date.now });
  });
  afterEach(async () => {
    await database.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it('follow the tasks by the log of their changes, as if all were counted each time', async () => {
    const board = createTaskBoard(database.db, Date.now);
    const tasks = { ...createTaskStore(database, Date.now), ...createTaskQueue(database, Date.now) };
    const figures = createFigures(database.db);
    const counted = async () => {
      const rows = await database.db.selectFrom('tasks').select('status').execute();
      const counts = await figures.tasksByStatus();
      const given = Object.entries(counts).flatMap(([status, n]) => Array.from({ length: n }, () => status));
      const all = rows.map((row) => row.status as string);
      assert.deepEqual(given.toSorted(), all.toSorted());
      assert.deepEqual(await createFigures(database.db).tasksByStatus(), counts);
    };
    await counted();
    const add = async () => (await board.insert(makeTask({ id: newId(), repo: '/repo' }))).id;
    const [first, second] = [await add(), await add()];
    await counted();
    const claim = (await tasks.claimNext('host', 9, NEEDS))!;
    await tasks.apply(claim, { type: 'advance', phase: 'agent' });
    await counted();
    await tasks.note(claim, 'A remark.');
    await tasks.apply(claim, { type: 'stop', reason: 'no_changes', detail: '' });
    await board.abortUnowned(second, 0);
    await add();
    await counted();
    await board.continueTask(first, 'More');
    // Two scrapes at once count it once.
    const both = await Promise.all([figures.tasksByStatus(), figures.tasksByStatus()]);
    assert.deepEqual(both[0], both[1]);
    await counted();
  });

  it('begin anew where a restored backup has gone back in time', async () => {
    const board = createTaskBoard(database.db, Date.now);
    const figures = createFigures(database.db);
    const { id } = await board.insert(makeTask({ id: newId(), repo: '/repo' }));
    await board.abortUnowned(id, 0);
    assert.equal((await figures.tasksByStatus()).aborted, 1);
    await database.db.deleteFrom('events').execute();
    await database.db.deleteFrom('tasks').execute();
    assert.equal((await figures.tasksByStatus()).aborted, 0);
  });

  it('tell what is yet to be said, and no more what is', async () => {
    const figures = createFigures(database.db);
    const message = { type: 'other', title: 'Hello', body: null } as const;
    await sayIn(database.db, { id: newId(), key: 'one', message, now: 1 });
    await sayIn(database.db, { id: newId(), key: 'two', message, now: 2 });
    assert.equal(await figures.outboxDepth(), 2);
    await database.db.updateTable('outbox').set({ fanned_at: 3 }).execute();
    assert.equal(await figures.outboxDepth(), 0);
  });

  it('are counted by several hosts together', async () => {
    const other = await openDatabase({
      file: path.join(dir, 'ampa.db'),
      backupDir: path.join(dir, 'b'),
      now: Date.now,
    });
    const [a, b] = [createCounterStore(database.db), createCounterStore(other.db)];
    const changes: CounterChange[] = [
      { name: 'n', labels: { x: '1', a: '2' }, by: 1.5 },
      { name: 'g', labels: {}, value: 7 },
    ];
    await Promise.all([a.record(changes), b.record([{ name: 'n', labels: { a: '2', x: '1' }, by: 1 }])]);
    assert.deepEqual(await b.all(), [
      { name: 'g', labels: {}, value: 7 },
      { name: 'n', labels: { a: '2', x: '1' }, value: 2.5 },
    ]);
    await other.close();
  });
});
