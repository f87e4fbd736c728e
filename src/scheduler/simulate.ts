import type { Rules } from './spec.ts';
import { type Schedule } from './choose.ts';
import { createScheduleIndex } from './scheduleIndex.ts';

export interface Simulation {
  /** Seconds between two starts of each command. */
  observed: Record<string, number[]>;
  /** Every start, in order; seconds after the beginning. */
  starts: { at: number; id: string }[];
}

/**
 * What the rules would start on a fake clock that begins at `from` (ms), every command as just run.
 * Runs take no time, and the LLM is up.
 */
export function simulate(
  schedules: readonly Schedule[],
  rules: Rules,
  options: { from: number; hours: number; tickSeconds: number },
): Simulation {
  const { from } = options;
  const index = createScheduleIndex();
  const observed: Record<string, number[]> = {};
  const last = new Map<string, number>();
  for (const schedule of schedules) {
    index.set({ ...schedule, running: false, lastRun: from, served: schedule.cron ? from : null });
    if (!schedule.active) continue;
    observed[schedule.id] = [];
    last.set(schedule.id, from);
  }
  const starts: Simulation['starts'] = [];
  let lastStart: number | null = null;
  const end = from + options.hours * 3600_000;
  for (let now = from; now <= end; now += options.tickSeconds * 1000) {
    for (let choice = index.choose(now, lastStart, rules, true); choice;) {
      const schedule = index.get(choice.id)!;
      index.set({ ...schedule, lastRun: now, served: schedule.cron ? choice.due : null });
      if (!schedule.exempt) lastStart = now;
      observed[choice.id]!.push((now - last.get(choice.id)!) / 1000);
      last.set(choice.id, now);
      starts.push({ at: (now - from) / 1000, id: choice.id });
      choice = index.choose(now, lastStart, rules, true);
    }
  }
  return { observed, starts };
}
