import { codeOf } from '../../errors.ts';
/**
 * The machine's processes, read from the operating system: /proc on Linux, `ps` on macOS,
 * CIM on Windows. A read that fails is never an empty answer: whole listings throw, and a
 * single process counts as gone only when the system says that it does not exist.
 */
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);
const LISTING = { timeout: 10_000, maxBuffer: 256 * 1024 * 1024, windowsHide: true } as const;

export interface ProcessRow {
  pid: number;
  ppid: number;
  /** Process group; equal to `pid` for a group leader. On Windows always the pid. */
  pgid: number;
  /** Opaque, stable for the life of the process: clock ticks since boot on Linux, text elsewhere. */
  startTime: string;
  /** Ended, but not yet collected by its parent. */
  zombie: boolean;
}

/** What a process is recorded as: a pid alone is reused. */
export interface ProcessRef {
  pid: number;
  startTime: string;
}

const isGone = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH';

/** Parses a line of /proc/<pid>/stat; the program's name may hold spaces and parentheses. */
export function parseStat(text: string): ProcessRow {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields[0] ?? '';
  // A leader that ended before its threads shows as a zombie and still acts: field 20 counts threads.
  const threads = Number(fields[17]);
  const row = {
    pid: Number.parseInt(text, 10),
    ppid: Number(fields[1]),
    pgid: Number(fields[2]),
    startTime: fields[19] ?? '',
    zombie: (state === 'Z' || state === 'X') && threads <= 1,
  };
  if (!Number.isInteger(row.pid) || !row.startTime)
    throw new Error(`cannot read process state from ${JSON.stringify(text)}`);
  return row;
}

/** `pid ppid pgid stat lstart` lines of ps, as macOS prints them. */
export function parsePs(text: string): ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const line of text.split('\n')) {
    const [, pid, ppid, pgid, state, startTime] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line) ?? [];
    if (!state || !startTime) continue;
    rows.push({ pid: Number(pid), ppid: Number(ppid), pgid: Number(pgid), zombie: state.startsWith('Z'), startTime });
  }
  return rows;
}

const PS = ['-o', 'pid=,ppid=,pgid=,stat=,lstart='] as const;
const psEnv = (): NodeJS.ProcessEnv => ({ ...process.env, LC_ALL: 'C', TZ: 'UTC' });

/** Processes of Windows through CIM: pid, parent, creation date. */
async function windowsRows(filter: string): Promise<ProcessRow[]> {
  const script =
    `Get-CimInstance Win32_Process${filter} | ForEach-Object { '{0} {1} {2}' -f $_.ProcessId, $_.ParentProcessId, ` +
    `$(if ($_.CreationDate) { $_.CreationDate.ToUniversalTime().Ticks } else { 0 }) }`;
  const { stdout } = await execFileAsync(
    'powershell.exe',
    ['-NoProfile', '-NonInteractive', '-Command', script],
    LISTING,
  );
  return stdout.split(/\r?\n/).flatMap((line) => {
    const [pid, ppid, startTime] = line.trim().split(' ');
    return pid && ppid && startTime
      ? [{ pid: Number(pid), ppid: Number(ppid), pgid: Number(pid), startTime, zombie: false }]
      : [];
  });
}

async function inBatches<T, R>(items: readonly T[], fn: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += 64) results.push(...(await Promise.all(items.slice(i, i + 64).map(fn))));
  return results;
}

/** Every process that this one can see. Throws when the listing itself fails. */
export async function listProcesses(): Promise<ProcessRow[]> {
  if (process.platform === 'linux') {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const rows = await inBatches(pids, readProcess);
    return rows.filter((row) => row !== null);
  }
  if (process.platform === 'win32') return windowsRows('');
  const { stdout } = await execFileAsync('ps', ['-ax', ...PS], { ...LISTING, env: psEnv() });
  return parsePs(stdout);
}

/** One process, or null when it does not exist. Throws when that cannot be told. */
export async function readProcess(pid: number): Promise<ProcessRow | null> {
  if (process.platform === 'linux') {
    try {
      return parseStat(await readFile(`/proc/${pid}/stat`, 'latin1'));
    } catch (error) {
      if (isGone(error)) return null;
      throw error;
    }
  }
  if (process.platform === 'win32') return (await windowsRows(` -Filter 'ProcessId=${pid}'`))[0] ?? null;
  try {
    const { stdout } = await execFileAsync('ps', [...PS, '-p', String(pid)], { ...LISTING, env: psEnv() });
    return parsePs(stdout)[0] ?? null;
  } catch (error) {
    // ps exits 1 without a word when no process matches.
    if (error instanceof Error && 'code' in error && error.code === 1 && 'stderr' in error && error.stderr === '')
      return null;
    throw error;
  }
}

/** The markers in an `AMPA_OWNER` value, which joins them by commas. Pure. */
export const markersIn = (value: string): string[] => value.split(',');

/**
 * The markers that processes among `rows` carry in their environment, by pid. Processes of other users
 * cannot be read and are not ours; on Windows no environment can be read and the answer is empty.
 */
export async function markersOf(rows: readonly ProcessRow[]): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>();
  if (process.platform === 'win32') return found;
  if (process.platform === 'linux') {
    await inBatches(rows, async (row) => {
      if (row.zombie) return;
      try {
        const env = await readFile(`/proc/${row.pid}/environ`, 'latin1');
        const value = env.split('\0').find((entry) => entry.startsWith('AMPA_OWNER='));
        if (value !== undefined) found.set(row.pid, markersIn(value.slice('AMPA_OWNER='.length)));
      } catch (error) {
        if (!isGone(error) && codeOf(error) !== 'EACCES' && codeOf(error) !== 'EPERM') throw error;
      }
    });
    return found;
  }
  const { stdout } = await execFileAsync('ps', ['-axEww', '-o', 'pid=,command='], { ...LISTING, env: psEnv() });
  for (const line of stdout.split('\n')) {
    const match = /^\s*(\d+)\s.*?\sAMPA_OWNER=(\S+)/.exec(line);
    if (match?.[2]) found.set(Number(match[1]), markersIn(match[2]));
  }
  return found;
}

/** The pids among `rows` that carry one of these markers. */
export async function markedPids(rows: readonly ProcessRow[], ...markers: readonly string[]): Promise<Set<number>> {
  const pids = new Set<number>();
  for (const [pid, carried] of await markersOf(rows)) if (markers.some((it) => carried.includes(it))) pids.add(pid);
  return pids;
}
