import type BetterSqlite3 from 'better-sqlite3';
import {
  CompiledQuery,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely';
import { AmpaError } from '../../errors.ts';

/** How long a locked database is retried before it is an error, ms. */
const BUSY_LIMIT_MS = 10_000;

/**
 * Kysely over one better-sqlite3 connection (`current` is asked before each use: the file may have
 * been replaced under it), differing from the stock dialect in three ways:
 * transactions begin IMMEDIATE (a deferred one that reads before it writes fails under contention,
 * whatever the busy timeout); a locked database is retried asynchronously with jitter, so the host's
 * event loop never waits for another process; and statements are prepared once.
 */
export function sqliteDialect(current: () => Promise<BetterSqlite3.Database>): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => createDriver(current),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

function createDriver(current: () => Promise<BetterSqlite3.Database>): Driver {
  let db: BetterSqlite3.Database;
  const statements = new Map<string, Prepared>();
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      let prepared = statements.get(query.sql);
      if (!prepared) statements.set(query.sql, (prepared = prepare(db, query.sql)));
      const { statement, columns } = prepared;
      return retryBusy(() => {
        if (columns) {
          const rows = statement.all(query.parameters) as unknown[][];
          return { rows: rows.map((values) => toObject(columns, values)) as R[] };
        }
        const { changes, lastInsertRowid } = statement.run(query.parameters);
        return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
      });
    },
    streamQuery() {
      throw new Error('streaming queries are not used');
    },
  };

  // One connection, so whoever holds it holds the transaction: the others queue here.
  let busy = false;
  const waiting: (() => void)[] = [];
  const release = (): void => {
    const next = waiting.shift();
    if (next) next();
    else busy = false;
  };
  const statement = (text: string) => async () => {
    await connection.executeQuery(CompiledQuery.raw(text));
  };
  return {
    async init() {},
    async acquireConnection() {
      if (busy) await new Promise<void>((resolve) => waiting.push(resolve));
      busy = true;
      try {
        const latest = await current();
        if (db !== latest) statements.clear();
        db = latest;
      } catch (error) {
        release();
        throw error;
      }
      return connection;
    },
    async releaseConnection() {
      release();
    },
    beginTransaction: statement('begin immediate'),
    commitTransaction: statement('commit'),
    rollbackTransaction: async () => {
      // SQLite has already rolled back by itself after some errors (disk full, I/O).
      if (db.inTransaction) await connection.executeQuery(CompiledQuery.raw('rollback'));
    },
    async destroy() {
      statements.clear();
      (await current()).close();
    },
  };
}

interface Prepared {
  statement: BetterSqlite3.Statement;
  /** Of a statement that returns rows. */
  columns: readonly string[] | null;
}

function prepare(db: BetterSqlite3.Database, text: string): Prepared {
  const statement = db.prepare(text);
  if (!statement.reader) return { statement, columns: null };
  return { statement: statement.raw(), columns: statement.columns().map((column) => column.name) };
}

/** Rows come as arrays: naming each value across the native boundary takes longer than reading the row. */
function toObject(columns: readonly string[], values: readonly unknown[]): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (let i = 0; i < columns.length; i++) row[columns[i]!] = values[i];
  return row;
}

async function retryBusy<R>(run: () => R): Promise<R> {
  const deadline = performance.now() + BUSY_LIMIT_MS;
  for (let attempt = 0; ; attempt++) {
    try {
      return run();
    } catch (error) {
      if (codeOf(error) === 'SQLITE_FULL') {
        throw new AmpaError(
          'external',
          'the disk is full: the task database cannot be written',
          'Free some space and try again; nothing is lost.',
          error,
        );
      }
      if (!isBusy(error)) throw error;
      if (performance.now() > deadline) {
        throw new AmpaError(
          'store_busy',
          'the task database stayed locked for 10 s',
          'Look for a process that hangs: `ampa doctor`.',
          error,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(100, 2 ** attempt)));
    }
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

function isBusy(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
}
