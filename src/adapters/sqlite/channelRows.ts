import type { Kysely, Transaction } from 'kysely';
import type { ChannelName } from '../../notifications/ports.ts';
import type { Schema } from './schema.ts';

type Queries = Kysely<Schema> | Transaction<Schema>;

/** What is known of a channel. */
export const channelOf = (queries: Queries, name: ChannelName) =>
  queries.selectFrom('channels').selectAll().where('name', '=', name).executeTakeFirst();

/** Writes some of it; the row is made when there is something to know. */
export const setChannel = (queries: Queries, name: ChannelName, values: Partial<Omit<Schema['channels'], 'name'>>) =>
  queries
    .insertInto('channels')
    .values({
      name,
      state: 'ok',
      error: null,
      hold_until: 0,
      last_type: null,
      last_remote_id: null,
      last_at: null,
      buried: 0,
      buried_at: null,
      heard: null,
      ...values,
    })
    .onConflict((oc) => oc.column('name').doUpdateSet(values))
    .execute();
