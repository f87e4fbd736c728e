import type { Kysely } from 'kysely';
import { AmpaError } from '../../errors.ts';
import { fullAllowance, type Allowance } from '../../tasks/pollPolicy.ts';
import type { Claim } from '../../tasks/ports.ts';
import type { ForgeSnapshot } from '../../tasks/forge.ts';
import type { Watch, WatchStore } from '../../tasks/watch.ts';
import type { Schema, WatchRow } from './schema.ts';

/** A leader that has not looked for so long has gone; ms. It renews with every look, and looks every 30 s at least. */
const LEAD_MS = 45_000;

const decode = (row: WatchRow): Watch => ({
  taskId: row.task_id,
  sha: row.sha,
  pullRequest: row.pull_request,
  since: row.since,
  snapshot: row.snapshot === null ? null : (JSON.parse(row.snapshot) as ForgeSnapshot),
  seenAt: row.seen_at,
  error: row.error,
  rerun: row.rerun === 1,
});

/** What waits for a forge, and who looks. `now` is ms since the epoch. */
export function createWatchStore(db: Kysely<Schema>, now: () => number): WatchStore {
  /** Every write of a carrier is void unless its claim holds. */
  const guarded = async (claim: Claim): Promise<void> => {
    const held = await db
      .selectFrom('tasks')
      .select('id')
      .where('id', '=', claim.taskId)
      .where('token', '=', claim.token)
      .where('owner', '=', claim.owner)
      .executeTakeFirst();
    if (!held)
      throw new AmpaError(
        'lost_claim',
        `task ${claim.taskId} is now carried by another process`,
        'This one stops; nothing is lost.',
      );
  };
  return {
    async watch(claim, { repo, sha, pullRequest, since }) {
      await guarded(claim);
      const row: WatchRow = {
        task_id: claim.taskId,
        repo,
        sha,
        pull_request: pullRequest,
        since,
        snapshot: null,
        seen_at: null,
        error: null,
        rerun: 0,
      };
      await db
        .insertInto('watches')
        .values(row)
        .onConflict((oc) => oc.column('task_id').doUpdateSet(row).where('watches.sha', '!=', sha))
        .execute();
      // A fresh push is looked at soon, whatever the rhythm of the others.
      await db
        .updateTable('watchers')
        .set({ next_at: since })
        .where('repo', '=', repo)
        .where('next_at', '>', since + 5_000)
        .execute();
    },
    async watchOf(taskId) {
      const row = await db.selectFrom('watches').selectAll().where('task_id', '=', taskId).executeTakeFirst();
      return row && decode(row);
    },
    async endWatch(claim) {
      await guarded(claim);
      await db.deleteFrom('watches').where('task_id', '=', claim.taskId).execute();
    },
    async markRerun(claim) {
      await guarded(claim);
      await db
        .updateTable('watches')
        .set({ rerun: 1, snapshot: null, since: now() })
        .where('task_id', '=', claim.taskId)
        .execute();
    },
    async leadWatch(repo, owner) {
      const at = now();
      const row = await db
        .insertInto('watchers')
        .values({
          repo,
          owner,
          lease_expires_at: at + LEAD_MS,
          next_at: at,
          allowance: JSON.stringify(fullAllowance(at)),
        })
        .onConflict((oc) =>
          oc
            .column('repo')
            .doUpdateSet({ owner, lease_expires_at: at + LEAD_MS })
            .where((eb) =>
              eb.or([
                eb('watchers.owner', '=', owner),
                eb('watchers.lease_expires_at', '<', at),
                // A leader whose own task no longer waits looks no more.
                eb.not(
                  eb.exists(
                    eb
                      .selectFrom('watches')
                      .innerJoin('tasks', 'tasks.id', 'watches.task_id')
                      .select('watches.task_id')
                      .whereRef('tasks.owner', '=', 'watchers.owner')
                      .where('watches.repo', '=', repo),
                  ),
                ),
              ]),
            ),
        )
        .returning(['next_at', 'allowance'])
        .executeTakeFirst();
      return row && { nextAt: row.next_at, allowance: JSON.parse(row.allowance) as Allowance };
    },
    async waiting(repo) {
      const rows = await db.selectFrom('watches').selectAll().where('repo', '=', repo).orderBy('task_id').execute();
      return rows.map(decode);
    },
    saveLook: (repo, owner, look) =>
      db.transaction().execute(async (tx) => {
        const led = await tx
          .updateTable('watchers')
          .set({
            next_at: look.nextAt,
            allowance: JSON.stringify(look.allowance),
            lease_expires_at: look.nextAt + LEAD_MS,
          })
          .where('repo', '=', repo)
          .where('owner', '=', owner)
          .returning('repo')
          .executeTakeFirst();
        if (!led) return false;
        if (look.error !== null) {
          await tx.updateTable('watches').set({ error: look.error }).where('repo', '=', repo).execute();
          return true;
        }
        for (const snapshot of look.snapshots) {
          await tx
            .updateTable('watches')
            .set({ snapshot: JSON.stringify(snapshot), seen_at: look.at, error: null })
            .where('repo', '=', repo)
            .where('sha', '=', snapshot.sha)
            .execute();
        }
        return true;
      }),
    async lookNow(repo) {
      await db.updateTable('watchers').set({ next_at: 0 }).where('repo', '=', repo).execute();
    },
    async usualMs(repo, workflows) {
      if (workflows.length === 0) return null;
      const rows = await db
        .selectFrom('durations')
        .select('ms')
        .where('repo', '=', repo)
        .where('workflow', 'in', workflows)
        .execute();
      return rows.length === 0 ? null : Math.max(...rows.map((row) => row.ms));
    },
    async learn(repo, workflow, ms) {
      const known = await db
        .selectFrom('durations')
        .select('ms')
        .where('repo', '=', repo)
        .where('workflow', '=', workflow)
        .executeTakeFirst();
      const value = Math.round(known ? known.ms * 0.7 + ms * 0.3 : ms);
      await db
        .insertInto('durations')
        .values({ repo, workflow, ms: value })
        .onConflict((oc) => oc.columns(['repo', 'workflow']).doUpdateSet({ ms: value }))
        .execute();
    },
  };
}
