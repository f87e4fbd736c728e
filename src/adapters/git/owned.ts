/** Programs of the user's own (hooks, and git that runs them): among the task's processes, so that they can be ended. */
import type { ProcessSpec, TaskProcesses } from '../../tasks/ports.ts';

export interface OwnedResult {
  /** Exit code; -1 when a signal or the time limit ended it. */
  code: number;
  /** Both streams as they came; of very long ones the beginning and the end. */
  output: string;
  timedOut: boolean;
}

const KEPT = 256 * 1024;

/** Runs to the end; rejects with the signal's reason when aborted. */
export async function runOwned(
  processes: TaskProcesses,
  spec: Omit<ProcessSpec, 'onOutput' | 'kind'>,
): Promise<OwnedResult> {
  const kept = keepEnds(KEPT);
  const ended = await processes.run({ ...spec, kind: 'git', onOutput: (chunk) => kept.push(Buffer.from(chunk)) });
  spec.signal?.throwIfAborted();
  return { code: ended.code ?? -1, output: kept.text(), timedOut: ended.timedOut };
}

function keepEnds(limit: number) {
  const head: Buffer[] = [];
  const tail: Buffer[] = [];
  let headSize = 0;
  let tailSize = 0;
  let dropped = 0;
  return {
    push(chunk: Buffer): void {
      if (headSize < limit / 2) {
        head.push(chunk);
        headSize += chunk.length;
        return;
      }
      tail.push(chunk);
      tailSize += chunk.length;
      while (tail.length > 1 && tailSize - tail[0]!.length > limit / 2) {
        const gone = tail.shift()!;
        tailSize -= gone.length;
        dropped += gone.length;
      }
    },
    text(): string {
      const gap = dropped > 0 ? [Buffer.from(`\n… ${dropped} bytes left out …\n`)] : [];
      return Buffer.concat([...head, ...gap, ...tail]).toString();
    },
  };
}
