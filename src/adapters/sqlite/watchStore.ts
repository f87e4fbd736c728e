import { sql, type Kysely, type Transaction } from 'kysely';
import type { Watch, WatchFailure, WatchStore } from '../../tasks/watchStore.ts';
import { fullAllowance, wakeAt, type Allowance } from '../../tasks/pollPolicy.ts';
import type { Claim } from '../../tasks/ports.ts';
import type { ForgeSnapshot } from '../../tasks/forge.ts';
import type { TaskForge } from '../../tasks/task.ts';
import { watchKey } from '../../tasks/watch.ts';
import { RUNNING } from './literals.ts';
import { requireClaim } from './lostClaim.ts';
import type { Schema, WatchRow } from './schema.ts';

/** A leader whose next look is overdue by so long has gone; ms. */
const LEAD_MS = 45_000;

/** Failed looks further apart than this are not one failure: nobody looked meanwhile, as on a machine that slept; ms. */
const SAME_FAILURE_MS = 10 * 60_000;

const failureOf = (error: string | null): WatchFailure | null =>
  error === null ? null : (JSON.parse(error) as WatchFailure);

const decode = (row: WatchRow): Watch => ({
  taskId: row.task_id,
  sha: row.sha,
  pullRequest: row.pull_request,
  since: row.since,
  snapshot: row.snapshot === null ? null : (JSON.parse(row.snapshot) as ForgeSnapshot),
  seenAt: row.seen_at,
  failure: failureOf(row.error),
  rerun: row.rerun === 1,
});

/** What waits for a forge, and who looks. `now` is ms since the epoch. */
export function createWatchStore(db: Kysely<Schema>, now: () => number): WatchStore {
  /** Whether the claim holds, as a condition: every write of a carrier is void unless it does. */
  const held = ({ taskId, token, owner }: Claim) =>
    sql<boolean>`exists (select 1 from tasks where id = ${taskId} and token = ${token} and owner = ${owner})`;
  /** Adds one more failed look to what is known of these commits. */
  async function failed(tx: Transaction<Schema>, repo: string, from: number, at: number, detail: string, sha?: string) {
    let which = tx.selectFrom('watches').selectAll().where('repo', '=', repo).where('since', '<=', from);
    if (sha !== undefined) which = which.where('sha', '=', sha);
    for (const row of await which.execute()) {
      const before = failureOf(row.error);
      const since = before && at - before.at <= SAME_FAILURE_MS ? before.since : at;
      const error = JSON.stringify({ detail, since, at } satisfies WatchFailure);
      await tx.updateTable('watches').set({ error }).where('task_id', '=', row.task_id).execute();
    }
  }

  return {
    async watch(claim, { repo, sha, pullRequest, since }) {
      const { rows } = await sql`
        insert into watches (task_id, repo, sha, pull_request, since, rerun)
        select ${claim.taskId}, ${repo}, ${sha}, ${pullRequest}, ${since}, 0 where ${held(claim)}
        on conflict (task_id) do update set repo = excluded.repo, sha = excluded.sha, pull_request = excluded.pull_request,
          since = excluded.since, snapshot = null, seen_at = null, error = null, rerun = 0
        where watches.sha <> excluded.sha returning task_id
      `.execute(db);
      if (rows.length === 0) return requireClaim(db, claim);
      // A fresh push is looked at soon, whatever the rhythm of the others; at once there would be nothing to see.
      await db
        .updateTable('watchers')
        .set({ next_at: since + 5_000 })
        .where('repo', '=', repo)
        .where('next_at', '>', since + 5_000)
        .execute();
    },
    async watchOf(taskId) {
      const row = await db.selectFrom('watches').selectAll().where('task_id', '=', taskId).executeTakeFirst();
      return row && decode(row);
    },
    async endWatch(claim) {
      const gone = await db
        .deleteFrom('watches')
        .where('task_id', '=', claim.taskId)
        .where(held(claim))
        .returning('task_id')
        .executeTakeFirst();
      if (!gone) await requireClaim(db, claim);
    },
    async markRerun(claim) {
      const marked = await db
        .updateTable('watches')
        .set({ rerun: 1, snapshot: null, seen_at: null, error: null, since: now() })
        .where('task_id', '=', claim.taskId)
        .where(held(claim))
        .returning('task_id')
        .executeTakeFirst();
      if (!marked) await requireClaim(db, claim);
    },
    async leadWatch(repo, owner) {
      const at = now();
      // A leader whose lease is long enough writes nothing: each write would wake everybody, itself too.
      const leads = await db
        .selectFrom('watchers')
        .select(['next_at', 'allowance'])
        .where('repo', '=', repo)
        .where('owner', '=', owner)
        .where('lease_expires_at', '>', at + LEAD_MS / 2)
        .executeTakeFirst();
      if (leads) return { nextAt: leads.next_at, allowance: JSON.parse(leads.allowance) as Allowance };
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
      const waits = sql<boolean>`exists (select 1 from tasks where id = watches.task_id and phase = 'checks' and ${RUNNING})`;
      await db
        .deleteFrom('watches')
        .where('repo', '=', repo)
        .where(sql<boolean>`not ${waits}`)
        .execute();
      const rows = await db
        .selectFrom('watches')
        .selectAll()
        .where('repo', '=', repo)
        .where(waits)
        .orderBy('task_id')
        .execute();
      return rows.map(decode);
    },
    saveLook: (repo, owner, look) =>
      db.transaction().execute(async (tx) => {
        const led = await tx
          .selectFrom('watchers')
          .select('woken_at')
          .where('repo', '=', repo)
          .where('owner', '=', owner)
          .executeTakeFirst();
        if (!led) return false;
        // What became news while we looked may not have been in the answer.
        const missed = led.woken_at !== null && led.woken_at >= look.from;
        await tx
          .updateTable('watchers')
          .set({
            next_at: missed ? wakeAt(look.nextAt, look.allowance, true, look.at) : look.nextAt,
            allowance: JSON.stringify(look.allowance),
            lease_expires_at: look.nextAt + LEAD_MS,
          })
          .where('repo', '=', repo)
          .execute();
        if (look.error !== null) {
          await failed(tx, repo, look.from, look.at, look.error);
          return true;
        }
        for (const { sha, detail } of look.unknown) await failed(tx, repo, look.from, look.at, detail, sha);
        for (const snapshot of look.snapshots) {
          await tx
            .updateTable('watches')
            .set({ snapshot: JSON.stringify(snapshot), seen_at: look.at, error: null })
            .where('repo', '=', repo)
            .where('sha', '=', snapshot.sha)
            .where('since', '<=', look.from)
            .execute();
        }
        return true;
      }),
    async seenOf(repo) {
      const watcher = await db.selectFrom('watchers').select('allowance').where('repo', '=', repo).executeTakeFirst();
      const waiting = await db.selectFrom('watches').select('snapshot').where('repo', '=', repo).execute();
      const newest = await db.selectFrom('tasks').select('forge').orderBy('id', 'desc').limit(50).execute();
      const forge = newest
        .map((row) => JSON.parse(row.forge) as TaskForge | null)
        .find((it) => it && watchKey(it) === repo);
      const hidden = waiting.flatMap(({ snapshot }) =>
        snapshot === null ? [] : (JSON.parse(snapshot) as ForgeSnapshot).hidden,
      );
      return {
        identity: forge?.identity ?? null,
        budget: (watcher && (JSON.parse(watcher.allowance) as Allowance).budget) ?? null,
        hidden: [...new Set(hidden)],
      };
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
      // Old and new are mixed, so that one odd run changes little.
      await sql`
        insert into durations (repo, workflow, ms) values (${repo}, ${workflow}, ${Math.round(ms)})
        on conflict (repo, workflow) do update set ms = cast(round(ms * 0.7 + excluded.ms * 0.3) as integer)
      `.execute(db);
    },
  };
}
