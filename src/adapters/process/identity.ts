/** Who a process is, across restarts, reused pids, machines and containers. */
import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { codeOf } from '../../errors.ts';
import { readProcess } from './table.ts';
import type { ProcessRow } from './table.ts';

const execFileAsync = promisify(execFile);
const QUERY = { timeout: 10_000, windowsHide: true } as const;

/** The machine since its last start, and the pid namespace: pids mean something only within both. */
export interface ProcessSpace {
  bootId: string;
  pidNamespace: string;
}

export interface ProcessIdentity extends ProcessSpace {
  pid: number;
  /** Opaque; see `ProcessRow`. */
  startTime: string;
  hostname: string;
}

/** Boot id and pid namespace of this process. Throws when the system does not tell. */
export async function processSpace(): Promise<ProcessSpace> {
  if (process.platform === 'linux') {
    const [bootId, pidNamespace] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readlink('/proc/self/ns/pid'),
    ]);
    return { bootId: bootId.trim(), pidNamespace };
  }
  if (process.platform === 'win32') {
    const script = '(Get-CimInstance Win32_OperatingSystem).LastBootUpTime.ToUniversalTime().Ticks';
    const { stdout } = await execFileAsync(
      'powershell.exe',
      ['-NoProfile', '-NonInteractive', '-Command', script],
      QUERY,
    );
    return { bootId: `${hostname()}-${stdout.trim()}`, pidNamespace: 'host' };
  }
  const { stdout } = await execFileAsync('sysctl', ['-n', 'kern.bootsessionuuid'], QUERY);
  return { bootId: stdout.trim(), pidNamespace: 'host' };
}

/** This process. */
export async function processIdentity(): Promise<ProcessIdentity> {
  const [space, row] = await Promise.all([processSpace(), readProcess(process.pid)]);
  if (!row) throw new Error('this process is missing from the process table');
  return { pid: process.pid, startTime: row.startTime, hostname: hostname(), ...space };
}

/** Whether a signal would reach the process: a hidden process table (`hidepid`) must not read as death. */
function signalReaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/**
 * Whether the process that was recorded still runs. `elsewhere`: it belongs to another machine,
 * an earlier boot or another container, and nothing here can tell. A read that fails is `alive`;
 * a zombie and a reused pid are `dead`.
 */
export async function isAlive(
  recorded: Pick<ProcessIdentity, 'pid' | 'startTime' | 'bootId' | 'pidNamespace'>,
): Promise<'alive' | 'dead' | 'elsewhere'> {
  const space = await processSpace();
  if (space.bootId !== recorded.bootId || space.pidNamespace !== recorded.pidNamespace) return 'elsewhere';
  let row: ProcessRow | null;
  try {
    row = await readProcess(recorded.pid);
  } catch {
    return 'alive';
  }
  if (row === null) return signalReaches(recorded.pid) ? 'alive' : 'dead';
  return row.startTime === recorded.startTime && !row.zombie ? 'alive' : 'dead';
}
