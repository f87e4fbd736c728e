/**
 * Which command starts next: a pure function of the commands, their states, the rules and the time.
 * Times are ms since the epoch. `choose` is the rule, read over all commands; the index in
 * `scheduleIndex.ts` gives the same answer without reading them all.
 */
import type { Rules, StoredCommand } from './spec.ts';
import { isExempt, periodMs } from './command.ts';
import { compileCron, type Cron } from './cron.ts';
import { runnable } from './types.ts';

/** What choosing needs of a command. */
export interface Schedule {
  id: string;
  type: string;
  /** Enabled, of a type that this version can run. */
  active: boolean;
  running: boolean;
  /** Neither waits for the global interval nor sets it. */
  exempt: boolean;
  requiresLlm: boolean;
  priority: number;
  /** Null: `cron` decides. Both null: never due. */
  desiredMs: number | null;
  cron: Cron | null;
  lastRun: number | null;
  served: number | null;
}

export interface Choice {
  id: string;
  /** How late it is: the due time of a cron command, the end of the wanted pause of the others. */
  due: number;
  normalized: number;
  score: number;
}

/** `compile` may remember what it has read: expressions are few, commands many. */
export function scheduleOf(
  { spec, state }: StoredCommand,
  compile: (expression: string, timezone: string | null) => Cron = compileCron,
): Schedule {
  return {
    id: spec.id,
    type: spec.type,
    active: spec.enabled && runnable(spec.type),
    running: state.running !== null,
    exempt: isExempt(spec.type),
    requiresLlm: spec.requires_llm,
    priority: spec.priority,
    desiredMs: spec.frequency_minutes === null ? null : periodMs(spec.frequency_minutes),
    cron: spec.cron === null ? null : compile(spec.cron, spec.timezone),
    lastRun: state.last_run,
    served: state.served,
  };
}

const factorOf = (schedule: Schedule, rules: Rules): number =>
  Math.max(1 + Math.max(rules.priorityWeight, 0) * schedule.priority, 0.05);

/** From when on a pause is counted: the last run, or the end of a gap that was not to be made up for. */
const since = (schedule: Schedule): number =>
  schedule.lastRun === null ? 0 : Math.max(schedule.lastRun, schedule.served ?? 0);

/** The first moment at which the command's score is above zero, if nothing changes; Infinity: never. */
export function dueFrom(schedule: Schedule): number {
  if (schedule.cron) return schedule.served === null ? Infinity : schedule.cron.next(schedule.served);
  if (schedule.desiredMs === null) return Infinity;
  // A command exactly on time waits.
  return schedule.lastRun === null ? 0 : Math.floor(since(schedule) + schedule.desiredMs) + 1;
}

/** How late a command is now; null where it is not. `served` of a cron command is the search's beginning. */
export function latenessOf(schedule: Schedule, now: number, rules: Rules): Choice | null {
  let due: number;
  let normalized: number;
  if (schedule.cron) {
    const newest = schedule.served === null ? null : schedule.cron.newest(schedule.served, now);
    if (newest === null) return null;
    due = newest;
    // Late since the first due time that was not served: behind one that is late each time, the newest would wait for ever.
    const first = schedule.cron.next(schedule.served!);
    normalized = now === first ? Number.EPSILON : (now - first) / (schedule.cron.next(due) - due);
  } else {
    if (schedule.desiredMs === null) return null;
    const begin = Math.min(since(schedule), now);
    due = begin + schedule.desiredMs;
    normalized = (now - due) / schedule.desiredMs;
    if (normalized <= 0) return null;
  }
  return { id: schedule.id, due, normalized, score: normalized * factorOf(schedule, rules) };
}

/** Whether `a` goes before `b`: the highest score, normalized lateness, id. */
export function goesBefore(a: Choice, b: Choice): boolean {
  if (a.score !== b.score) return a.score > b.score;
  if (a.normalized !== b.normalized) return a.normalized > b.normalized;
  return a.id > b.id;
}

/** Whether the global interval holds a command back. A start in the future counts as one just now. */
export const isHeldBack = (schedule: Schedule, now: number, lastStart: number | null, rules: Rules): boolean =>
  !schedule.exempt && rules.minIntervalMs > 0 && lastStart !== null && now - lastStart < rules.minIntervalMs;

export const isDormant = (schedule: Schedule, rules: Rules): boolean => rules.dormant?.has(schedule.type) ?? false;

/** The command to start now, or null. Reads every command. */
export function choose(
  schedules: Iterable<Schedule>,
  now: number,
  lastStart: number | null,
  rules: Rules,
  llmUp: boolean,
): Choice | null {
  let best: Choice | null = null;
  for (const schedule of schedules) {
    if (!schedule.active || schedule.running || (schedule.requiresLlm && !llmUp)) continue;
    if (isDormant(schedule, rules)) continue;
    if (isHeldBack(schedule, now, lastStart, rules)) continue;
    const late = latenessOf(schedule, now, rules);
    if (late && (!best || goesBefore(late, best))) best = late;
  }
  return best;
}

/** Starts an hour that the enabled commands ask for, without those that the interval does not hold back. */
function startsAnHour(schedules: Iterable<Schedule>, now: number): number {
  let starts = 0;
  for (const schedule of schedules) {
    if (!schedule.active || schedule.exempt) continue;
    if (schedule.desiredMs !== null) starts += 3600_000 / schedule.desiredMs;
    else if (schedule.cron) starts += cronStartsAnHour(schedule.cron, now);
  }
  return starts;
}

/** On average over the coming day, or over the next pause where that is longer. */
function cronStartsAnHour(cron: Cron, now: number): number {
  const day = 24 * 3600_000;
  let count = 0;
  let at = cron.next(now);
  for (const end = now + day; at <= end && count < 1440; at = cron.next(at)) count++;
  if (count > 0) return count / 24;
  return 3600_000 / (cron.next(at) - at);
}

/** A warning for people where the enabled commands need more starts than the interval allows; else null. */
export function capacityWarning(schedules: Iterable<Schedule>, now: number, rules: Rules): string | null {
  if (rules.minIntervalMs <= 0) return null;
  const allowed = 3600_000 / rules.minIntervalMs;
  const wanted = startsAnHour(schedules, now);
  if (wanted <= allowed + 1e-9) return null;
  return (
    `The enabled commands need ${Math.round(wanted)} starts an hour, and AMPA_SCHEDULER_GLOBAL_MIN_INTERVAL_SECONDS ` +
    `allows ${Math.round(allowed)}: some will run late.`
  );
}
