import { sql, type Insertable, type Kysely, type UpdateObject } from 'kysely';
import { newestEvent } from './events.ts';
import { AmpaError, notFound } from '../../errors.ts';
import { type Continued, noSuchTask, type TaskBoard } from '../../tasks/board.ts';
import { continuedPrompt } from '../../tasks/continuing.ts';
import { isLanding, whyNotLand } from '../../tasks/landing.ts';
import { needsKey } from '../../tasks/capabilities.ts';
import { isActive, type Task, type TaskEvent } from '../../tasks/task.ts';
import { transition } from '../../tasks/transition.ts';
import { lastAttemptOf } from './attempts.ts';
import { answeredPrompts, openPrompts } from './promptStore.ts';
import { createTaskDecoder, encodeTask, type Schema, type TaskRow } from './schema.ts';
import { ACTIVE, isoClock, RESUME_PHASE, touched } from './literals.ts';

/** A session's cost is cumulative, so what a `continue` grants comes on top of what it has cost. */
const renewed = ({ limits, cost_usd: cost }: Task): Task['limits'] =>
  limits.costGrantUsd === null ? limits : { ...limits, costUsd: (cost ?? 0) + limits.costGrantUsd };

/** Name of the lease of who merges a task. */
const mergeOf = (id: string): string => `merge ${id}`;

/** The people's side of the store. `now` is ms since the epoch. */
export function createTaskBoard(db: Kysely<Schema>, now: () => number): TaskBoard {
  const iso = isoClock(now);
  const decoder = createTaskDecoder();

  /** What is decided by it is written in the same transaction, which is immediate: nobody decides in between. */
  const read = async (tx: Kysely<Schema>, id: string): Promise<Task> => {
    const row = await tx.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst();
    if (!row) throw noSuchTask(id);
    return decoder.row(row);
  };

  /** Who merges it right now, if anybody does. */
  const merging = (tx: Kysely<Schema>, id: string) =>
    tx.selectFrom('leases').select('owner').where('name', '=', mergeOf(id)).where('expires_at', '>', now());

  /** Writes unless the task has been continued, or carried, since it was read. */
  const updateEnded = async (task: Task, set: UpdateObject<Schema, 'tasks'>): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable('tasks')
      .set(set)
      .where('id', '=', task.id)
      .where('token', '=', task.token)
      .where('worktree', '=', task.worktree)
      .where(sql<boolean>`not ${ACTIVE}`)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  };

  /** Follows the log of changes back from the task's newest one. */
  const eventsOf = (id: string): Promise<TaskEvent[]> =>
    db
      .withRecursive('chain', (qb) =>
        qb
          .selectFrom('events')
          .innerJoin('tasks', 'tasks.rev', 'events.id')
          .selectAll('events')
          .where('tasks.id', '=', id)
          .unionAll(qb.selectFrom('events').innerJoin('chain', 'chain.prev', 'events.id').selectAll('events')),
      )
      .selectFrom('chain')
      .select(['id', 'task_id', 'at', 'status', 'phase', 'reason', 'attempt', 'note'])
      .where('shown', '=', 1)
      .orderBy('id')
      .execute();

  return {
    async insert(task) {
      const { rev: _assigned, ...row } = encodeTask(task);
      if (task.prompt === task.request) row['prompt'] = null;
      row['needs'] = needsKey(task);
      const inserted = await db
        .insertInto('tasks')
        .values(row as unknown as Insertable<TaskRow>)
        .returning('id')
        .executeTakeFirstOrThrow();
      return decoder.row(
        await db.selectFrom('tasks').selectAll().where('id', '=', inserted.id).executeTakeFirstOrThrow(),
      );
    },
    async list({ statuses, createdBy, limit, before }) {
      let matching = db.selectFrom('tasks');
      if (statuses) matching = matching.where('status', 'in', statuses);
      const active = statuses?.every(isActive) ?? false;
      if (active) matching = matching.where(ACTIVE);
      if (createdBy !== undefined) matching = matching.where('created_by', 'in', createdBy);
      // The plus keeps SQLite from walking all tasks in the order of their ids to find the few active ones.
      let rows = matching.selectAll().orderBy(active ? sql`+id` : 'id', 'desc');
      if (before !== undefined) rows = rows.where('id', '<', before);
      if (limit !== undefined) rows = rows.limit(limit);
      const tasks = await rows.execute();
      const { total } = await matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow();
      return { tasks: tasks.map(decoder.row), total };
    },
    revision: () => newestEvent(db),
    async changedSince(rev) {
      const rows = await db
        .selectFrom('tasks')
        .selectAll()
        .where('id', 'in', (eb) => eb.selectFrom('events').select('task_id').where('id', '>', rev))
        .orderBy('rev')
        .execute();
      return { tasks: rows.map(decoder.row), rev: rows.at(-1)?.rev ?? rev };
    },
    async find(text) {
      const id = text.toUpperCase();
      if (!/^[0-9A-Z]{1,26}$/.test(id))
        throw notFound('task', text, 'An id is 26 letters and digits; `ampa ls --all` lists them.');
      const rows = await db
        .selectFrom('tasks')
        .selectAll()
        .where((eb) => eb.or([eb('id', 'like', `${id}%`), eb('id', 'like', `%${id}`)]))
        .orderBy('id')
        .limit(6)
        .execute();
      if (rows.length > 1) {
        const names = rows
          .slice(0, 5)
          .map((row) => row.id)
          .join(', ');
        throw new AmpaError(
          'ambiguous',
          `${JSON.stringify(text)} could be ${names}${rows.length > 5 ? ', …' : ''}`,
          'Give more of the id.',
        );
      }
      if (!rows[0]) throw noSuchTask(text);
      return decoder.row(rows[0]);
    },
    async detail(id) {
      return {
        task: await read(db, id),
        attempts: await db.selectFrom('attempts').selectAll().where('task_id', '=', id).orderBy('number').execute(),
        checks: await db
          .selectFrom('checks')
          .selectAll()
          .where('task_id', '=', id)
          .orderBy('attempt')
          .orderBy('started_at')
          .execute(),
        messages: await db.selectFrom('messages').selectAll().where('task_id', '=', id).orderBy('id').execute(),
        events: await eventsOf(id),
        prompts: await openPrompts(db, { taskId: id }),
        answers: await answeredPrompts(db, id, 50),
      };
    },
    continueTask: (id, text): Promise<Continued> =>
      db.transaction().execute(async (tx) => {
        const task = await read(tx, id);
        const update = async (set: Record<string, unknown>): Promise<Task> =>
          decoder.row(
            await tx
              .updateTable('tasks')
              .set({ ...touched(iso()), ...set })
              .where('id', '=', id)
              .returningAll()
              .executeTakeFirstOrThrow(),
          );

        if (isActive(task.status)) {
          if (text === null)
            throw new AmpaError(
              'illegal_transition',
              'cannot continue an active task without a message',
              'Say what it should do: -m TEXT.',
            );
          if (task.status === 'queued')
            return {
              task: await update({ prompt: continuedPrompt(task, undefined, text), resume_phase: null }),
              as: 'appended',
            };
          await tx
            .insertInto('messages')
            .values({ task_id: id, text, created_at: iso(), delivered_in: null })
            .execute();
          return { task: await update({}), as: 'message' };
        }
        const verdict = transition(task, { type: 'continue' });
        if (!verdict.ok) throw verdict.error;
        if (await merging(tx, id).executeTakeFirst())
          throw isLanding(id, 'Continue it if that fails; what has landed is taken further by a new task.');
        const last = await lastAttemptOf(tx, task);
        return {
          as: 'requeued',
          task: await update({
            ...verdict.to,
            ...encodeTask({
              waits_for: null,
              reason_detail: null,
              held_ms: 0,
              turn_failures: 0,
              turn_interruptions: 0,
              takeovers: 0,
              denied: false,
              sent_at: null,
              abort_requested_at: null,
              max_attempts: task.attempts + task.limits.attempts,
              limits: renewed(task),
              prompt: continuedPrompt(task, last, text),
              resume_phase: text === null ? task.resume_phase : null,
            }),
            note: text === null ? 'Continued.' : null,
          }),
        };
      }),
    requestAbort: (id) =>
      db.transaction().execute(async (tx) => {
        const verdict = transition(await read(tx, id), { type: 'abort' });
        if (!verdict.ok) throw verdict.error;
        const updated = await tx
          .updateTable('tasks')
          .set({ abort_requested_at: iso(), ...touched(iso()) })
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirstOrThrow();
        return decoder.row(updated);
      }),
    async abortUnowned(id, token) {
      const row = await db
        .updateTable('tasks')
        .set({
          status: 'aborted',
          phase: null,
          reason: 'user',
          reason_detail: null,
          ...touched(iso()),
          abort_requested_at: null,
          resume_phase: RESUME_PHASE,
          owner: null,
          lease_expires_at: null,
          slot: 0,
          token: sql<number>`token + 1`,
        })
        .where('id', '=', id)
        .where('token', '=', token)
        .where('merged_at', 'is', null)
        .where(({ not, exists }) => not(exists(merging(db, id))))
        .returning('id')
        .executeTakeFirst();
      return row !== undefined;
    },
    holdForMerge: (task, by, until) =>
      db.transaction().execute(async (tx) => {
        const why = whyNotLand(task, await read(tx, task.id));
        if (why) throw why;
        const other = await merging(tx, task.id).executeTakeFirst();
        if (other && other.owner !== by) throw isLanding(task.id, 'Nothing is left to do if that succeeds.');
        const lease = { owner: by, expires_at: until };
        await tx
          .insertInto('leases')
          .values({ name: mergeOf(task.id), ...lease })
          .onConflict((oc) => oc.column('name').doUpdateSet(lease))
          .execute();
      }),
    async releaseMerge(id, by) {
      await db.deleteFrom('leases').where('name', '=', mergeOf(id)).where('owner', '=', by).execute();
    },
    recordMerge: (task, at, note) =>
      db.transaction().execute(async (tx) => {
        const current = await read(tx, task.id);
        const why = whyNotLand(task, current);
        if (why) throw why;
        const verdict = transition(current, { type: 'merge', at });
        if (!verdict.ok) throw verdict.error;
        const updated = await tx
          .updateTable('tasks')
          .set({ ...verdict.to, ...touched(iso()), note })
          .where('id', '=', task.id)
          .returningAll()
          .executeTakeFirstOrThrow();
        return decoder.row(updated);
      }),
    setWorktreeReady: (task, ready) => updateEnded(task, { worktree_ready: ready ? 1 : 0 }),
    forgetWorktree: (task) => updateEnded(task, { worktree: null, worktree_ready: 0, ...touched(iso()) }),
  };
}
