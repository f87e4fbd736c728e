import type { Clock } from './ports.ts';

export interface StallClock {
  /** A sign of life. */
  alive(): void;
  /** Tool calls in progress allow a longer silence. */
  tools(open: number): void;
  /** Stands still while a person is asked. */
  pause(paused: boolean): void;
  /** For good: a question that is given up later does not start it again. */
  stop(): void;
}

/** Calls `onStall` once when an agent has been silent for `silentMs`, or `silentToolMs` inside a tool call. */
export function startStallClock(
  clock: Clock,
  limits: { silentMs: number; silentToolMs: number },
  onStall: () => void,
): StallClock {
  let open = 0;
  let paused = false;
  let stopped = false;
  let last = clock.now();
  let cancel = (): void => {};
  const arm = (): void => {
    cancel();
    if (paused || stopped) return;
    const limit = open > 0 ? limits.silentToolMs : limits.silentMs;
    // Signs of life only move `last`; the timer finds out when it fires. A chatty agent re-arms nothing.
    cancel = clock.after(Math.max(last + limit - clock.now(), 1), () => {
      if (clock.now() - last >= (open > 0 ? limits.silentToolMs : limits.silentMs)) onStall();
      else arm();
    });
  };
  arm();
  return {
    alive() {
      last = clock.now();
    },
    tools(count) {
      if (open > 0 !== count > 0) {
        open = count;
        last = clock.now();
        arm();
      } else open = count;
    },
    pause(value) {
      paused = value;
      last = clock.now();
      arm();
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}
