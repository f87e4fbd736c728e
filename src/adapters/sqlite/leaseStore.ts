import type { Kysely } from 'kysely';
import type { Schema } from './schema.ts';

/** Leases on what a workspace has one of. Times are ms since the epoch. */
export interface LeaseStore {
  holder(name: string): Promise<{ owner: string; expires_at: number } | undefined>;
  /** Takes it where it is free, renews it where it is the owner's; false: another holds it. */
  take(name: string, owner: string, until: number): Promise<boolean>;
  /** Takes it away from a holder that is known to be dead; false: it has changed hands. */
  takeFrom(name: string, dead: string, owner: string, until: number): Promise<boolean>;
  release(name: string, owner: string): Promise<void>;
}

export function createLeaseStore(db: Kysely<Schema>): LeaseStore {
  return {
    holder: (name) =>
      db.selectFrom('leases').select(['owner', 'expires_at']).where('name', '=', name).executeTakeFirst(),
    async take(name, owner, until) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('leases')
        .values({ name, owner, expires_at: until })
        .onConflict((oc) => oc.column('name').doUpdateSet({ expires_at: until }).where('leases.owner', '=', owner))
        .executeTakeFirstOrThrow();
      return (numInsertedOrUpdatedRows ?? 0n) > 0n;
    },
    async takeFrom(name, dead, owner, until) {
      const { numUpdatedRows } = await db
        .updateTable('leases')
        .set({ owner, expires_at: until })
        .where('name', '=', name)
        .where('owner', '=', dead)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
    async release(name, owner) {
      await db.deleteFrom('leases').where('name', '=', name).where('owner', '=', owner).execute();
    },
  };
}
