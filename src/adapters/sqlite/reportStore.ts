import type { Kysely } from 'kysely';
import { newestEvent } from './events.ts';
import type { ReportRun, TaskEnd } from '../../scheduler/report.ts';
import type { Schema } from './schema.ts';

/** What the report reads, in pieces: nobody waits for a whole history. Times are ms since the epoch. */
export interface ReportStore {
  /** Runs since a moment in the order of their starts, `limit` at most, those after `after`. */
  runsSince(from: number, after: ReportRun | null, limit: number): Promise<ReportRun[]>;
  /** Every time a task came to an end since a moment, in order, in pieces that may be empty. */
  taskEndsSince(from: number): AsyncIterable<TaskEnd[]>;
}

export function createReportStore(db: Kysely<Schema>): ReportStore {
  return {
    runsSince: (from, after, limit) =>
      db
        .selectFrom('schedule_runs')
        .select(['id', 'command_id', 'status', 'due_at', 'started_at', 'ended_at', 'exit_code'])
        .where((eb) =>
          after === null
            ? eb('started_at', '>=', from)
            : eb(eb.refTuple('started_at', 'id'), '>', eb.tuple(after.started_at, after.id)),
        )
        .orderBy('started_at')
        .orderBy('id')
        .limit(limit)
        .execute(),
    async *taskEndsSince(from) {
      const since = new Date(from).toISOString();
      const newest = await newestEvent(db);
      for (let begin = await firstEventSince(db, since, newest); begin <= newest; begin += EVENTS) {
        const rows = await db
          .selectFrom('events')
          .innerJoin('tasks', 'tasks.id', 'events.task_id')
          .leftJoin('events as before', 'before.id', 'events.prev')
          .select([
            'events.task_id',
            'tasks.title',
            'events.at',
            'events.status',
            'events.reason',
            'tasks.status as now',
          ])
          .where('events.id', '>=', begin)
          .where('events.id', '<', begin + EVENTS)
          .where('events.shown', '=', 1)
          .where('events.status', 'not in', ['queued', 'running', 'retrying'])
          .where('events.at', '>=', since)
          // A remark on a task that has ended is no end.
          .where('events.status', 'is distinct from', (eb) => eb.ref('before.status'))
          .orderBy('events.id')
          .execute();
        yield rows.map((row) => ({ ...row, at: Date.parse(row.at) }));
      }
    },
  };
}

/** Rows of the log of changes that are read at a time: a few milliseconds. */
const EVENTS = 5_000;

/** The log is in the order of time, so halving finds the place; an index for it would cost every end of a task. */
async function firstEventSince(db: Kysely<Schema>, at: string, newest: number): Promise<number> {
  let [low, high] = [1, newest + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const row = await db
      .selectFrom('events')
      .select(['id', 'at'])
      .where('id', '>=', middle)
      .orderBy('id')
      .limit(1)
      .executeTakeFirst();
    if (!row || row.at >= at) high = middle;
    else low = row.id + 1;
  }
  return low;
}
