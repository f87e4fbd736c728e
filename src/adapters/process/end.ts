/**
 * Ending processes for good: SIGTERM, a grace, SIGKILL, repeated until only zombies remain.
 * What is ended is picked anew in every round, so that whatever forks meanwhile is found too.
 */
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AmpaError, codeOf } from '../../errors.ts';
import { TERM_GRACE_MS } from '../../tasks/timings.ts';
import { processSpace } from './identity.ts';
import type { ProcessSpace } from './identity.ts';
import { listProcesses, markedPids } from './table.ts';
import type { ProcessRef, ProcessRow } from './table.ts';

const execFileAsync = promisify(execFile);

export interface EndOptions {
  /** Milliseconds between SIGTERM and SIGKILL; `TERM_GRACE_MS`. */
  graceMs?: number;
  /** Milliseconds that SIGKILL may take before the processes are reported; 30 s. */
  killMs?: number;
}

export interface EndTarget {
  /** Processes as they were recorded. A pid whose start time differs is somebody else's. */
  refs: readonly ProcessRef[];
  /** Everything that carries one of these markers in its environment. */
  markers: readonly string[];
  /** Process groups whose leaders have ended; each counts only while one of `refs` is in it. */
  groups?: readonly number[];
}

/** This process and its ancestors: never ended, whatever they carry. */
function protectedPids(byPid: ReadonlyMap<number, ProcessRow>): Set<number> {
  const pids = new Set<number>([0, 1]);
  for (let pid = process.pid; pid > 1 && !pids.has(pid); pid = byPid.get(pid)?.ppid ?? 0) pids.add(pid);
  return pids;
}

/**
 * The living processes that belong to the target: the recorded ones, the rest of their groups, the
 * marked, and all their descendants. Found members are added to `known`, so that one whose parent
 * dies between two rounds is not lost.
 */
async function membersOf(
  target: EndTarget,
  known: Map<number, string>,
): Promise<{ alive: ProcessRow[]; groups: number[] }> {
  const rows = await listProcesses();
  const byPid = new Map(rows.map((row) => [row.pid, row]));
  const children = new Map<number, ProcessRow[]>();
  for (const row of rows) {
    const siblings = children.get(row.ppid);
    if (siblings) siblings.push(row);
    else children.set(row.ppid, [row]);
  }
  const spared = protectedPids(byPid);
  const members = new Map<number, ProcessRow>();
  const add = (row: ProcessRow | undefined): void => {
    if (!row || spared.has(row.pid) || members.has(row.pid)) return;
    members.set(row.pid, row);
    for (const child of children.get(row.pid) ?? []) add(child);
  };

  const verified = [...target.refs, ...[...known].map(([pid, startTime]) => ({ pid, startTime }))].flatMap((ref) => {
    const row = byPid.get(ref.pid);
    return row?.startTime === ref.startTime ? [row] : [];
  });
  for (const row of verified) add(row);
  // A group's number is not given to others while the group has a member, be it a zombie.
  const ours = new Set([...(target.groups ?? []), ...target.refs.map((ref) => ref.pid)]);
  // A group that holds one of the spared is never signalled as a whole: it would take them along.
  const mixed = new Set([...spared].map((pid) => byPid.get(pid)?.pgid));
  const groups = new Set(verified.map((row) => row.pgid).filter((pgid) => ours.has(pgid) && !mixed.has(pgid)));
  for (const row of rows) if (groups.has(row.pgid)) add(row);
  if (target.markers.length > 0) for (const pid of await markedPids(rows, ...target.markers)) add(byPid.get(pid));

  for (const row of members.values()) known.set(row.pid, row.startTime);
  return {
    alive: [...members.values()].filter((row) => !row.zombie),
    groups: [...groups],
  };
}

/** Signals one process, or a group given as its negative number. A process that ended meanwhile is fine; one that we may not signal is left to be reported. */
async function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (process.platform === 'win32') {
    // Windows knows no SIGTERM: a console program is asked by taskkill without /F, and seldom listens.
    const force = name === 'SIGKILL' ? ['/F'] : [];
    await execFileAsync('taskkill.exe', ['/T', ...force, '/PID', String(Math.abs(pid))], {
      windowsHide: true,
      timeout: 10_000,
    }).catch(() => {}); // What it could not end is found again in the next round.
    return;
  }
  try {
    process.kill(pid, name);
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/**
 * Ends every process of the target and resolves when only zombies remain. Rejects with `external`
 * when some survive SIGKILL for `killMs` (no right to signal them, or stuck in the kernel).
 */
export async function endProcesses(target: EndTarget, options: EndOptions = {}): Promise<void> {
  const known = new Map<number, string>();
  const asked = new Set<number>();
  const begun = Date.now();
  const graceEnd = begun + (options.graceMs ?? TERM_GRACE_MS);
  const killEnd = graceEnd + (options.killMs ?? 30_000);
  let empty = 0;
  for (let pause = 10; ; pause = Math.min(pause * 2, 100)) {
    const { alive, groups } = await membersOf(target, known);
    if (alive.length === 0) {
      // The listing is no snapshot: a parent may fork and end while it is read. Two in a row are enough.
      if (++empty === 2) return;
      continue;
    }
    empty = 0;
    const now = Date.now();
    if (now >= killEnd) {
      throw new AmpaError(
        'external',
        `processes could not be ended: ${alive.map((row) => row.pid).join(', ')}`,
        'End them by hand; the task goes on afterwards.',
      );
    }
    const name = now < graceEnd ? 'SIGTERM' : 'SIGKILL';
    // At once, so that nothing in the group forks between two single signals.
    if (name === 'SIGKILL') for (const pgid of groups) await signal(-pgid, name);
    for (const row of alive) {
      if (name === 'SIGTERM' && asked.has(row.pid)) continue;
      asked.add(row.pid);
      await signal(row.pid, name);
    }
    await sleep(name === 'SIGTERM' ? Math.min(pause, Math.max(1, graceEnd - now)) : pause);
  }
}

/** A process as a dead owner's ledger kept it. */
export interface LedgerRecord extends ProcessRef {
  bootId: string;
  /** Absent in rows that did not keep it: then the boot id alone decides. */
  pidNamespace?: string | null;
}

/**
 * Ends what an owner that died left behind: its recorded processes, as far as they were started
 * in this boot and pid namespace and the start time still matches, and everything that carries
 * one of the markers. Call it only after the owner is known to be dead. Rejects as `endProcesses` does.
 */
export async function reap(
  records: readonly LedgerRecord[],
  markers: readonly string[],
  options: EndOptions = {},
): Promise<void> {
  const space: ProcessSpace = await processSpace();
  const refs = records.filter(
    (record) => record.bootId === space.bootId && (record.pidNamespace ?? space.pidNamespace) === space.pidNamespace,
  );
  await endProcesses({ refs, markers }, options);
}
