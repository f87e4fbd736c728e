/** A lock between processes: a file that names its holder, so that a dead one's can be taken over. */
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../../errors.ts';
import { readIfThere, statIfThere } from './layout.ts';

export interface LockOptions {
  signal?: AbortSignal;
  /** After this long, ms, the work is done without the lock: it only spares collisions, it is not what makes the work safe. */
  patienceMs?: number;
}

interface Holder {
  pid: number;
  /** Start of the process in the kernel's ticks, where it can be read: a reused pid is another process. */
  start: string | null;
  host: string;
  nonce: string;
}

/** Runs `work` while holding the lock file at `path`. */
export async function withLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const mine = await acquire(path, options);
  try {
    return await work();
  } finally {
    if (mine && (await readIfThere(path)) === mine) await unlink(path).catch(ignoreMissing);
  }
}

async function acquire(path: string, { signal, patienceMs = 10 * 60_000 }: LockOptions): Promise<string | null> {
  const me: Holder = {
    pid: process.pid,
    start: await startOf(process.pid),
    host: hostname(),
    nonce: Math.random().toString(36).slice(2),
  };
  const mine = JSON.stringify(me);
  await mkdir(dirname(path), { recursive: true });
  const begun = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    if (await create(path, mine)) return mine;
    if (await removeIfStale(path)) continue;
    if (performance.now() - begun > patienceMs) return null;
    // Woken early by an abort, which the next round reports.
    await sleep(20 + Math.random() * 60, undefined, { signal }).catch(() => {});
  }
}

async function create(path: string, content: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(content);
    await file.close();
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function removeIfStale(path: string): Promise<boolean> {
  const content = await readIfThere(path);
  if (content === null) return true;
  if (!(await isStale(path, content))) return false;
  // Renamed first: of two who judge it stale only one gets it, and who gets a younger one puts it back.
  const aside = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    await rename(path, aside);
  } catch (error) {
    ignoreMissing(error);
    return true;
  }
  if ((await readFile(aside, 'utf8')) !== content) {
    await rename(aside, path);
    return false;
  }
  await unlink(aside);
  return true;
}

async function isStale(path: string, content: string): Promise<boolean> {
  const holder = parse(content);
  if (!holder) {
    // Its writer is between creating and writing it, or died there.
    const there = await statIfThere(path);
    return there !== null && Date.now() - there.mtimeMs > 5000;
  }
  if (holder.host !== hostname()) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
  return holder.start !== null && (await startOf(holder.pid)) !== holder.start;
}

function parse(content: string): Holder | null {
  try {
    const value = JSON.parse(content) as Partial<Holder>;
    return typeof value.pid === 'number' && typeof value.host === 'string' ? (value as Holder) : null;
  } catch {
    return null;
  }
}

/** Start time from `/proc`; null where there is none. */
async function startOf(pid: number): Promise<string | null> {
  const line = process.platform === 'linux' ? await readIfThere(`/proc/${pid}/stat`) : null;
  // The second field, the name, is in brackets and may hold anything.
  return line?.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error;
}
