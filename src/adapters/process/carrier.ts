/** The engine's own detached process that carries one task. */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { readProcess } from './table.ts';
import type { ProcessRef } from './table.ts';

export interface CarrierSpec {
  execPath: string;
  args: readonly string[];
  cwd: string;
  /** The whole environment; without secrets, which go through `credentials`. */
  env: Readonly<Record<string, string>>;
  /** Receives stdout and stderr, appended; without it they are dropped. */
  logFile?: string;
  /** Sent as one line of JSON on stdin, which is then closed: never by argument or environment. */
  credentials?: unknown;
}

export interface Carrier extends ProcessRef {
  /** Settles when it ends, if this host lives to see it. */
  exited: Promise<{ code: number | null; signal: string | null }>;
}

/**
 * Starts a process that outlives this one: its own session, no pipe to us that it would miss, and
 * not waited for by the event loop. Resolves once the credentials are handed over; rejects when it
 * cannot be started.
 */
export async function spawnDetachedCarrier(spec: CarrierSpec): Promise<Carrier> {
  const log = spec.logFile === undefined ? null : await open(spec.logFile, 'a', 0o600);
  try {
    const child = spawn(spec.execPath, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      detached: true,
      windowsHide: true,
      stdio: ['pipe', log ? log.fd : 'ignore', log ? log.fd : 'ignore'],
    });
    const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    const { pid, stdin } = child;
    if (pid === undefined || !stdin) throw new Error(`${spec.execPath} was started without its pipe`);
    const row = await readProcess(pid);
    await new Promise<void>((resolve) => {
      // A carrier that ended before it read: its exit tells.
      stdin.on('error', () => resolve());
      stdin.end(spec.credentials === undefined ? '' : `${JSON.stringify(spec.credentials)}\n`, resolve);
    });
    child.unref();
    return { pid, startTime: row?.startTime ?? '', exited };
  } finally {
    await log?.close();
  }
}
