/** The part of a job's log that belongs to one step. Pure. */

export interface StepTimes {
  /** ISO times as GitHub gives them, whole seconds; null where it does not know. */
  startedAt: string | null;
  endedAt: string | null;
  name: string;
  /** Steps that ran before it, but for "Set up job", and began in the same second. */
  sameSecondBefore: number;
  /** "Set up job" itself has no line that marks its beginning. */
  first: boolean;
}

export type LineFate =
  /** Of another step. */
  | 'drop'
  | 'keep'
  /** Kept, and all that was kept before belongs to an earlier step. */
  | 'restart'
  /** Neither this line nor any later one belongs to the step. */
  | 'end';

const STAMP = /^\uFEFF?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z ?/;
/** How the runner begins a step of the workflow, and what follows all of them. */
const BEGINS = /^##\[group\]Run (.*)$/;
const AFTER_ALL = /^(?:Post job cleanup\.|Cleaning up orphan processes|##\[group\]Post )/;

/**
 * Decides line by line. A job's log is one text; only its timestamps and the runner's own marks tell
 * the steps apart, and the API knows a step's time only to the second. So within its first second each
 * mark of a step's beginning starts the part anew, as often as steps began in that second; and
 * within its last second the next mark after an error ends it.
 */
export function createStepFilter(step: StepTimes): (line: string) => LineFate {
  const from = step.startedAt === null ? Number.NEGATIVE_INFINITY : Date.parse(step.startedAt);
  const to = step.endedAt === null ? Number.POSITIVE_INFINITY : Date.parse(step.endedAt);
  const wanted = `##[group]${step.name}`;
  let restarts = step.first ? 0 : step.sameSecondBefore + 1;
  let last: LineFate = 'drop';
  let at = Number.NEGATIVE_INFINITY;
  let failed = false;
  let named = false;

  return (line) => {
    if (last === 'end') return last;
    const stamp = STAMP.exec(line);
    // A line without a time is the rest of the one before.
    if (!stamp) return (last = last === 'restart' ? 'keep' : last);
    at = Date.parse(`${stamp[1]}Z`);
    const text = line.slice(stamp[0].length).trimEnd();
    if (at < from) return (last = 'drop');
    if (at > to) return (last = 'end');
    const begins = BEGINS.test(text);
    if (begins && at === from && (text === wanted || (!named && restarts > 0))) {
      named ||= text === wanted;
      restarts--;
      failed = false;
      return (last = 'restart');
    }
    if (failed && at === to && (begins || AFTER_ALL.test(text))) return (last = 'end');
    if (text.startsWith('##[error]')) failed = true;
    return (last = 'keep');
  };
}

/** Why the runner ended a step or job, where that was time: `after 5 minutes`. */
export function timeoutIn(line: string): string | null {
  const match =
    /has timed out after (\d+ \w+)/.exec(line) ?? /exceeded the maximum execution time of (\d+ ?\w+)/.exec(line);
  return match ? `timed out after ${match[1]!.replace(/^(\d+)(\w+)$/, '$1 $2')}` : null;
}
