import { sql, type Kysely, type Transaction } from 'kysely';
import { newestEvent } from './events.ts';
import { kindOf, type Ring } from '../../notifications/doorbell.ts';
import { audienceOf } from '../../notifications/heartbeat.ts';
import type { Message } from '../../notifications/message.ts';
import type { ChannelName, FanOut } from '../../notifications/ports.ts';
import { setChannel } from './channelRows.ts';
import { UNDELIVERED } from './literals.ts';
import { sayIn } from './outbox.ts';
import type { Schema } from './schema.ts';

type Tx = Transaction<Schema>;
type Row = { id: string; message: string; seq: number };

/** What nobody wanted to hear for so long is not told to whoever comes later; ms. */
export const STALE_MS = 3600_000;
const BATCH = 500;
/** The partial index `outbox_open`. */
const OPEN = sql<boolean>`outbox.fanned_at is null`;
/** Events that may be the end of a task, as literals: see `literals.ts`. */
const ENDS = sql<boolean>`(e.shown = 1 and e.status in ('success', 'error', 'needs_review'))`;

/** Makes the deliveries of one message. One that is not to be heard any more in the light of it is dropped. */
export async function deliverTo(
  tx: Tx,
  row: { id: string; message: Message; now: number },
  channels: readonly ChannelName[],
): Promise<void> {
  const { id, message, now } = row;
  const audience = audienceOf(message, channels);
  await tx
    .updateTable('outbox')
    .set({ fanned_at: now, message: JSON.stringify(message) })
    .where('id', '=', id)
    .execute();
  if (audience.length === 0) return;
  // Only the newest sign of life says something.
  if (message.type === 'heartbeat') {
    await tx
      .updateTable('deliveries')
      .set({ state: 'dropped', ended_at: now })
      .where(UNDELIVERED)
      .where('state', '=', 'waiting')
      .where('channel', 'in', audience)
      .where('outbox_id', '<>', id)
      .where(({ exists, selectFrom }) =>
        exists(
          selectFrom('outbox')
            .select('outbox.id')
            .whereRef('outbox.id', '=', 'deliveries.outbox_id')
            .where(sql<boolean>`message ->> 'type' = 'heartbeat'`),
        ),
      )
      .execute();
  }
  await tx
    .insertInto('deliveries')
    .values(
      audience.map((channel) => ({
        outbox_id: id,
        channel,
        state: 'waiting' as const,
        tries: 0,
        next_at: 0,
        repeat: 0,
        owner: null,
        token: 0,
        lease_expires_at: null,
        error: null,
        ended_at: null,
        created_at: now,
      })),
    )
    .onConflict((oc) => oc.columns(['outbox_id', 'channel']).doNothing())
    .execute();
}

/** What is to be said, and is not yet on its way: rows of the outbox, and ends of tasks in the log of changes. */
export function createFanOut(db: Kysely<Schema>) {
  /** No event up to here is the end of a task that is still to be told. */
  let seen = -1;

  const told = async (queries: Kysely<Schema> | Tx): Promise<number> =>
    (await queries.selectFrom('told').select('event').executeTakeFirstOrThrow()).event;

  /** Tells the ends of tasks that nobody has told yet: each once, since `told` moves in the same transaction. */
  async function ring(tx: Tx, { now, newId, ring: render }: FanOut): Promise<void> {
    const from = await told(tx);
    const rows = await tx
      .selectFrom('events as e')
      .innerJoin('tasks as t', 't.id', 'e.task_id')
      .leftJoin('events as before', 'before.id', 'e.prev')
      .select(['e.id as event', 'e.status', 'e.reason', 'before.status as was'])
      .select(['t.id', 't.title', 't.forge', 't.pr_number', 't.pr_url', 't.ci_url', 't.reason as reasonNow'])
      .select(['t.reason_detail', 't.summary'])
      .where('e.id', '>', from)
      .where(ENDS)
      .where('e.at', '>', new Date(now - STALE_MS).toISOString())
      .orderBy('e.id')
      .limit(BATCH)
      .execute();
    for (const row of rows) {
      const kind = kindOf(row.status, row.reason);
      // Work that was finished, or that a person looked at, becomes a success by its merge only.
      const landed = row.status === 'success' && (row.was === 'success' || row.was === 'needs_review');
      if (kind === null || (row.was === row.status && !landed)) continue;
      const forge = JSON.parse(row.forge) as { owner: string; name: string } | null;
      const facts: Ring = {
        taskId: row.id,
        title: row.title,
        repo: forge && `${forge.owner}/${forge.name}`,
        prNumber: row.pr_number,
        prUrl: row.pr_url,
        ciUrl: row.ci_url,
        reason: row.reason,
        // Of a task that was continued meanwhile it is gone.
        detail: row.reason !== null && row.reasonNow === row.reason ? row.reason_detail : null,
        summary: row.summary,
        landed,
      };
      await sayIn(tx, { id: newId(), key: `task:${row.id}:${row.event}`, message: render(kind, facts), now });
    }
    const last = rows.length === BATCH ? rows.at(-1)?.event : await newestEvent(tx);
    await tx
      .updateTable('told')
      .set({ event: last ?? from })
      .execute();
  }

  const lastSaid = async (queries: Kysely<Schema> | Tx): Promise<number> =>
    (await queries.selectFrom('said').select('last').executeTakeFirstOrThrow()).last;

  const heardBy = async (queries: Kysely<Schema> | Tx, channels: readonly ChannelName[]) =>
    new Map(
      (await queries.selectFrom('channels').select(['name', 'heard']).where('name', 'in', channels).execute()).flatMap(
        ({ name, heard }) => (heard === null ? [] : [[name, heard] as const]),
      ),
    );

  /** What a channel has not heard of the last hour; one that is new here hears what nobody has. */
  const unheard = (tx: Tx, channel: ChannelName, heard: number | null, now: number): Promise<Row[]> =>
    tx
      .selectFrom('outbox')
      .select(['id', 'message', 'seq'])
      .where(heard === null ? OPEN : sql<boolean>`outbox.seq > ${heard}`)
      .where('created_at', '>=', now - STALE_MS)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('deliveries')
              .select('deliveries.id')
              .whereRef('deliveries.outbox_id', '=', 'outbox.id')
              .where('deliveries.channel', '=', channel),
          ),
        ),
      )
      .orderBy('seq')
      .limit(BATCH)
      .execute();

  return {
    async hasNews(channels: readonly ChannelName[]): Promise<boolean> {
      const last = await newestEvent(db);
      // A restored backup may be behind.
      if (seen < 0 || last < seen) seen = await told(db);
      if (last > seen) {
        const end = await db
          .selectFrom('events as e')
          .select('e.id')
          .where('e.id', '>', seen)
          .where(ENDS)
          .limit(1)
          .executeTakeFirst();
        if (end) return true;
        seen = last;
      }
      const said = await lastSaid(db);
      const heard = await heardBy(db, channels);
      return channels.some((channel) => (heard.get(channel) ?? -1) < said);
    },
    async fanOut(options: FanOut): Promise<void> {
      const { channels, mask, now } = options;
      const upTo = await db.transaction().execute(async (tx) => {
        await ring(tx, options);
        const said = await lastSaid(tx);
        const heard = await heardBy(tx, channels);
        const news = new Map<number, { row: Row; channels: ChannelName[] }>();
        for (const channel of channels) {
          const rows = await unheard(tx, channel, heard.get(channel) ?? null, now);
          for (const row of rows) {
            const known = news.get(row.seq);
            if (known) known.channels.push(channel);
            else news.set(row.seq, { row, channels: [channel] });
          }
          const upTo = rows.length === BATCH ? (rows.at(-1)?.seq ?? said) : said;
          if (heard.get(channel) !== upTo) await setChannel(tx, channel, { heard: upTo });
        }
        for (const [, { row, channels: hear }] of [...news].toSorted(([a], [b]) => a - b))
          await deliverTo(tx, { id: row.id, message: mask(JSON.parse(row.message) as Message), now }, hear);
        return told(tx);
      });
      seen = upTo;
    },
    /** Where nobody listens, nothing piles up. */
    async drop(before: number): Promise<void> {
      await db.deleteFrom('outbox').where(OPEN).where('created_at', '<', before).execute();
    },
  };
}
