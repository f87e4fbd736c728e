/** GitHub's words for the state of a check, in ours; and which of several runs counts. Pure. */
import type { ForgeCheck } from '../../tasks/forge.ts';
import type { CheckState } from '../../tasks/task.ts';

const CONCLUSIONS: Readonly<Record<string, CheckState>> = {
  success: 'success',
  failure: 'failure',
  neutral: 'neutral',
  cancelled: 'cancelled',
  skipped: 'skipped',
  timed_out: 'timed_out',
  action_required: 'action_required',
  stale: 'stale',
  startup_failure: 'startup_failure',
};

/**
 * A check run's state from its status and conclusion, in REST's small letters or GraphQL's capitals.
 * A conclusion that GitHub invents later is nothing an agent can mend and never green.
 */
export function checkRunState(status: string | null | undefined, conclusion: string | null | undefined): CheckState {
  switch (status?.toLowerCase()) {
    case 'completed':
      // Between the end of a run and its verdict there is a moment with neither.
      return conclusion ? (CONCLUSIONS[conclusion.toLowerCase()] ?? 'action_required') : 'running';
    case 'in_progress':
      return 'running';
    default:
      // queued, requested, waiting (for a deployment's rules), pending (for its concurrency group).
      return 'queued';
  }
}

/** The state of a commit status. `expected` is one that the base's rules wait for. */
export function statusState(state: string): CheckState {
  switch (state.toLowerCase()) {
    case 'success':
      return 'success';
    case 'failure':
    case 'error':
      return 'failure';
    case 'pending':
      return 'running';
    case 'expected':
      return 'queued';
    default:
      return 'action_required';
  }
}

/**
 * The state of a workflow run that has no jobs: not yet, or it never will. A failure without jobs is
 * a workflow file that GitHub could not read; a success without any proves nothing.
 */
export function emptyRunState(status: string | null | undefined, conclusion: string | null | undefined): CheckState {
  const state = checkRunState(status, conclusion);
  if (state === 'failure') return 'startup_failure';
  return state === 'success' ? 'neutral' : state;
}

/** A check as either API tells it, before it is decided which ones count. */
export interface FoundCheck extends Omit<ForgeCheck, 'name'> {
  /** As the forge calls it, without its workflow. */
  label: string;
  /** Of one workflow, of one app, or of statuses: within it a newer run replaces an older one. */
  source: string;
  event: string | null;
}

const newer = (a: FoundCheck, b: FoundCheck): boolean =>
  a.id.length === b.id.length ? a.id > b.id : a.id.length > b.id.length;
const runNumber = (it: FoundCheck): number => Number(it.runId ?? 0);

/** Runs in which a name stands twice: jobs of an earlier attempt, or jobs that are really called the same. */
export function ambiguousRuns(found: readonly FoundCheck[]): string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { runId, label } of found) {
    if (runId === null) continue;
    const key = `${runId}\n${label}`;
    if (seen.has(key)) twice.add(runId);
    seen.add(key);
  }
  return [...twice];
}

/**
 * The checks that count, named: of each workflow and event all jobs of the newest run, and of each
 * other source the newest of each name. Jobs of one run that share a name all count, or a green leg
 * of a matrix could hide a red one; those of an earlier attempt are gone before (`ambiguousRuns`).
 * Names are unique: the workflow stands in front where there are several, and the event behind where
 * one workflow ran for two.
 */
export function countingChecks(found: readonly FoundCheck[]): ForgeCheck[] {
  const newestRun = new Map<string, number>();
  const group = (it: FoundCheck): string => `${it.source}\n${it.event ?? ''}`;
  for (const it of found) newestRun.set(group(it), Math.max(newestRun.get(group(it)) ?? 0, runNumber(it)));

  const counting = new Map<string, FoundCheck>();
  for (const it of found) {
    if (runNumber(it) < newestRun.get(group(it))!) continue;
    const key = `${group(it)}\n${it.runId === null ? it.label : it.id}`;
    const other = counting.get(key);
    if (!other || newer(it, other)) counting.set(key, it);
  }

  const checks = [...counting.values()];
  const several = new Set(checks.map((it) => it.workflow).filter((it) => it !== null)).size > 1;
  const named = checks.map((it) => ({
    it,
    name: several && it.workflow !== null && it.workflow !== it.label ? `${it.workflow} / ${it.label}` : it.label,
  }));
  const events = new Map<string, Set<string | null>>();
  for (const { it, name } of named) events.set(name, (events.get(name) ?? new Set()).add(it.event));
  const taken = new Set<string>();
  return named.map(({ it, name }) => {
    const whole = events.get(name)!.size > 1 && it.event !== null ? `${name} (${it.event})` : name;
    let unique = whole;
    for (let n = 2; taken.has(unique); n++) unique = `${whole} (${n})`;
    taken.add(unique);
    const { label: _label, source: _source, event: _event, ...check } = it;
    return { ...check, name: unique };
  });
}

/** Ids of a run and a job from an address of Actions: GraphQL's own ids do not fit its 32-bit Int. */
export function idsFromUrl(url: string | null | undefined): { runId: string | null; jobId: string | null } {
  const match = /\/actions\/runs\/(\d+)(?:\/(?:attempts\/\d+\/)?job\/(\d+))?/.exec(url ?? '');
  return { runId: match?.[1] ?? null, jobId: match?.[2] ?? null };
}

/** The id of a check run from its address on GitHub, be it a job or another app's. */
export const checkRunIdFromUrl = (url: string): string | null =>
  idsFromUrl(url).jobId ?? /\/runs\/(\d+)(?:[?#].*)?$/.exec(url)?.[1] ?? null;
