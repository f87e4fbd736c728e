import { sql, type Kysely, type Transaction } from 'kysely';
import type { Message } from '../../notifications/message.ts';
import type { ChannelName, Delivery, DeliveryStore, LastSent, Next } from '../../notifications/ports.ts';
import { LONGEST_WAIT_MS, PATIENT_TRIES } from '../../notifications/retry.ts';
import { channelOf, setChannel } from './channelRows.ts';
import { createFanOut, deliverTo, STALE_MS } from './fanOut.ts';
import { UNDELIVERED as OPEN } from './literals.ts';
import { sayIn } from './outbox.ts';
import type { Schema } from './schema.ts';

type Tx = Transaction<Schema>;
type Queries = Kysely<Schema> | Tx;

/** What has been dealt with is remembered for so long, and a heartbeat for an hour. */
const REMEMBERED_MS = 7 * 24 * 3600_000;

/** Messages on their way to the channels, and the claims on them. Times are ms since the epoch. */
export function createDeliveryStore(db: Kysely<Schema>): DeliveryStore {
  const news = createFanOut(db);

  /**
   * What comes next in a channel: the oldest message, where it has not failed often; one that has lets those
   * behind it go first until its time comes. A wait of hours was written by a clock that has been set back since.
   */
  async function nextOf(queries: Queries, channel: ChannelName, now: number) {
    const open = queries.selectFrom('deliveries').where('channel', '=', channel);
    const sending = await open.selectAll().where(OPEN).where('state', '=', 'sending').executeTakeFirst();
    if (sending) return { sending };
    const waiting = open.where(OPEN).where('state', '=', 'waiting');
    const due = sql<boolean>`(next_at <= ${now} or next_at > ${now + LONGEST_WAIT_MS})`;
    const head = await waiting
      .selectAll()
      .where((eb) => eb.or([eb('tries', '<', PATIENT_TRIES), due]))
      .orderBy('id')
      .limit(1)
      .executeTakeFirst();
    const later = head ?? (await waiting.selectAll().orderBy('next_at').limit(1).executeTakeFirst());
    if (!later) return { until: Infinity };
    const hold = (await channelOf(queries, channel))?.hold_until ?? 0;
    const until = Math.max(later.next_at, hold <= now + LONGEST_WAIT_MS ? hold : 0);
    return until > now && until <= now + LONGEST_WAIT_MS ? { until } : { due: later };
  }

  /** The claimed row is written and the claim given up; false: it had been lost. */
  async function settle(
    tx: Queries,
    delivery: Delivery,
    values: Partial<Omit<Schema['deliveries'], 'id'>>,
  ): Promise<boolean> {
    const { numUpdatedRows } = await tx
      .updateTable('deliveries')
      .set({ ...values, owner: null, lease_expires_at: null })
      .where('id', '=', delivery.id)
      .where('token', '=', delivery.token)
      .where('owner', '=', delivery.owner)
      .where('state', '=', 'sending')
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async function take(
    tx: Tx,
    row: { id: number; outbox_id: string; channel: ChannelName; tries: number; repeat: number; token: number },
    owner: string,
    leaseUntil: number,
  ): Promise<Delivery> {
    const token = row.token + 1;
    const tries = row.tries + 1;
    await tx
      .updateTable('deliveries')
      .set({ state: 'sending', owner, token, tries, lease_expires_at: leaseUntil })
      .where('id', '=', row.id)
      .execute();
    const { key, message } = await tx
      .selectFrom('outbox')
      .select(['key', 'message'])
      .where('id', '=', row.outbox_id)
      .executeTakeFirstOrThrow();
    return {
      id: row.id,
      key,
      channel: row.channel,
      message: JSON.parse(message) as Message,
      tries,
      repeat: row.repeat === 1,
      owner,
      token,
    };
  }

  return {
    hasNews: news.hasNews,
    fanOut: news.fanOut,
    say: (key, message, { channels, now, newId, unless }) =>
      db.transaction().execute(async (tx) => {
        if (unless) {
          const like = await tx
            .selectFrom('outbox')
            .select('id')
            .where('key', '>=', unless.prefix)
            .where('key', '<', `${unless.prefix}\u{10ffff}`)
            .where('created_at', '>', now - unless.ms)
            // What a clock has written that was set back since says nothing.
            .where('created_at', '<', now + unless.ms)
            .limit(1)
            .executeTakeFirst();
          if (like) return false;
        }
        const id = newId();
        if (!(await sayIn(tx, { id, key, message, now }))) return false;
        // Where this process knows of no channel, another may.
        if (channels.length > 0) await deliverTo(tx, { id, message, now }, channels);
        return true;
      }),
    async next(now) {
      const found = new Map<ChannelName, Next>();
      const open = await db.selectFrom('deliveries').select('channel').distinct().where(OPEN).execute();
      for (const { channel } of open) {
        const { sending, due, until } = await nextOf(db, channel, now);
        if (sending)
          found.set(channel, {
            kind: 'held',
            id: sending.id,
            token: sending.token,
            owner: sending.owner ?? '',
            leaseExpiresAt: sending.lease_expires_at ?? 0,
          });
        else found.set(channel, due ? { kind: 'due' } : { kind: 'wait', until: until ?? Infinity });
      }
      return found;
    },
    claim: (channel, owner, { now, leaseUntil }) =>
      db.transaction().execute(async (tx) => {
        const { due } = await nextOf(tx, channel, now);
        if (!due) return undefined;
        const delivery = await take(tx, due, owner, leaseUntil);
        const known = await channelOf(tx, channel);
        const last: LastSent | null =
          known?.last_type == null || known.last_at === null
            ? null
            : { type: known.last_type, remoteId: known.last_remote_id, at: known.last_at };
        return { delivery, last };
      }),
    async giveBack(id, token, untried) {
      const sent = untried ? { tries: sql<number>`tries - 1` } : { repeat: 1 };
      await db
        .updateTable('deliveries')
        .set({ state: 'waiting', owner: null, lease_expires_at: null, ...sent })
        .where('id', '=', id)
        .where('token', '=', token)
        .where('state', '=', 'sending')
        .execute();
    },
    sent: (delivery, result, now) =>
      db.transaction().execute(async (tx) => {
        const ended = result.sent
          ? { state: 'sent' as const, error: null }
          : { state: 'skipped' as const, error: result.why };
        if (!(await settle(tx, delivery, { ...ended, ended_at: now }))) return false;
        await setChannel(tx, delivery.channel, {
          state: 'ok',
          error: null,
          ...(result.sent && { last_type: delivery.message.type, last_remote_id: result.remoteId, last_at: now }),
        });
        return true;
      }),
    failed: (delivery, { error, at, holdUntil, repeat }) =>
      db.transaction().execute(async (tx) => {
        const values = { state: 'waiting' as const, error, next_at: at, ...(repeat && { repeat: 1 }) };
        if (!(await settle(tx, delivery, values))) return;
        await setChannel(tx, delivery.channel, {
          state: 'failing',
          error,
          ...(holdUntil !== null && { hold_until: holdUntil }),
        });
      }),
    buried: (delivery, { error, state, now }) =>
      db.transaction().execute(async (tx) => {
        if (!(await settle(tx, delivery, { state: 'dead', error, ended_at: now }))) return;
        const before = (await channelOf(tx, delivery.channel))?.buried ?? 0;
        await setChannel(tx, delivery.channel, { state, error, buried: before + 1, buried_at: now });
      }),
    claimStale: (before, owner, leaseUntil) =>
      db.transaction().execute(async (tx) => {
        const row = await tx
          .selectFrom('deliveries')
          .selectAll()
          .where(OPEN)
          .where('state', '=', 'waiting')
          .where('created_at', '<', before)
          .orderBy('id')
          .limit(1)
          .executeTakeFirst();
        return row && take(tx, row, owner, leaseUntil);
      }),
    async prune(now) {
      await news.drop(now - STALE_MS);
      const done = sql<boolean>`fanned_at is not null
        and created_at < ${now} - case when message ->> 'type' = 'heartbeat' then ${STALE_MS} else ${REMEMBERED_MS} end
        and not exists (select 1 from deliveries where outbox_id = outbox.id and ${OPEN})`;
      await db.transaction().execute(async (tx) => {
        await tx
          .deleteFrom('deliveries')
          .where('outbox_id', 'in', (eb) => eb.selectFrom('outbox').select('outbox.id').where(done))
          .execute();
        await tx.deleteFrom('outbox').where(done).execute();
      });
    },
    async fate(key) {
      const rows = await db
        .selectFrom('deliveries')
        .innerJoin('outbox', 'outbox.id', 'deliveries.outbox_id')
        .select(['channel', 'state', 'tries', 'error'])
        .where('outbox.key', '=', key)
        .orderBy('deliveries.id')
        .execute();
      return rows.map(({ channel, state, tries, error }) => ({ channel, state, tries, detail: error }));
    },
    async status(name) {
      const row = await channelOf(db, name);
      const { depth } = await db
        .selectFrom('deliveries')
        .select((eb) => eb.fn.countAll<number>().as('depth'))
        .where('channel', '=', name)
        .where(OPEN)
        .executeTakeFirstOrThrow();
      return {
        state: row?.state ?? 'ok',
        error: row?.error ?? null,
        depth,
        buried: row?.buried ?? 0,
        buriedAt: row?.buried_at ?? null,
      };
    },
    async burials() {
      const rows = await db.selectFrom('channels').select(['name', 'error', 'buried']).execute();
      return rows.map(({ name, error, buried }) => ({ channel: name, error: error ?? '', count: buried }));
    },
    async noteChannel(name, state, error) {
      await setChannel(db, name, { state, error });
    },
  };
}
