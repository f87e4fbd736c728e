import BetterSqlite3 from 'better-sqlite3';
import { codeOf } from '../../errors.ts';
import { nativeBindingPath } from './native.ts';

/**
 * Opens a database file as AMPA uses it: a write-ahead log, foreign keys, short waits. Throws SQLITE_BUSY while
 * another process has the file for itself: the first that opens it, and the last that closes it, do.
 */
export function connect(file: string): BetterSqlite3.Database {
  const connection = new BetterSqlite3(file, { timeout: 10, nativeBinding: nativeBindingPath() });
  try {
    prepare(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

function prepare(connection: BetterSqlite3.Database): void {
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
}

/** Whether SQLite says that the file is no database, or no longer one. */
export function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB';
}
