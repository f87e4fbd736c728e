import { sql, type Kysely, type Transaction } from 'kysely';
import type { WebhookStore, ForgeNews } from '../../tasks/watchStore.ts';
import { wakeAt, type Allowance } from '../../tasks/pollPolicy.ts';
import type { Schema } from './schema.ts';

/** How long a delivery is remembered, ms: GitHub offers to send one again for three days. */
const KEPT_MS = 7 * 24 * 3600_000;

/** Webhooks that have come. `now` is ms since the epoch. */
export function createWebhookStore(db: Kysely<Schema>, now: () => number): WebhookStore {
  async function wake(tx: Transaction<Schema>, { repo, shas, pullRequests, ended }: ForgeNews): Promise<void> {
    const waiting = await tx
      .selectFrom('watches')
      .select('repo')
      .distinct()
      // A remote may be spelled otherwise than GitHub spells it.
      .where(sql<boolean>`lower(repo) = ${repo.toLowerCase()}`)
      .where((eb) => eb.or([eb('sha', 'in', [...shas, '']), eb('pull_request', 'in', [...pullRequests, -1])]))
      .execute();
    for (const { repo: key } of waiting) {
      const row = await tx
        .selectFrom('watchers')
        .select(['next_at', 'allowance'])
        .where('repo', '=', key)
        .executeTakeFirst();
      // Whoever becomes the one to look looks at once.
      if (!row) continue;
      await tx
        .updateTable('watchers')
        .set({
          next_at: wakeAt(row.next_at, JSON.parse(row.allowance) as Allowance, ended, now()),
          woken_at: now(),
        })
        .where('repo', '=', key)
        .execute();
    }
  }

  return {
    take: (id, news) =>
      db.transaction().execute(async (tx) => {
        const { numInsertedOrUpdatedRows } = await tx
          .insertInto('webhooks')
          .values({ id, at: now() })
          .onConflict((oc) => oc.column('id').doNothing())
          .executeTakeFirstOrThrow();
        if ((numInsertedOrUpdatedRows ?? 0n) === 0n) return false;
        await tx
          .deleteFrom('webhooks')
          .where('at', '<', now() - KEPT_MS)
          .execute();
        if (news) await wake(tx, news);
        return true;
      }),
  };
}
