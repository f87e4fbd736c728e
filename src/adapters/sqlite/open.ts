import { randomInt, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { Kysely } from 'kysely';
import { AmpaError } from '../../errors.ts';
import { sqliteDialect } from './dialect.ts';
import { MIGRATIONS } from './migrations.ts';
import { nativeBindingPath } from './native.ts';
import type { Queries } from './prepared.ts';
import type { Schema } from './schema.ts';

const BACKUPS_KEPT = 3;
/** How often the file is looked at before it is used, ms. */
const LOOK_MS = 50;
/** How often an idle holder looks whether its file is still there, ms. */
const IDLE_LOOK_MS = 250;
/** How long a holder of a vanished file has to put its copy back before a backup takes the place, ms. */
const GRACE_MS = 750;
/** How long a failure to put the file back stands, ms. */
const RETRY_MS = 1000;

export interface OpenOptions {
  /** The database file; its folder exists. */
  file: string;
  /** Where backups lie: outside the workspace, since `git clean -fdx` empties that. */
  backupDir: string;
  /** Milliseconds since the epoch, for the names of backups and of what is set aside. */
  now: () => number;
  /** The migrations to apply; tests pass a shorter or longer list. */
  migrations?: readonly string[];
  /** Told when the file had vanished under us and was put back. */
  onRestored?: (notice: string) => void;
  /** Rejects when the file that came in the place of the open one must not be opened; whoever opens first asks first. */
  guard?: () => Promise<void>;
}

export interface OpenDatabase extends Queries {
  /** Things a person should know: a restored backup, a damaged file set aside. */
  notices: string[];
  /** Changes whenever this or another connection has written; costs microseconds. */
  version(): string;
  /** Copies the database to a new backup if the newest is older than a day; returns its path. */
  backupDaily(): Promise<string | null>;
  /** `ok`, or what SQLite finds wrong. Reads the whole file. */
  checkIntegrity(): string;
  close(): Promise<void>;
}

/**
 * Opens the workspace's database: restores a vanished one from the newest good backup, sets a
 * damaged one aside (never deletes it) and restores, migrates an older one after a backup.
 *
 * Throws `store_newer` for a database of a later version, `runtime` on a Node that cannot load SQLite.
 */
export async function openDatabase(options: OpenOptions): Promise<OpenDatabase> {
  requireNodeApi10();
  const { file, backupDir, now } = options;
  const migrations = options.migrations ?? MIGRATIONS;
  const notices: string[] = [];

  if (!(await isThere(file, backupDir))) {
    const restored = await alone(backupDir, () => {
      if (fs.existsSync(file)) return null;
      setAside(file, ['-wal', '-shm'], now());
      return restoreNewest(file, backupDir);
    });
    if (restored) notices.push(`The task database had vanished; restored the backup of ${restored}.`);
  }
  let connection: BetterSqlite3.Database;
  try {
    connection = connect(file);
    migrateCheck(connection, migrations.length, file);
  } catch (error) {
    if (!isDamage(error)) throw error;
    await alone(backupDir, () => {
      if (!isDamaged(file)) return;
      const aside = setAside(file, ['', '-wal', '-shm'], now());
      const restored = restoreNewest(file, backupDir);
      notices.push(
        `The task database was damaged and is set aside as ${aside}; ` +
          (restored ? `restored the backup of ${restored}.` : 'there was no backup, so the list starts empty.'),
      );
    });
    connection = connect(file);
    migrateCheck(connection, migrations.length, file);
  }

  await migrate(connection, migrations, backupDir, now);
  let inode = fs.statSync(file).ino;
  let lookedAt = performance.now();
  let closed = false;
  let versions = versionQueries(connection);

  let generation = 0;
  let failed: { error: unknown; until: number } | undefined;

  /** `git clean -fdx` unlinks the open file: what we hold is copied back before anything more is written. */
  function current(): BetterSqlite3.Database | Promise<BetterSqlite3.Database> {
    if (closed || performance.now() - lookedAt < LOOK_MS) return connection;
    if (fs.statSync(file, { throwIfNoEntry: false })?.ino !== inode) return replace();
    lookedAt = performance.now();
    return connection;
  }

  async function replace(): Promise<BetterSqlite3.Database> {
    if (failed && performance.now() < failed.until) throw failed.error;
    let other: string | null;
    try {
      await options.guard?.();
      other = await alone(backupDir, () => putBack(connection, file, now()));
      const next = connect(file);
      connection.close();
      connection = next;
    } catch (error) {
      // What failed is not tried again at every use: looking may cost a process.
      failed = { error, until: performance.now() + RETRY_MS };
      throw error;
    }
    generation++;
    versions = versionQueries(connection);
    inode = fs.statSync(file).ino;
    lookedAt = performance.now();
    options.onRestored?.(
      `The task database had been removed while it was in use; ${file} is back.` +
        (other ? ` What another process had begun in its place is set aside as ${other}.` : ''),
    );
    return connection;
  }
  const { dialect, run } = sqliteDialect(current);
  const db = new Kysely<Schema>({ dialect });
  // Any use looks; a host that has nothing to do would leave the file away, and a backup would come in its place.
  let looking: Promise<unknown> | undefined;
  const idle = setInterval(() => {
    if (looking || fs.statSync(file, { throwIfNoEntry: false })?.ino === inode) return;
    looking = run('select 1', [])
      // The next use meets the same failure, and tells it to whoever asked.
      .catch(() => undefined)
      .finally(() => (looking = undefined));
  }, IDLE_LOOK_MS);
  idle.unref();
  return {
    db,
    run,
    notices,
    version: () => `${generation} ${versions.others()} ${versions.own()}`,
    checkIntegrity: () => String(connection.pragma('quick_check(3)', { simple: true })),
    async backupDaily() {
      const newest = listBackups(backupDir)[0];
      if (newest && now() - newest.at < 24 * 3600_000) return null;
      return backup(connection, backupDir, now());
    },
    async close() {
      clearInterval(idle);
      await looking;
      closed = true;
      await db.destroy();
    },
  };
}

function versionQueries(connection: BetterSqlite3.Database): { others(): string; own(): string } {
  const others = connection.prepare('pragma data_version').pluck();
  const own = connection.prepare('select total_changes()').pluck();
  return { others: () => String(others.get()), own: () => String(own.get()) };
}

/**
 * Waits a moment for a holder of a vanished file to put it back, since what it holds is newer than any backup.
 * Without a backup nothing would take its place, and nobody waits.
 */
async function isThere(file: string, backupDir: string): Promise<boolean> {
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
async function alone<T>(backupDir: string, act: () => T | Promise<T>): Promise<T> {
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
        if (!String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')) throw error;
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
function setAside(file: string, suffixes: readonly string[], at: number): string {
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
async function putBack(connection: BetterSqlite3.Database, file: string, at: number): Promise<string | null> {
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
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const ours = tipOf(connection);
    let theirs: Tip;
    let known: boolean;
    const aside = `${file}.replaced-${at}`;
    try {
      const other = connect(file);
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

const newLineage = (): number => randomInt(1, 0x7fffffff);

/** better-sqlite3 13 needs Node-API 10; on an older Node loading it ends the process with a segmentation fault. */
function requireNodeApi10(): void {
  if (Number(process.versions.napi) >= 10) return;
  throw new AmpaError(
    'runtime',
    `AMPA needs Node 22.14 or later; this is ${process.version}`,
    'Install a current Node.js.',
  );
}

function connect(file: string): BetterSqlite3.Database {
  const connection = new BetterSqlite3(file, { timeout: 10, nativeBinding: nativeBindingPath() });
  // A change writes its pages whole, so small ones are cheap. Says nothing to a database that exists.
  connection.pragma('page_size = 2048');
  // Setting the journal mode needs the file for itself for a moment; the mode is kept in the file,
  // so whoever comes second finds it set.
  if (connection.pragma('journal_mode', { simple: true }) !== 'wal') {
    connection.pragma('busy_timeout = 2000');
    connection.pragma('journal_mode = wal');
    connection.pragma('busy_timeout = 10');
  }
  connection.pragma('synchronous = normal');
  connection.pragma('foreign_keys = on');
  return connection;
}

function migrateCheck(connection: BetterSqlite3.Database, known: number, file: string): void {
  const version = connection.pragma('user_version', { simple: true }) as number;
  connection.prepare('select count(*) from sqlite_master').get();
  if (version <= known) return;
  connection.close();
  throw new AmpaError(
    'store_newer',
    `${file} was written by a newer AMPA (format ${version}, this one knows ${known})`,
    'Update AMPA here; the file is left as it is.',
  );
}

async function migrate(
  connection: BetterSqlite3.Database,
  migrations: readonly string[],
  backupDir: string,
  now: () => number,
): Promise<void> {
  const current = (): number => connection.pragma('user_version', { simple: true }) as number;
  if (current() === migrations.length) return;
  if (current() > 0) await backup(connection, backupDir, now());
  connection.pragma('busy_timeout = 5000');
  // The version is read again inside the transaction: another host may have migrated meanwhile.
  connection
    .transaction(() => {
      if (current() === 0) connection.pragma(`application_id = ${newLineage()}`);
      for (let version = current(); version < migrations.length; version++) {
        connection.exec(migrations[version]!);
        connection.pragma(`user_version = ${version + 1}`);
      }
    })
    .immediate();
  connection.pragma('busy_timeout = 10');
}

async function backup(connection: BetterSqlite3.Database, backupDir: string, at: number): Promise<string> {
  fs.mkdirSync(backupDir, { recursive: true, mode: 0o700 });
  const target = path.join(backupDir, `ampa-${at}.db`);
  const partial = `${target}.${randomUUID()}.partial`;
  await connection.backup(partial);
  fs.renameSync(partial, target);
  for (const old of listBackups(backupDir).slice(BACKUPS_KEPT)) fs.rmSync(old.file, { force: true });
  return target;
}

function listBackups(backupDir: string): { file: string; at: number }[] {
  if (!fs.existsSync(backupDir)) return [];
  return fs
    .readdirSync(backupDir)
    .map((name) => ({ file: path.join(backupDir, name), at: Number(/^ampa-(\d+)\.db$/.exec(name)?.[1] ?? Number.NaN) }))
    .filter((entry) => Number.isFinite(entry.at))
    .sort((a, b) => b.at - a.at);
}

/** Copies the newest backup that passes SQLite's own check to `file`; returns its time, ISO, or null. */
function restoreNewest(file: string, backupDir: string): string | null {
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

function isDamaged(file: string): boolean {
  try {
    const probe = connect(file);
    probe.prepare('select count(*) from sqlite_master').get();
    probe.close();
    return false;
  } catch (error) {
    if (isDamage(error)) return true;
    throw error;
  }
}

function isDamage(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB';
}
