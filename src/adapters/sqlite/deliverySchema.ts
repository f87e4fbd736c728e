import type { Generated } from 'kysely';
import type { Message } from '../../notifications/message.ts';
import type { ChannelName, ChannelState, Fate } from '../../notifications/ports.ts';

/** A message on its way to a channel. Times are ms since the epoch. */
interface DeliveryRow {
  /** They go out in this order. */
  id: Generated<number>;
  outbox_id: string;
  channel: ChannelName;
  state: Fate['state'];
  tries: number;
  next_at: number;
  /** 1: it may have been sent before. */
  repeat: number;
  owner: string | null;
  token: number;
  lease_expires_at: number | null;
  error: string | null;
  ended_at: number | null;
  created_at: number;
}

interface ChannelRow {
  name: ChannelName;
  state: ChannelState;
  error: string | null;
  /** It has asked for silence until then. */
  hold_until: number;
  last_type: Message['type'] | null;
  last_remote_id: string | null;
  last_at: number | null;
  buried: number;
  buried_at: number | null;
  /** The newest of the outbox that it was told; null: it is new here. */
  heard: number | null;
}

export interface DeliverySchema {
  deliveries: DeliveryRow;
  channels: ChannelRow;
  /** One row: the newest event whose ends of tasks have been told. */
  told: { id: number; event: number };
  /** One row: the newest `seq` of the outbox. */
  said: { id: number; last: number };
}
