import { type Kysely, sql, type Transaction } from 'kysely';
import { LEASE_MS } from '../../tasks/timings.ts';
import { createTaskDecoder, encodeTask, type Schema } from './schema.ts';
import type { AttemptEnd, Claim, TaskPatch, TaskStore } from '../../tasks/ports.ts';
import { turnForMessage, yieldsToMessage } from '../../tasks/continuing.ts';
import { resumesPhase } from '../../tasks/reasons.ts';
import { isActive, STATUSES, type Status, type Task } from '../../tasks/task.ts';
import { transition, type Lifecycle, type TransitionEvent } from '../../tasks/transition.ts';
import { lastAttemptOf } from './attempts.ts';
import { isoClock, RESUME_PHASE, SLOTS_TAKEN, touched } from './literals.ts';
import { lostClaim, requireClaim } from './lostClaim.ts';
import { prepareQuery, type Queries } from './prepared.ts';

/** How long a check of a base counts, ms: what failed there by chance does not for ever. */
const BASE_CHECK_MS = 24 * 3600_000;

type Writer = Kysely<Schema> | Transaction<Schema>;

interface Effect {
  key: string;
  from: Status[];
  to: Lifecycle;
}
const effects = new Map<string, Effect>();

/** The statuses an event may start from and where it leads, read off `transition`, which stays the only rule. */
function effectOf(event: TransitionEvent): Effect {
  const key = `${event.type} ${'phase' in event ? event.phase : ''} ${'reason' in event ? event.reason : ''}`;
  let effect = effects.get(key);
  if (!effect) effects.set(key, (effect = readEffect(key, event)));
  return effect;
}

function readEffect(key: string, event: TransitionEvent): Effect {
  const from: Status[] = [];
  let to: Lifecycle | undefined;
  for (const status of STATUSES) {
    const result = transition({ status, phase: null, reason: null, merged_at: null }, event);
    if (!result.ok) continue;
    from.push(status);
    to = result.to;
  }
  if (!to) throw new Error(`no status allows ${event.type}`);
  return { key, from, to };
}

/** What an ended task gives back. */
const RELEASED = {
  owner: sql.lit(null),
  lease_expires_at: sql.lit(null),
  slot: sql.lit(0),
  abort_requested_at: sql.lit(null),
};
const ended = (to: Lifecycle): boolean => !isActive(to.status);

/** The carriers' side of the store. `now` is ms since the epoch. */
export function createTaskStore(database: Queries, now: () => number): TaskStore {
  const { db } = database;
  const decoder = createTaskDecoder();
  const iso = isoClock(now);

  const renewQuery = prepareQuery(database, (v) =>
    db
      .updateTable('tasks')
      .set({ lease_expires_at: v<number>('lease'), held_ms: sql<number>`held_ms + ${v<number>('held')}` })
      .where('id', '=', v<string>('id'))
      .where('token', '=', v<number>('token'))
      .where('owner', '=', v<string>('owner'))
      .returningAll(),
  );

  /** One compiled statement for each event and set of patched columns; what the event decides are literals in it. */
  const applyQueries = new Map<string, ReturnType<typeof prepareQuery>>();
  function applyQuery(event: TransitionEvent, { key, from, to }: Effect, columns: readonly string[], yields: boolean) {
    const name = `${key} ${columns.join()}`;
    let query = applyQueries.get(name);
    if (query) return query;
    query = prepareQuery(database, (v) => {
      let update = db
        .updateTable('tasks')
        .set({
          status: sql.lit(to.status),
          phase: sql.lit(to.phase),
          takeovers: sql.lit(0),
          reason: sql.lit(to.reason),
          reason_detail: v<string | null>('detail'),
          ...touched(v<string>('at')),
          note: v<string | null>('note'),
          ...Object.fromEntries(columns.map((column) => [column, v(column)])),
          ...(event.type === 'stop' && resumesPhase(event.reason) ? { resume_phase: RESUME_PHASE } : {}),
          ...(ended(to) ? RELEASED : {}),
        })
        .where('id', '=', v<string>('id'))
        .where('token', '=', v<number>('claimToken'))
        .where('owner', '=', v<string>('claimOwner'))
        .where(
          'status',
          'in',
          from.map((status) => sql.lit(status)),
        );
      if (yields) {
        update = update.where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('messages')
                .select('messages.id')
                .whereRef('task_id', '=', 'tasks.id')
                .where('delivered_in', 'is', null),
            ),
          ),
        );
      }
      return update.returningAll();
    });
    applyQueries.set(name, query);
    return query;
  }

  /** Runs a conditional update of the claimed row; rejects with `lost_claim` where it matches none. */
  async function updateClaimed(queries: Writer, claim: Claim, set: Record<string, unknown>): Promise<Task> {
    const row = await queries
      .updateTable('tasks')
      .set(set)
      .where('id', '=', claim.taskId)
      .where('token', '=', claim.token)
      .where('owner', '=', claim.owner)
      .returningAll()
      .executeTakeFirst();
    if (!row) throw lostClaim(claim.taskId);
    return decoder.row(row);
  }

  /** Runs `work` in one transaction whose every write is void unless the claim holds. */
  const guarded = <R>(claim: Claim, work: (tx: Transaction<Schema>) => Promise<R>): Promise<R> =>
    db.transaction().execute(async (tx) => {
      await requireClaim(tx, claim);
      return work(tx);
    });

  async function get(id: string): Promise<Task | undefined> {
    const row = await db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst();
    return row && decoder.row(row);
  }

  async function apply(
    claim: Claim,
    event: TransitionEvent,
    patch: TaskPatch = {},
    note: string | null = null,
  ): Promise<Task> {
    const effect = effectOf(event);
    const set = encodeTask(patch);
    const yields = yieldsToMessage(effect.to, patch);
    const rows = await applyQuery(
      event,
      effect,
      Object.keys(set),
      yields,
    )({
      ...set,
      detail: event.type === 'stop' ? (event.detail ?? null) : null,
      note,
      at: iso(),
      id: claim.taskId,
      claimToken: claim.token,
      claimOwner: claim.owner,
    });
    const [updated] = decoder.table(rows);
    if (updated) return updated;

    const task = await get(claim.taskId);
    if (!task || task.token !== claim.token || task.owner !== claim.owner) throw lostClaim(claim.taskId);
    const verdict = transition(task, event);
    if (!verdict.ok) throw verdict.error;
    if (!yields) throw new Error(`task ${claim.taskId}: ${event.type} matched no row although it is legal`);
    return apply(
      claim,
      { type: 'retry' },
      { ...turnForMessage(task, await lastAttemptOf(db, task)), ...patch },
      'A message arrived: one more turn.',
    );
  }

  return {
    get,
    apply,
    patch: (claim, patch) => updateClaimed(db, claim, { ...encodeTask(patch), ...touched(iso()) }),
    async note(claim, text) {
      await updateClaimed(db, claim, { ...touched(iso()), note: text });
    },
    async renew(claim, heldMs) {
      const rows = await renewQuery({
        id: claim.taskId,
        token: claim.token,
        owner: claim.owner,
        lease: now() + LEASE_MS,
        held: heldMs,
      });
      return decoder.table(rows)[0];
    },
    async takeSlot(claim, limit) {
      const row = await db
        .updateTable('tasks')
        .set({ slot: 1 })
        .where('id', '=', claim.taskId)
        .where('token', '=', claim.token)
        .where('owner', '=', claim.owner)
        .where((eb) => eb.or([eb('slot', '=', 1), eb(SLOTS_TAKEN, '<', limit)]))
        .returning('id')
        .executeTakeFirst();
      return row !== undefined;
    },
    async releaseSlot(claim) {
      await updateClaimed(db, claim, { slot: 0 });
    },
    beginAttempt: (claim, attempt) =>
      guarded(claim, async (tx) => {
        if (attempt.delivered.length > 0) {
          await tx
            .updateTable('messages')
            .set({ delivered_in: attempt.number })
            .where('id', 'in', attempt.delivered)
            .execute();
        }
        if (attempt.quoted?.length)
          await tx.updateTable('prompts').set({ delivered: 1 }).where('id', 'in', attempt.quoted).execute();
        await tx
          .insertInto('attempts')
          .values({
            task_id: claim.taskId,
            number: attempt.number,
            prompt: attempt.prompt,
            started_at: iso(),
            ended_at: null,
            outcome: null,
            summary: null,
            error: null,
            head_sha: null,
            cost_usd: null,
            input_tokens: null,
            output_tokens: null,
          })
          .execute();
        return updateClaimed(tx, claim, {
          ...encodeTask({
            attempts: attempt.number,
            prompt: attempt.prompt,
            sent_at: null,
            turn_failures: 0,
            turn_interruptions: 0,
            denied: false,
          }),
          ...touched(iso()),
        });
      }),
    endAttempt: (claim, number, end: AttemptEnd) =>
      guarded(claim, async (tx) => {
        const { numUpdatedRows } = await tx
          .updateTable('attempts')
          .set({ ...end, ended_at: iso() })
          .where('task_id', '=', claim.taskId)
          .where('number', '=', number)
          .where('ended_at', 'is', null)
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      }),
    saveCheck: (claim, check) =>
      guarded(claim, async (tx) => {
        await tx
          .insertInto('checks')
          .values(check)
          .onConflict((oc) => oc.columns(['task_id', 'attempt', 'sha', 'name']).doUpdateSet(check))
          .execute();
      }),
    async attemptsOf(taskId) {
      return db.selectFrom('attempts').selectAll().where('task_id', '=', taskId).orderBy('number').execute();
    },
    async checksOf(taskId) {
      return db
        .selectFrom('checks')
        .selectAll()
        .where('task_id', '=', taskId)
        .orderBy('attempt')
        .orderBy('started_at')
        .execute();
    },
    async baseCheck(repo, sha, command) {
      const row = await db
        .selectFrom('base_checks')
        .select('red')
        .where((eb) => eb.and({ repo, sha, command }))
        .where('at', '>', now() - BASE_CHECK_MS)
        .executeTakeFirst();
      return row && row.red === 1;
    },
    saveBaseCheck: (claim, repo, sha, command, red) =>
      guarded(claim, async (tx) => {
        const row = { repo, sha, command, red: Number(red), at: now() };
        await tx
          .deleteFrom('base_checks')
          .where('at', '<=', now() - BASE_CHECK_MS)
          .execute();
        await tx
          .insertInto('base_checks')
          .values(row)
          .onConflict((oc) => oc.columns(['repo', 'sha', 'command']).doUpdateSet(row))
          .execute();
      }),
    async messagesOf(taskId) {
      return db.selectFrom('messages').selectAll().where('task_id', '=', taskId).orderBy('id').execute();
    },
  };
}
