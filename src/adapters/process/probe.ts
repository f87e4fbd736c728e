/** Short questions to programs (`--version`, `login status`), outside of any task. */
import { randomUUID } from 'node:crypto';
import { createTaskProcesses, NO_LEDGER } from './taskProcesses.ts';

export interface ProbeResult {
  /** Exit code; null when it was ended, or could not be started. */
  code: number | null;
  /** stdout and stderr, at most 64 KB. */
  output: string;
  timedOut: boolean;
}

/** Runs a program to its end, or for `timeoutMs`, and gives back what it said. Rejects when it cannot be started. */
export async function probe(
  argv: readonly string[],
  options: { cwd: string; env: Readonly<Record<string, string>>; timeoutMs: number },
): Promise<ProbeResult> {
  const processes = createTaskProcesses({
    owner: `probe-${randomUUID()}`,
    baseEnv: options.env,
    ledger: NO_LEDGER,
    graceMs: 500,
    pipeGraceMs: 200,
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  const result = await processes.run({
    kind: 'agent',
    command: { argv },
    cwd: options.cwd,
    timeoutMs: options.timeoutMs,
    onOutput: (chunk) => {
      if (size < 65_536) chunks.push(chunk);
      size += chunk.length;
    },
  });
  await processes.endAll();
  return {
    code: result.code,
    output: Buffer.concat(chunks).toString('utf8').slice(0, 65_536),
    timedOut: result.timedOut,
  };
}
