/**
 * Conditions that partial indices are made for. Their values are literals: against a bound value
 * SQLite cannot prove that an index applies, and compiles the statement anew each time it is bound.
 */
import { sql } from 'kysely';

/** The index `tasks_active`. */
export const ACTIVE = sql<boolean>`(status = 'queued' or status = 'running' or status = 'retrying')`;
export const QUEUED = sql<boolean>`status = 'queued'`;
export const RUNNING = sql<boolean>`(status = 'running' or status = 'retrying')`;
/** The index `prompts_open`. */
export const OPEN = sql<boolean>`(state = 'waiting' or state = 'answering')`;

/** The index `deliveries_open`. */
export const UNDELIVERED = sql<boolean>`(deliveries.state = 'waiting' or deliveries.state = 'sending')`;

/** How many tasks hold a slot. */
export const SLOTS_TAKEN = sql<number>`(select count(*) from tasks where slot = 1 and ${ACTIVE})`;

/** What every statement sets that changes something people see; a remark to go with it comes after this. */
export const touched = (at: string) => ({
  rev: sql<number>`(select max(id) + 1 from events)`,
  updated_at: at,
  note: sql.lit(null),
});

/** The time as it is stored. Many statements share a millisecond. */
export function isoClock(now: () => number): () => string {
  let at = Number.NaN;
  let text = '';
  return () => {
    const current = now();
    if (current !== at) text = new Date((at = current)).toISOString();
    return text;
  };
}

/** The phase that a `continue` without words goes back to; the agent's own phases begin with the agent, and what has ended or waits keeps its own. */
export const RESUME_PHASE = sql<null>`case when phase is null then resume_phase when phase in ('preparing', 'agent') then null else phase end`;
