import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { Kysely } from 'kysely';
import { AmpaError } from '../../errors.ts';
import { connect, isDamage } from './connect.ts';
import { sqliteDialect } from './dialect.ts';
import { MIGRATIONS } from './migrations.ts';
import type { Queries } from './prepared.ts';
import { whenFree } from './busy.ts';
import { alone, isDamaged, isThere, listBackups, newLineage, putBack, restoreNewest, setAside } from './recovery.ts';
import type { Schema } from './schema.ts';

const BACKUPS_KEPT = 3;
/** How often the file is looked at before it is used, ms. */
const LOOK_MS = 50;
/** How often an idle holder looks whether its file is still there, ms. */
const IDLE_LOOK_MS = 250;
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
    if (restored) notices.push(`The task database had disappeared; restored the backup of ${restored}.`);
  }
  let connection: BetterSqlite3.Database;
  try {
    connection = await whenFree(() => connectKnown(file, migrations.length));
  } catch (error) {
    if (!isDamage(error)) throw error;
    await alone(backupDir, async () => {
      if (!(await whenFree(() => isDamaged(file)))) return;
      const aside = setAside(file, ['', '-wal', '-shm'], now());
      const restored = restoreNewest(file, backupDir);
      notices.push(
        `The task database was damaged and is set aside as ${aside}; ` +
          (restored ? `restored the backup of ${restored}.` : 'there was no backup, so the list starts empty.'),
      );
    });
    connection = await whenFree(() => connectKnown(file, migrations.length));
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
      const next = await whenFree(() => connect(file));
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
      // kysely destroys nothing that it has not used, and `run` passes it by.
      connection.close();
    },
  };
}

function versionQueries(connection: BetterSqlite3.Database): { others(): string; own(): string } {
  const others = connection.prepare('pragma data_version').pluck();
  const own = connection.prepare('select total_changes()').pluck();
  return { others: () => String(others.get()), own: () => String(own.get()) };
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

/** Connects to a file of a version up to `known`. */
function connectKnown(file: string, known: number): BetterSqlite3.Database {
  const connection = connect(file);
  try {
    const version = connection.pragma('user_version', { simple: true }) as number;
    connection.prepare('select count(*) from sqlite_master').get();
    if (version <= known) return connection;
    throw new AmpaError(
      'store_newer',
      `${file} was written by a newer AMPA (format ${version}, this one knows ${known})`,
      'Update AMPA here; the file is left as it is.',
    );
  } catch (error) {
    connection.close();
    throw error;
  }
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
