import type { Pulse } from '../tasks/ports.ts';

/** Remembers by when a loop should have come round. */
export interface PulseMeter extends Pulse {
  /** How long ago it should have, ms; 0 before the first pass and where it is in time. */
  overdueMs(): number;
}

/** A loop of a host, and how long ago it should have come round, ms; 0 where it is in time. */
export interface LoopState {
  name: string;
  overdueMs: number;
}

export const loopStates = (pulses: Readonly<Record<string, PulseMeter>>): LoopState[] =>
  Object.entries(pulses).map(([name, pulse]) => ({ name, overdueMs: pulse.overdueMs() }));

export function createPulse(now: () => number): PulseMeter {
  let due = Infinity;
  return {
    begins() {
      // A pass that fails, or never ends, was due when the last good one said.
      due = Math.min(due, now());
    },
    done(next) {
      due = next;
    },
    overdueMs: () => Math.max(0, now() - due),
  };
}
