/** Adds up the working time of a task, to be charged piece by piece. */
export interface BudgetClock {
  /** Whether the task holds a slot: only then is time charged. */
  hold(held: boolean): void;
  /** Stands still while a person is asked. */
  pause(paused: boolean): void;
  /** What is yet to be charged, ms. */
  due(): number;
  /** So much of it has been charged. */
  charged(ms: number): void;
}

/** Between two calls at most `longestMs` count: a gap far above the rhythm of a carrier is a suspended machine, not work. */
export function startBudgetClock(now: () => number, longestMs: number): BudgetClock {
  let last = now();
  let held = false;
  let paused = false;
  let sum = 0;
  const advance = (): void => {
    const at = now();
    if (held && !paused) sum += Math.min(Math.max(at - last, 0), longestMs);
    last = at;
  };
  return {
    hold(value) {
      advance();
      held = value;
    },
    pause(value) {
      advance();
      paused = value;
    },
    due() {
      advance();
      return sum;
    },
    charged(ms) {
      sum -= ms;
    },
  };
}
