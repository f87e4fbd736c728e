/** A host of a day in a process of its own: `scheduleProcess.ts DIR NAME AT`. It is told where to step, and answers what comes next. */
import { dayHost } from './scheduleDay.ts';
import { scheduleBench } from './schedule.ts';

export type ToHost = { to: number } | { dead: string };
export interface FromHost {
  look: number | null;
}

const [dir = '', name = '', at = ''] = process.argv.slice(2);
const bench = scheduleBench({ dir, at: Number(at) });
const dead = new Set<string>();
const host = await dayHost(bench, name, dead);
const answer = (message: FromHost): void => void process.send?.(message);

process.on('message', (message: ToHost) => {
  if ('dead' in message) return void dead.add(message.dead);
  host.step(message.to).then(
    // JSON has no infinity.
    (look) => {
      if (bench.errors.length > 0) throw bench.errors[0];
      answer({ look: look === Infinity ? null : look });
    },
  );
});
process.on('disconnect', () => process.exit());
answer({ look: null });
