import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
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

  if (!fs.existsSync(file)) {
    const restored = restoreNewest(file, backupDir);
    if (restored) notices.push(`The task database had vanished; restored the backup of ${restored}.`);
  }
  let connection: BetterSqlite3.Database;
  try {
    connection = connect(file);
    migrateCheck(connection, migrations.length, file);
  } catch (error) {
    if (!isDamage(error)) throw error;
    const aside = `${file}.damaged-${now()}`;
    for (const suffix of ['', '-wal', '-shm']) {
      if (fs.existsSync(file + suffix)) fs.renameSync(file + suffix, aside + suffix);
    }
    const restored = restoreNewest(file, backupDir);
    notices.push(
      `The task database was damaged and is set aside as ${aside}; ` +
        (restored ? `restored the backup of ${restored}.` : 'there was no backup, so the list starts empty.'),
    );
    connection = connect(file);
    migrateCheck(connection, migrations.length, file);
  }

  await migrate(connection, migrations, backupDir, now);
  let inode = fs.statSync(file).ino;
  let lookedAt = performance.now();
  let closed = false;
  let versions = versionQueries(connection);

  /** `git clean -fdx` unlinks the open file: what we hold is copied back before anything more is written. */
  function current(): BetterSqlite3.Database | Promise<BetterSqlite3.Database> {
    if (closed || performance.now() - lookedAt < LOOK_MS) return connection;
    lookedAt = performance.now();
    return fs.statSync(file, { throwIfNoEntry: false })?.ino === inode ? connection : replace();
  }

  async function replace(): Promise<BetterSqlite3.Database> {
    await putBack(connection, file);
    connection.close();
    connection = connect(file);
    versions = versionQueries(connection);
    inode = fs.statSync(file).ino;
    options.onRestored?.(`The task database had been removed while it was in use; ${file} is back.`);
    return connection;
  }
  const { dialect, run } = sqliteDialect(current);
  const db = new Kysely<Schema>({ dialect });
  return {
    db,
    run,
    notices,
    version: () => `${versions.others()} ${versions.own()}`,
    checkIntegrity: () => String(connection.pragma('quick_check(3)', { simple: true })),
    async backupDaily() {
      const newest = listBackups(backupDir)[0];
      if (newest && now() - newest.at < 24 * 3600_000) return null;
      return backup(connection, backupDir, now());
    },
    close() {
      closed = true;
      return db.destroy();
    },
  };
}

function versionQueries(connection: BetterSqlite3.Database): { others(): string; own(): string } {
  const others = connection.prepare('pragma data_version').pluck();
  const own = connection.prepare('select total_changes()').pluck();
  return { others: () => String(others.get()), own: () => String(own.get()) };
}

/** Writes the content of an unlinked database to its old path, unless another process has done so already. */
async function putBack(connection: BetterSqlite3.Database, file: string): Promise<void> {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const partial = `${file}.${randomUUID()}.partial`;
  await connection.backup(partial);
  // The journals of the unlinked file must not be taken for those of the new one.
  if (!fs.existsSync(file)) for (const suffix of ['-wal', '-shm']) fs.rmSync(file + suffix, { force: true });
  try {
    fs.linkSync(partial, file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    fs.rmSync(partial, { force: true });
  }
}

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
    fs.renameSync(partial, file);
    return new Date(candidate.at).toISOString();
  }
  return null;
}

function isDamage(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB';
}
