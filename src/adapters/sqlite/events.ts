import type { Kysely, Transaction } from 'kysely';
import type { Schema } from './schema.ts';

/** The newest row of the log of changes, which is the newest revision; 0 while there is none. */
export async function newestEvent(db: Kysely<Schema> | Transaction<Schema>): Promise<number> {
  const row = await db
    .selectFrom('events')
    .select((eb) => eb.fn.max('id').as('id'))
    .executeTakeFirst();
  return row?.id ?? 0;
}
