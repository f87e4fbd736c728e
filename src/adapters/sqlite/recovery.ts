/** What becomes of a database file that vanished or is damaged: put back, restored or set aside, never deleted. */
import { randomInt, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { AmpaError, codeOf } from '../../errors.ts';
import { isBusy, whenFree } from './busy.ts';
import { connect, isDamage } from './connect.ts';
import { nativeBindingPath } from './native.ts';

/** How long a holder of a vanished file has to put its copy back before a backup takes the place, ms. */
const GRACE_MS = 750;

/**
 * Waits a moment for a holder of a vanished file to put it back, since what it holds is newer than any backup.
 * Without a backup nothing would take its place, and nobody waits.
 */
export async function isThere(file: string, backupDir: string): Promise<boolean> {
  if (fs.existsSync(file)) return true;
  if (listBackups(backupDir).length === 0) return false;
  for (const until = performance.now() + GRACE_MS; performance.now() < until;) {
    await delay(25);
    if (fs.existsSync(file)) return true;
  }
  return false;
}

/**
 * One process at a time decides what lies at the place of a vanished file. The lock is SQLite's own, on
 * a file outside the workspace: it ends with the process that holds it.
 */
export async function alone<T>(backupDir: string, act: () => T | Promise<T>): Promise<T> {
  fs.mkdirSync(path.dirname(backupDir), { recursive: true, mode: 0o700 });
  const gate = new BetterSqlite3(`${backupDir}.lock`, {
    timeout: 0,
    nativeBinding: nativeBindingPath(),
  });
  try {
    // Waits asynchronously: the holder may be another connection of this very process.
    for (const until = performance.now() + 10_000; ; await delay(10)) {
      try {
        gate.exec('begin exclusive');
        break;
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (performance.now() > until)
          throw new AmpaError(
            'store_busy',
            'another process has been putting the task database back for 10 s',
            '',
            error,
          );
      }
    }
    return await act();
  } finally {
    gate.close();
  }
}

/** Renames what is there of a database and its journals; never deletes them. Returns the new name. */
export function setAside(file: string, suffixes: readonly string[], at: number): string {
  const aside = `${file}.damaged-${at}`;
  for (const suffix of suffixes) {
    if (fs.existsSync(file + suffix)) fs.renameSync(file + suffix, aside + suffix);
  }
  return aside;
}

/**
 * Writes the content of an unlinked database to its old path. Where something lies there by now, the
 * newer one stays: ours goes into the other in one transaction, under whoever has that open. Returns
 * where the other was kept, if it held something that ours does not.
 */
export async function putBack(connection: BetterSqlite3.Database, file: string, at: number): Promise<string | null> {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const partial = `${file}.${randomUUID()}.partial`;
  try {
    await connection.backup(partial);
    // The journals of the unlinked file must not be taken for those of the new one.
    if (!fs.existsSync(file)) for (const suffix of ['-wal', '-shm']) fs.rmSync(file + suffix, { force: true });
    try {
      fs.linkSync(partial, file);
      return null;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const ours = tipOf(connection);
    let theirs: Tip;
    let known: boolean;
    const aside = `${file}.replaced-${at}`;
    try {
      const other = await whenFree(() => connect(file));
      try {
        theirs = tipOf(other);
        // Of two with the same changes, a backup or a fresh file knows less than what was in use until now.
        if (theirs.rev > ours.rev || (theirs.rev === ours.rev && theirs.lineage === ours.lineage)) return null;
        known = theirs.rev === 0 || isEventOf(connection, theirs);
        if (!known) await other.backup(aside);
      } finally {
        other.close();
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
      const damaged = setAside(file, ['', '-wal', '-shm'], at);
      fs.linkSync(partial, file);
      return damaged;
    }
    await connection.backup(file);
    return known ? null : aside;
  } finally {
    fs.rmSync(partial, { force: true });
  }
}

/** How far a database has come, and which one it is: each file made new or from a backup begins a line of its own. */
interface Tip {
  rev: number;
  task: string;
  at: string;
  lineage: number;
}

function tipOf(connection: BetterSqlite3.Database): Tip {
  const lineage = connection.pragma('application_id', { simple: true }) as number;
  const begun = connection.prepare("select 1 from sqlite_master where type = 'table' and name = 'events'").get();
  const last = begun
    ? (connection.prepare('select id as rev, task_id as task, at from events order by id desc limit 1').get() as
        | Omit<Tip, 'lineage'>
        | undefined)
    : undefined;
  return { rev: 0, task: '', at: '', ...last, lineage };
}

const isEventOf = (connection: BetterSqlite3.Database, { rev, task, at }: Tip): boolean =>
  connection.prepare('select 1 from events where id = ? and task_id = ? and at = ?').get(rev, task, at) !== undefined;

/** The number of a file that begins a line of its own; kept as SQLite's `application_id`. */
export const newLineage = (): number => randomInt(1, 0x7fffffff);

export function listBackups(backupDir: string): { file: string; at: number }[] {
  if (!fs.existsSync(backupDir)) return [];
  return fs
    .readdirSync(backupDir)
    .map((name) => ({ file: path.join(backupDir, name), at: Number(/^ampa-(\d+)\.db$/.exec(name)?.[1] ?? Number.NaN) }))
    .filter((entry) => Number.isFinite(entry.at))
    .sort((a, b) => b.at - a.at);
}

/** Copies the newest backup that passes SQLite's own check to `file`; returns its time, ISO, or null. */
export function restoreNewest(file: string, backupDir: string): string | null {
  for (const candidate of listBackups(backupDir)) {
    try {
      const probe = new BetterSqlite3(candidate.file, { readonly: true, nativeBinding: nativeBindingPath() });
      const verdict = probe.pragma('quick_check(1)', { simple: true });
      probe.close();
      if (verdict !== 'ok') continue;
    } catch (error) {
      if (isDamage(error)) continue;
      throw error;
    }
    // Copy beside, then rename: a crash in between leaves no half database under the real name.
    const partial = `${file}.restoring-${process.pid}`;
    fs.copyFileSync(candidate.file, partial);
    const copy = new BetterSqlite3(partial, { nativeBinding: nativeBindingPath() });
    copy.pragma(`application_id = ${newLineage()}`);
    copy.close();
    fs.renameSync(partial, file);
    return new Date(candidate.at).toISOString();
  }
  return null;
}

export function isDamaged(file: string): boolean {
  try {
    const probe = connect(file);
    try {
      probe.prepare('select count(*) from sqlite_master').get();
    } finally {
      probe.close();
    }
    return false;
  } catch (error) {
    if (isDamage(error)) return true;
    throw error;
  }
}
