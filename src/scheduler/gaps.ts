import { periodMs } from './command.ts';
import type { CommandState, StoredCommand } from './spec.ts';
import { compileCron } from './cron.ts';

const DAY = 24 * 3600_000;
/**
 * Times after now count as now. A due time that is dealt with stays so while it lies ahead by no
 * more than a day: the clock went back, and will come by there again. Further ahead the clock must
 * have been wrong, and the command would wait for ever.
 */
export function settledClock(state: CommandState, now: number): CommandState {
  const atMost = (t: number | null): number | null => (t === null ? null : Math.min(t, now));
  return {
    ...state,
    last_start: atMost(state.last_start),
    last_run: atMost(state.last_run),
    served: state.served !== null && state.served > now + DAY ? now : state.served,
  };
}

/**
 * The state after a time in which no host was there. A command that catches up keeps it: it runs
 * once, late. Any other has its due times in the gap counted as served; one that had come due before
 * the gap is still owed, and so is a first run.
 */
export function afterGap({ spec, state }: StoredCommand, begins: number, ends: number): CommandState {
  if (spec.catch_up) return state;
  if (spec.cron !== null) {
    if (state.served === null) return state;
    const cron = compileCron(spec.cron, spec.timezone);
    if (cron.next(state.served) <= begins) return state;
    return { ...state, served: cron.newest(state.served, ends) ?? state.served };
  }
  if (spec.frequency_minutes === null || state.last_run === null) return state;
  const desired = periodMs(spec.frequency_minutes);
  const from = Math.max(state.last_run, state.served ?? 0);
  if (from + desired <= begins || from + desired > ends) return state;
  // The rhythm is kept: the next run comes as if those in the gap had been there.
  return { ...state, served: from + Math.floor((ends - from) / desired) * desired };
}
