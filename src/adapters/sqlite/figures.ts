import { sql, type Kysely, type RawBuilder } from 'kysely';
import { newestEvent } from './events.ts';
import { STATUSES, type Status } from '../../tasks/task.ts';
import { OPEN, UNDELIVERED } from './literals.ts';
import type { Schema } from './schema.ts';

/** Figures for `/metrics` that the tables hold already. */
export interface Figures {
  tasksByStatus(): Promise<Readonly<Record<Status, number>>>;
  openPrompts(): Promise<number>;
  /** Messages that are yet to be delivered, counted for each channel. */
  outboxDepth(): Promise<number>;
}

/**
 * The first look counts all tasks; each later one follows the log of changes from there, since
 * counting reads whole rows and a scrape comes every few seconds.
 */
export function createFigures(db: Kysely<Schema>): Figures {
  let counts: Record<Status, number> | undefined;
  let rev = 0;

  const countAll = (): Promise<Record<Status, number>> =>
    db.transaction().execute(async (tx) => {
      const rows = await tx
        .selectFrom('tasks')
        .select(['status', (eb) => eb.fn.countAll<number>().as('count')])
        .groupBy('status')
        .execute();
      rev = await newestEvent(tx);
      const of = (status: Status): number => rows.find((row) => row.status === status)?.count ?? 0;
      return Object.fromEntries(STATUSES.map((status) => [status, of(status)])) as Record<Status, number>;
    });
  /** Each by the partial index that is made for it. */
  const count = async (from: 'prompts' | 'outbox' | 'deliveries', where: RawBuilder<boolean>): Promise<number> =>
    (
      await db
        .selectFrom(from)
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where(where)
        .executeTakeFirstOrThrow()
    ).count;

  return {
    async tasksByStatus() {
      // A restored backup goes back in time.
      if (!counts || (await newestEvent(db)) < rev) return { ...(counts = await countAll()) };
      const changes = await db
        .selectFrom('events as e')
        .leftJoin('events as before', 'before.id', 'e.prev')
        .select(['e.id', 'e.status', 'before.status as from'])
        .where('e.id', '>', rev)
        .orderBy('e.id')
        .execute();
      for (const { id, status, from } of changes) {
        // Another scrape may have come as far meanwhile.
        if (id <= rev) continue;
        if (from !== null) counts[from]--;
        counts[status]++;
        rev = id;
      }
      return { ...counts };
    },
    openPrompts: () => count('prompts', OPEN),
    outboxDepth: async () =>
      (await count('outbox', sql<boolean>`fanned_at is null`)) + (await count('deliveries', UNDELIVERED)),
  };
}
