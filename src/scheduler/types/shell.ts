import * as z from 'zod';
import type { ProcessResult } from '../../tasks/ports.ts';
import type { CommandType, RunEnd } from '../ports.ts';

/** Shell text, run in the workspace. */
export const shellType: CommandType = {
  metadata: z.looseObject({}),
  run: async ({ spec, shell }) => endOf(await shell(spec.command)),
};

/** How a run ends whose program has ended so. */
export function endOf(result: ProcessResult): RunEnd {
  if (result.timedOut) return { status: 'timed_out', exit_code: 124 };
  if (result.aborted) return { status: 'interrupted', exit_code: null };
  // Ended by a signal: as shells say it, whatever the signal was.
  const code = result.code ?? 128 + (SIGNALS[result.signal ?? ''] ?? 0);
  return { status: code === 0 ? 'succeeded' : 'failed', exit_code: code };
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};
