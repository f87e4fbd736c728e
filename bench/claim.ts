/** Claim and finish against plainjob, both on better-sqlite3, with the same journal mode and synchronous setting. */
import BetterSqlite3 from 'better-sqlite3';
import { better, defineQueue } from 'plainjob';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { sql } from 'kysely';
import { monotonicFactory } from 'ulid';
import { openDatabase } from '../src/adapters/sqlite/open.ts';
import { createTaskBoard } from '../src/adapters/sqlite/taskBoard.ts';
import { createTaskQueue } from '../src/adapters/sqlite/taskQueue.ts';
import { createTaskStore } from '../src/adapters/sqlite/taskStore.ts';
import type { Task } from '../src/tasks/task.ts';
import { makeTask, NEEDS } from '../test/support/repo.ts';
import { median, race, type Row } from './table.ts';

const JOBS = 500;
/** What people ask for: a few sentences. Both sides keep the whole task. */
const PROMPT = 'The totals of an order ignore the discount that its customer was promised. '.repeat(4);

/** One round: fills the queue, and returns µs per job claimed and finished. */
type Side = { round(): Promise<number>; settings: string; close(): Promise<void> };

const SETTINGS = ['journal_mode', 'synchronous'];

async function ampa(dir: string, newTask: () => Task): Promise<Side> {
  const file = path.join(dir, 'ampa.db');
  const database = await openDatabase({ file, backupDir: path.join(dir, 'backups'), now: Date.now });
  const board = createTaskBoard(database.db, Date.now);
  const store = { ...createTaskStore(database, Date.now), ...createTaskQueue(database, Date.now) };
  const settings: string[] = [];
  for (const name of SETTINGS) {
    const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${name}`).execute(database.db);
    settings.push(`${name} ${String(rows[0]?.[name])}`);
  }
  return {
    settings: settings.join(', '),
    async round() {
      for (let i = 0; i < JOBS; i++) await board.insert(newTask());
      const begun = performance.now();
      for (let i = 0; i < JOBS; i++) {
        const claim = await store.claimNext('owner', 2, NEEDS);
        if (!claim) throw new Error('the queue is empty too early');
        await store.apply(claim, { type: 'succeed' });
      }
      return ((performance.now() - begun) * 1000) / JOBS;
    },
    close: () => database.close(),
  };
}

function plainjob(dir: string, newTask: () => Task): Side {
  const connection = new BetterSqlite3(path.join(dir, 'plainjob.db'));
  const silent = (): void => {};
  const logger = { debug: silent, info: silent, warn: silent, error: silent };
  const queue = defineQueue({ connection: better(connection), logger });
  return {
    settings: SETTINGS.map((name) => `${name} ${String(connection.pragma(name, { simple: true }))}`).join(', '),
    async round() {
      for (let i = 0; i < JOBS; i++) queue.add('task', newTask());
      const begun = performance.now();
      for (let i = 0; i < JOBS; i++) {
        const job = queue.getAndMarkJobAsProcessing('task');
        if (!job) throw new Error('the queue is empty too early');
        queue.markJobAsDone(job.id);
      }
      return ((performance.now() - begun) * 1000) / JOBS;
    },
    async close() {
      queue.close();
    },
  };
}

export async function claimAndFinish(pairs: number): Promise<Row> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ampa-bench-claim-'));
  const newId = monotonicFactory();
  const newTask = (): Task => makeTask({ id: newId(), repo: '/home/ada/project', request: PROMPT, prompt: PROMPT });
  const sides = [await ampa(dir, newTask), plainjob(dir, newTask)] as const;
  try {
    const [a, b] = sides;
    if (a.settings !== b.settings) throw new Error(`not a fair race: ${a.settings} against ${b.settings}`);
    const { ours, theirs } = await race(pairs, a.round, b.round);
    const ratio = median(ours.map((value, i) => value / theirs[i]!));
    return {
      what: `claim and finish, µs a job (${pairs} pairs of ${JOBS}; ${a.settings.split(',').slice(0, 2).join(',')})`,
      ours: median(ours).toFixed(1),
      theirs: `${median(theirs).toFixed(1)} plainjob`,
      ratio: ratio.toFixed(2),
      budget: '1.00',
      ok: ratio <= 1,
    };
  } finally {
    for (const side of sides) await side.close();
    fs.rmSync(dir, { recursive: true, force: true });
  }
}
