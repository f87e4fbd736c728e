import { sql, type Kysely, type Transaction } from 'kysely';
import { announceKey } from '../../conversations/announce.ts';
import { ALWAYS } from '../../conversations/choices.ts';
import { stepOf, type PromptEvent } from '../../conversations/prompt.ts';
import type { PromptStore, StoredPrompt } from '../../conversations/ports.ts';
import type { Claim } from '../../tasks/ports.ts';
import type { Allowed } from '../../tasks/task.ts';
import { isoClock, OPEN, touched } from './literals.ts';
import { requireClaim } from './lostClaim.ts';
import { sayIn } from './outbox.ts';
import type { PromptRow, Schema } from './schema.ts';

type Writer = Kysely<Schema> | Transaction<Schema>;

const decode = (row: PromptRow): StoredPrompt => {
  const { token: _token, attempt: _attempt, delivered: _delivered, mode, rule, ...rest } = row;
  return {
    ...rest,
    choices: JSON.parse(row.choices) as string[],
    context: JSON.parse(row.context) as StoredPrompt['context'],
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
    automatic: mode === null ? null : { mode, rule: rule ?? '' },
  };
};

/** Whether a prompt may take the step: the rule is `stepOf`, and its values are literals for the index. */
const may = (event: PromptEvent) =>
  sql<boolean>`(${sql.join(
    stepOf(event).from.map((state) => sql`state = ${sql.lit(state)}`),
    sql` or `,
  )})`;
const to = (event: PromptEvent) => ({ state: stepOf(event).to });

/** A write of a carrier is void unless its claim holds. */
const held = ({ token, owner }: Claim) =>
  sql<boolean>`exists (select 1 from tasks where tasks.id = prompts.task_id and tasks.token = ${token} and tasks.owner = ${owner})`;

/**
 * A holder of an earlier claim is dead, and with a turn that its carrier's death has interrupted, or an aborted
 * task, so are its scripts. A script's question outlives a turn that has ended in order.
 */
const PROCESS_GONE = sql<boolean>`exists (select 1 from tasks where tasks.id = prompts.task_id and (
  (prompts.holder is not null and prompts.token < tasks.token) or tasks.status = 'aborted' or exists (
    select 1 from attempts where attempts.task_id = prompts.task_id and number = prompts.attempt and ended_at is null
  ) and prompts.holder is null))`;

const NO_ANSWER = { answer_id: null, response: null, answered_by: null, answered_at: null };

/** Open questions, oldest first; of a session, or of a task. */
export async function openPrompts(db: Writer, of?: { session: string } | { taskId: string }): Promise<StoredPrompt[]> {
  let query = db.selectFrom('prompts').selectAll().where(OPEN);
  if (of) query = 'session' in of ? query.where('session', '=', of.session) : query.where('task_id', '=', of.taskId);
  return (await query.orderBy('id').execute()).map(decode);
}

/** The newest answered questions of a task, oldest first. */
export async function answeredPrompts(db: Writer, taskId: string, limit: number): Promise<StoredPrompt[]> {
  const rows = await db
    .selectFrom('prompts')
    .selectAll()
    .where('task_id', '=', taskId)
    .where('state', '=', 'resumed')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.toReversed().map(decode);
}

/** Questions, whoever asks them. `now` is ms since the epoch. */
export function createPromptStore(db: Kysely<Schema>, now: () => number, newId: () => string): PromptStore {
  const iso = isoClock(now);
  /** One conditional statement; undefined where it changed nothing. */
  const step = async (
    tx: Writer,
    id: string,
    event: PromptEvent,
    set: Partial<PromptRow>,
    where: ReturnType<typeof held>,
  ): Promise<StoredPrompt | undefined> => {
    const row = await tx
      .updateTable('prompts')
      .set({ ...set, ...to(event) })
      .where('id', '=', id)
      .where(may(event))
      .where(where)
      .returningAll()
      .executeTakeFirst();
    return row && decode(row);
  };

  return {
    insert: (prompt, { claim, attempt }, message) =>
      db.transaction().execute(async (tx) => {
        if (claim) await requireClaim(tx, claim);
        const { automatic, choices, context, metadata, ...rest } = prompt;
        await tx
          .insertInto('prompts')
          .values({
            ...rest,
            choices: JSON.stringify(choices),
            context: JSON.stringify(context),
            metadata: JSON.stringify(metadata),
            token: claim?.token ?? 0,
            attempt,
            // Where a rule answers at once, the turn has it before it is recorded.
            delivered: prompt.state === 'resumed' ? 1 : 0,
            mode: automatic?.mode ?? null,
            rule: automatic?.rule ?? null,
          })
          .execute();
        if (message) await sayIn(tx, { id: newId(), key: announceKey(prompt.id), message, now: now() });
      }),
    async get(id) {
      const row = await db.selectFrom('prompts').selectAll().where('id', '=', id).executeTakeFirst();
      return row && decode(row);
    },
    open: (of) => openPrompts(db, of),
    ofSession: (session) =>
      db
        .selectFrom('prompts')
        .select(['id', 'state', 'prompt_file', 'work_item', 'summary', 'response', 'answered_at', 'created_at'])
        .where('session', '=', session)
        .where(OPEN)
        .orderBy('id')
        .execute(),
    async statesOfIds(ids) {
      const rows = [];
      for (let from = 0; from < ids.length; from += 500)
        rows.push(
          ...(await db
            .selectFrom('prompts')
            .select(['id', 'state', 'answer_id'])
            .where('id', 'in', ids.slice(from, from + 500))
            .execute()),
        );
      return rows;
    },
    async statesOf(taskId) {
      const rows = await db
        .selectFrom('prompts')
        .select(['id', 'state', 'holder', 'attempt', 'created_at'])
        .where('task_id', '=', taskId)
        .where(OPEN)
        .execute();
      return rows as Awaited<ReturnType<PromptStore['statesOf']>>;
    },
    async like(text, open) {
      let query = db
        .selectFrom('prompts')
        .select('id')
        .where((eb) => eb.or([eb('id', 'like', `${text}%`), eb('id', 'like', `%${text}`)]));
      if (open) query = query.where(OPEN);
      return (await query.orderBy('id', 'desc').limit(6).execute()).map((row) => row.id);
    },
    async answer(id, { id: answerId, response, by, automatic }) {
      const row = await db
        .updateTable('prompts')
        .set({
          state: sql`case when holder is null then ${sql.lit(stepOf('answer_at_once').to)} else ${sql.lit(stepOf('answer').to)} end`,
          answer_id: answerId,
          response,
          answered_by: by,
          answered_at: iso(),
          delivered: sql`case when holder is null then 1 else 0 end`,
          ...(automatic ? { mode: automatic.mode, rule: automatic.rule } : {}),
        })
        .where('id', '=', id)
        .where(may('answer'))
        .where('expires_at', '>', now())
        .returningAll()
        .executeTakeFirst();
      return row && decode(row);
    },
    fail: async (id, answerId) =>
      (await step(db, id, 'fail', NO_ANSWER, sql<boolean>`answer_id = ${answerId}`)) !== undefined,
    async deliver(claim, id, always) {
      // One statement for most answers: whoever gave them waits.
      const once = always ? sql<boolean>`${held(claim)} and response is not ${sql.lit(ALWAYS)}` : held(claim);
      const prompt = await step(db, id, 'deliver', {}, once);
      if (prompt || !always) return prompt;
      return db.transaction().execute(async (tx) => {
        const forGood = await step(tx, id, 'deliver', {}, held(claim));
        if (forGood?.response === ALWAYS) await allow(tx, claim, always, iso());
        return forGood;
      });
    },
    async delivered(claim, id) {
      const row = await db
        .updateTable('prompts')
        .set({ delivered: 1 })
        .where('id', '=', id)
        .where(held(claim))
        .returningAll()
        .executeTakeFirst();
      return row && decode(row);
    },
    async quoted(claim, ids) {
      if (ids.length === 0) return;
      await db.updateTable('prompts').set({ delivered: 1 }).where('id', 'in', ids).where(held(claim)).execute();
    },
    withdraw: async (claim, id) => (await step(db, id, 'withdraw', {}, held(claim))) !== undefined,
    lose: async (id, holder) => (await step(db, id, 'lose', {}, sql<boolean>`holder = ${holder}`)) !== undefined,
    async loseEarlier(taskId, by) {
      const gone = db
        .updateTable('prompts')
        .set(to('lose'))
        .where('task_id', '=', taskId)
        .where(may('lose'))
        .where(PROCESS_GONE);
      const rows = await (by ? gone.where(held(by)) : gone).returning('id').execute();
      return rows.map((row) => row.id);
    },
    async refresh(claim, id, { context, choices }) {
      const { numUpdatedRows } = await db
        .updateTable('prompts')
        .set({ context: JSON.stringify(context), choices: JSON.stringify(choices) })
        .where('id', '=', id)
        .where(may('answer'))
        .where(held(claim))
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
    async expire(claim, id) {
      const old = sql<boolean>`expires_at <= ${now()}`;
      return (await step(db, id, 'expire', {}, claim ? sql<boolean>`${old} and ${held(claim)}` : old)) !== undefined;
    },
    async due() {
      const rows = await db
        .selectFrom('prompts')
        .select('id')
        .where(may('expire'))
        .where(OPEN)
        .where('expires_at', '<=', now())
        .execute();
      return rows.map((row) => row.id);
    },
    async lostIn(taskId, attempt) {
      const rows = await db
        .selectFrom('prompts')
        .selectAll()
        .where('task_id', '=', taskId)
        .where('attempt', '=', attempt)
        .where('state', 'in', ['lost', 'resumed'])
        .where('delivered', '=', 0)
        .orderBy('id')
        .execute();
      return rows.map(decode);
    },
  };
}

/** Remembers in the task that this needs no asking any more. The claim was checked in this transaction. */
async function allow(tx: Writer, { taskId }: Claim, always: Allowed, at: string): Promise<void> {
  const { allowed } = await tx.selectFrom('tasks').select('allowed').where('id', '=', taskId).executeTakeFirstOrThrow();
  const known = JSON.parse(allowed) as Allowed[];
  if (known.some((it) => it.kind === always.kind && it.command === always.command)) return;
  await tx
    .updateTable('tasks')
    .set({ allowed: JSON.stringify([...known, always]), ...touched(at) })
    .where('id', '=', taskId)
    .execute();
}
