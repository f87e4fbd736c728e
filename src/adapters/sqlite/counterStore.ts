import { sql, type Kysely } from 'kysely';
import type { Schema } from './schema.ts';

export type Labels = Readonly<Record<string, string>>;

export type CounterChange = { name: string; labels: Labels } & ({ by: number } | { value: number });

/** Figures for `/metrics` that outlive the host that counts them. */
export interface CounterStore {
  /** Adds to a counter; `by` may be a fraction. */
  add(name: string, labels?: Labels, by?: number): Promise<void>;
  /** Sets a gauge. */
  set(name: string, labels: Labels, value: number): Promise<void>;
  /** All of it in one transaction: `by` is added, `value` is set. */
  record(changes: readonly CounterChange[]): Promise<void>;
  all(): Promise<{ name: string; labels: Labels; value: number }[]>;
}

const keyOf = (labels: Labels): string =>
  JSON.stringify(Object.fromEntries(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))));

export function createCounterStore(db: Kysely<Schema>): CounterStore {
  const inside = (db: Kysely<Schema>): Pick<CounterStore, 'add' | 'set'> => ({
    async add(name, labels = {}, by = 1) {
      await db
        .insertInto('counters')
        .values({ name, labels: keyOf(labels), value: by })
        .onConflict((oc) => oc.columns(['name', 'labels']).doUpdateSet({ value: sql<number>`counters.value + ${by}` }))
        .execute();
    },
    async set(name, labels, value) {
      await db
        .insertInto('counters')
        .values({ name, labels: keyOf(labels), value })
        .onConflict((oc) => oc.columns(['name', 'labels']).doUpdateSet({ value }))
        .execute();
    },
  });
  return {
    ...inside(db),
    async record(changes) {
      await db.transaction().execute(async (tx) => {
        const { add, set } = inside(tx);
        for (const it of changes)
          await ('by' in it ? add(it.name, it.labels, it.by) : set(it.name, it.labels, it.value));
      });
    },
    async all() {
      const rows = await db.selectFrom('counters').selectAll().orderBy('name').orderBy('labels').execute();
      return rows.map(({ name, labels, value }) => ({ name, labels: JSON.parse(labels) as Labels, value }));
    },
  };
}
