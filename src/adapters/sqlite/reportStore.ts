import { sql, type Kysely } from 'kysely';
import type { ReportRun, TaskEnd } from '../../scheduler/report.ts';
import type { Schema } from './schema.ts';

/** What the report reads, in pieces: nobody waits for a whole history. Times are ms since the epoch. */
export interface ReportStore {
  /** Runs since a moment in the order of their starts, `limit` at most, those after `after`. */
  runsSince(from: number, after: ReportRun | null, limit: number): Promise<ReportRun[]>;
  /** Every time a task came to an end since a moment, in order. */
  taskEndsSince(from: number): Promise<TaskEnd[]>;
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
    async taskEndsSince(from) {
      const rows = await db
        .selectFrom('events')
        .innerJoin('tasks', 'tasks.id', 'events.task_id')
        .leftJoin('events as before', 'before.id', 'events.prev')
        .select(['events.task_id', 'tasks.title', 'events.at', 'events.status', 'events.reason', 'tasks.status as now'])
        // The index `events_ended`.
        .where(sql<boolean>`events.shown = 1 and events.status in ('success', 'needs_review', 'error', 'aborted')`)
        .where('events.at', '>=', new Date(from).toISOString())
        // A remark on a task that has ended is no end.
        .where('events.status', 'is distinct from', (eb) => eb.ref('before.status'))
        .orderBy('events.at')
        .execute();
      return rows.map((row) => ({ ...row, at: Date.parse(row.at) }));
    },
  };
}
