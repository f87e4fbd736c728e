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
import { whenFree } from './busy.ts';
import type { Queries } from './prepared.ts';

/**
 * Kysely over one better-sqlite3 connection (`current` is asked before each use: the file may have
 * been replaced under it), differing from the stock dialect in three ways:
 * transactions begin IMMEDIATE (a deferred one that reads before it writes fails under contention,
 * whatever the busy timeout); a locked database is retried asynchronously with jitter, so the host's
 * event loop never waits for another process; and statements are prepared once. `run` is for the
 * hottest of them: it shares the connection and its turn, and spares Kysely's own steps.
 */
export function sqliteDialect(current: Current): { dialect: Dialect; run: Queries['run'] } {
  const { driver, run } = createDriver(current);
  const dialect: Dialect = {
    createAdapter: () => new QueueingAdapter(),
    createDriver: () => driver,
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
  return { dialect, run };
}

/** The driver queues by itself. Kysely's own queue is never left again once a connection could not be had. */
class QueueingAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** The connection to use now; a promise only while it is being replaced. */
type Current = () => BetterSqlite3.Database | Promise<BetterSqlite3.Database>;

function createDriver(current: Current): { driver: Driver; run: Queries['run'] } {
  let db: BetterSqlite3.Database;
  const statements = new Map<string, Prepared>();
  const prepared = (text: string): Prepared => {
    let it = statements.get(text);
    if (!it) statements.set(text, (it = prepare(db, text)));
    return it;
  };
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      const { statement, columns } = prepared(query.sql);
      if (columns) {
        const rows = await whenFree(() => statement.all(query.parameters) as unknown[][]);
        return { rows: rows.map((values) => toObject(columns, values)) as R[] };
      }
      const { changes, lastInsertRowid } = await whenFree(() => statement.run(query.parameters));
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
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
  const take = async (): Promise<void> => {
    if (busy) await new Promise<void>((resolve) => waiting.push(resolve));
    busy = true;
  };
  const refresh = (latest: BetterSqlite3.Database): void => {
    if (db !== latest) statements.clear();
    db = latest;
  };
  const statement = (text: string) => async () => {
    await connection.executeQuery(CompiledQuery.raw(text));
  };
  const driver: Driver = {
    async init() {},
    async acquireConnection() {
      await take();
      try {
        refresh(await current());
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
    },
  };
  return {
    driver,
    // Awaits only what is there to be waited for: the claims of a queue pass here.
    async run(text, parameters) {
      if (busy) await take();
      else busy = true;
      try {
        const latest = current();
        refresh(latest instanceof Promise ? await latest : latest);
        const { statement: it, columns } = prepared(text);
        if (!columns) throw new Error(`a statement without rows: ${text}`);
        const rows = whenFree(() => it.all(parameters) as unknown[][]);
        return { columns, rows: rows instanceof Promise ? await rows : rows };
      } finally {
        release();
      }
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
