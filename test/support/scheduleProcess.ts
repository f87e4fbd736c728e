/** A host of a day in a process of its own: `scheduleProcess.ts DIR NAME AT`. It is told where to step, and answers what comes next. */
import { dayHost } from './scheduleDay.ts';
import { scheduleBench } from './scheduleBench.ts';

export type ToHost = { to: number } | { dead: string };
export interface FromHost {
  look: number | null;
}

const [dir = '', name = '', at = ''] = process.argv.slice(2);
const bench = scheduleBench({ dir, at: Number(at) });
const dead = new Set<string>();
const host = await dayHost(bench, name, dead);
const answer = (message: FromHost): void => void process.send?.(message);

async function step(to: number): Promise<void> {
  const look = await host.step(to);
  if (bench.errors.length > 0) throw bench.errors[0];
  // JSON has no infinity.
  answer({ look: look === Infinity ? null : look });
}

process.on('message', (message: ToHost) => {
  if ('dead' in message) dead.add(message.dead);
  // Unhandled: whoever waits for the answer sees the process fail.
  else void step(message.to);
});
process.on('disconnect', () => process.exit());
answer({ look: null });
