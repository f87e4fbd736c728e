import type { Compilable, CompiledQuery, Kysely, QueryResult } from 'kysely';
import type { Schema } from './schema.ts';

/** Stands for a value while a query is compiled; see `prepareQuery`. */
class Placeholder {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * Compiles a query once. `build` gets a function that makes placeholders; the result runs the
 * compiled query with values in their place. Compiling costs more than SQLite takes to run a claim.
 */
export function prepareQuery<R>(
  db: Kysely<Schema>,
  build: (value: <T>(name: string) => T) => Compilable<R>,
): (values: Record<string, unknown>) => Promise<QueryResult<R>> {
  const compiled: CompiledQuery<R> = build(<T>(name: string) => new Placeholder(name) as T).compile();
  return (values) =>
    db.executeQuery<R>({
      ...compiled,
      parameters: compiled.parameters.map((p) => (p instanceof Placeholder ? values[p.name] : p)),
    });
}
