import type { Compilable, Kysely } from 'kysely';
import type { Schema, Table } from './schema.ts';

/** A connection for both kinds of queries: those that Kysely builds each time, and those compiled once. */
export interface Queries {
  db: Kysely<Schema>;
  /** Runs a statement outside of Kysely, when no transaction holds the connection. */
  run(text: string, parameters: readonly unknown[]): Promise<Table>;
}

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
export function prepareQuery(
  { run }: Pick<Queries, 'run'>,
  build: (value: <T>(name: string) => T) => Compilable,
): (values: Readonly<Record<string, unknown>>) => Promise<Table> {
  const { sql: text, parameters } = build(<T>(name: string) => new Placeholder(name) as T).compile();
  const names = parameters.map((it) => (it instanceof Placeholder ? it.name : null));
  return (values) => {
    const bound = [...parameters];
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (name != null) bound[i] = values[name];
    }
    return run(text, bound);
  };
}
