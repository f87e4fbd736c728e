import type { Kysely, Transaction } from 'kysely';
import type { Message } from '../../notifications/message.ts';
import type { Schema } from './schema.ts';

/**
 * Records what is to be said, in the transaction of the decision that says it where one is given;
 * false: the same key was there already. `id` is a ULID: it is said in that order. `now` is ms since the epoch.
 */
export async function sayIn(
  db: Kysely<Schema> | Transaction<Schema>,
  row: { id: string; key: string; message: Message; now: number },
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('outbox')
    .values({ id: row.id, key: row.key, message: JSON.stringify(row.message), created_at: row.now })
    .onConflict((oc) => oc.column('key').doNothing())
    .executeTakeFirstOrThrow();
  return (numInsertedOrUpdatedRows ?? 0n) > 0n;
}
