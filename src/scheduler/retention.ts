/** Which runs of a command are forgotten. Pure. */
import type { RunStatus } from './spec.ts';

/** A failure outlives the newest runs by so long: a command that runs each minute has failed in the night, too. */
export const FAILURES_MS = 7 * 24 * 3600_000;

export const hasFailed = (status: RunStatus): boolean =>
  status === 'failed' || status === 'timed_out' || status === 'interrupted';

interface EndedRun {
  id: string;
  status: RunStatus;
  /** ms since the epoch. */
  started_at: number;
}

/**
 * Ids of the runs that go. `older`: those behind the newest `keep` of the command, the newest first.
 * Of them the newest `keep` failures of a week stay, each with the success that ended it.
 */
export function forgotten(older: readonly EndedRun[], keep: number, now: number): string[] {
  const gone: string[] = [];
  let failures = 0;
  const stays = (run: EndedRun | undefined): boolean =>
    run !== undefined && hasFailed(run.status) && failures < keep && run.started_at >= now - FAILURES_MS;
  /** What ran before it; a run that had nothing to do says nothing. */
  const before = (i: number): EndedRun | undefined => {
    let at = i + 1;
    while (older[at]?.status === 'skipped') at++;
    return older[at];
  };
  for (const [i, run] of older.entries()) {
    if (stays(run)) failures++;
    else if (run.status !== 'succeeded' || !stays(before(i))) gone.push(run.id);
  }
  return gone;
}
