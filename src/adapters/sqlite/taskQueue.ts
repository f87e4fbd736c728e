import { type RawBuilder, sql } from 'kysely';
import type { Claim, WorkQueue } from '../../tasks/ports.ts';
import { LEASE_MS } from '../../tasks/timings.ts';
import { ACTIVE, isoClock, QUEUED, RUNNING, SLOTS_TAKEN, touched } from './literals.ts';
import { prepareQuery, type Queries } from './prepared.ts';
import { createTaskDecoder, type Table } from './schema.ts';

/**
 * Names of needs in one text: each is JSON in full, so none is a part of another, and none has a line break. A list of
 * values would have to be unpacked at each claim.
 */
const listed = (needs: readonly string[]): string => needs.join('\n');
const among = (list: unknown) => sql<boolean>`instr(${list}, needs) > 0`;
/** The queue of the worker loops. `now` is ms since the epoch. */
export function createTaskQueue(database: Queries, now: () => number): WorkQueue {
  const { db } = database;
  const decoder = createTaskDecoder();
  const iso = isoClock(now);

  /** `which` picks the row: SQLite's own number of it spares the way over the primary key. */
  const claimQuery = (which: (v: <T>(name: string) => T) => RawBuilder<boolean>) =>
    prepareQuery(database, (v) =>
      db
        .updateTable('tasks')
        .set({
          status: sql.lit('running'),
          phase: sql.lit('preparing'),
          owner: v<string>('owner'),
          token: sql<number>`token + 1`,
          lease_expires_at: v<number>('lease'),
          slot: sql.lit(1),
          waits_for: sql.lit(null),
          ...touched(v<string>('at')),
        })
        .where(which(v))
        .where(SLOTS_TAKEN, '<', v<number>('slots'))
        .returning(['id', 'owner', 'token']),
    );
  const claimNext = claimQuery(
    (v) =>
      sql`rowid = (select rowid from tasks where slot = 0 and ${QUEUED} and ${among(v('needs'))} order by id limit 1)`,
  );
  const claimOne = claimQuery((v) => sql`id = ${v('id')} and ${QUEUED}`);
  const claimOf = ({ rows: [row] }: Table): Claim | undefined =>
    row && { taskId: String(row[0]), owner: String(row[1]), token: Number(row[2]) };

  return {
    async claimNext(owner, slots, needs) {
      return claimOf(await claimNext({ owner, slots, needs: listed(needs), lease: now() + LEASE_MS, at: iso() }));
    },
    async claimQueued(id, owner, slots) {
      return claimOf(await claimOne({ id, owner, slots, lease: now() + LEASE_MS, at: iso() }));
    },
    async takeOver(id, token, owner) {
      const row = await db
        .updateTable('tasks')
        .set({
          owner,
          token: sql<number>`token + 1`,
          lease_expires_at: now() + LEASE_MS,
          ...touched(iso()),
          note: 'The process that carried this task had died; taken over.',
          waits_for: null,
          takeovers: sql<number>`takeovers + 1`,
          turn_interruptions: sql<number>`turn_interruptions + (case when phase = 'agent' and sent_at is not null then 1 else 0 end)`,
        })
        .where('id', '=', id)
        .where('token', '=', token)
        .where(RUNNING)
        .returning(['id', 'token'])
        .executeTakeFirst();
      return row && { taskId: row.id, owner, token: row.token };
    },
    async running() {
      const rows = await db.selectFrom('tasks').selectAll().where(ACTIVE).where(RUNNING).execute();
      return rows.map(decoder.row);
    },
    async queuedBeside(needs) {
      const rows = await db
        .selectFrom('tasks')
        .select(['id', 'token', 'agent_spec', 'forge', 'checks', 'waits_for', 'updated_at', 'needs'])
        .where('slot', '=', sql.lit(0))
        .where(QUEUED)
        .where(sql<boolean>`not ${among(listed(needs))}`)
        .orderBy('id')
        .execute();
      return rows.map((row) => ({ ...decoder.row(row), needs: row.needs }));
    },
    async sayWaiting({ id, token }, words) {
      await db
        .updateTable('tasks')
        .set({ waits_for: words, ...touched(iso()), note: `Waiting for a host with ${words}.` })
        .where('id', '=', id)
        .where('token', '=', token)
        .where(ACTIVE)
        .execute();
    },
  };
}
