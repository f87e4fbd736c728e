import { AmpaError } from '../errors.ts';
import { isOpen, type EndedRun, type Forge, type ForgeCheck, type ForgeSnapshot } from './forge.ts';
import { mayAsk, MIN_DELAY_MS, type Allowance } from './pollPolicy.ts';
import type { Clock } from './ports.ts';
import type { TaskForge } from './task.ts';

/** After a question that failed, looks alone tell for so long, and say what is wrong; ms. */
const REST_MS = 10 * 60_000;

/** A commit that waits, and what was last seen of it. */
interface SeenCommit {
  sha: string;
  snapshot: ForgeSnapshot | null;
}

/** Between two looks at a repository: a question that costs nothing while no workflow run has ended. */
export interface EndedRuns {
  /** Before the first look, and where it had stopped: what has ended until now, the look will show. */
  begin(): Promise<void>;
  /** Whether all runs of one of these commits have ended since; asks every 5 s at most. */
  hasEnded(allowance: Allowance, waiting: () => Promise<readonly SeenCommit[]>): Promise<boolean>;
  /** Whether the end of what a commit still waits for will be seen: of workflow runs that have not ended, and nothing else. */
  covers(open: readonly ForgeCheck[]): boolean;
  /** ms until it may ask again; five seconds where it does not. */
  dueIn(): number;
  /** Requests that were counted since the last call. */
  takeCounted(): number;
}

/** What is not decided yet. */
export const openChecks = (snapshot: ForgeSnapshot | null | undefined): ForgeCheck[] =>
  (snapshot?.checks ?? []).filter(isOpen);

export function createEndedRuns(forge: Forge, target: TaskForge, clock: Clock, signal: AbortSignal): EndedRuns {
  let known: readonly EndedRun[] | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let restUntil = Number.NEGATIVE_INFINITY;
  let counted = 0;

  /** Runs that have ended since the last question. */
  async function ask(): Promise<EndedRun[]> {
    askedAt = clock.now();
    try {
      const answer = await forge.endedRuns(target, signal);
      if (answer) {
        counted += answer.counted;
        const before = known && new Set(known.map((run) => run.id));
        known = answer.runs;
        return before ? known.filter((run) => !before.has(run.id)) : [];
      }
    } catch (error) {
      signal.throwIfAborted();
      // What keeps the forge from answering the looks meet too, and tell.
      if (!(error instanceof AmpaError)) throw error;
    }
    known = undefined;
    restUntil = clock.now() + REST_MS;
    return [];
  }
  const isOver = (check: ForgeCheck): boolean => known?.some((run) => run.runId === check.runId) ?? false;
  const rests = (): boolean => clock.now() < restUntil;

  return {
    async begin() {
      if (!known && !rests()) await ask();
    },
    async hasEnded(allowance, waiting) {
      const now = clock.now();
      if (!known || rests() || now - askedAt < MIN_DELAY_MS || !mayAsk(allowance, now)) return false;
      const ended = await ask();
      if (ended.length === 0) return false;
      return (await waiting()).some(
        (it) => ended.some((run) => run.sha === it.sha) && openChecks(it.snapshot).every(isOver),
      );
    },
    // Of a run that has ended the checks may show late: then the looks stay close.
    covers: (open) => known !== undefined && open.every((it) => it.workflow !== null) && !open.every(isOver),
    dueIn: () => (known ? Math.max(0, askedAt + MIN_DELAY_MS - clock.now()) : MIN_DELAY_MS) || MIN_DELAY_MS,
    takeCounted() {
      const taken = counted;
      counted = 0;
      return taken;
    },
  };
}
