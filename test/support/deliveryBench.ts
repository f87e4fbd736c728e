/** Hosts that deliver, on one real database, with a clock that the test moves and channels that it answers for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monotonicFactory } from 'ulid';
import { createDeliveryStore } from '../../src/adapters/sqlite/deliveryStore.ts';
import { createTaskBoard } from '../../src/adapters/sqlite/taskBoard.ts';
import { createTaskQueue } from '../../src/adapters/sqlite/taskQueue.ts';
import { createTaskStore } from '../../src/adapters/sqlite/taskStore.ts';
import { openDatabase } from '../../src/adapters/sqlite/open.ts';
import { createDelivery } from '../../src/notifications/deliver.ts';
import { doorbell } from '../../src/notifications/doorbell.ts';
import type { Message } from '../../src/notifications/message.ts';
import type { Channel, ChannelName, DeadLetter, LastSent, Sent } from '../../src/notifications/ports.ts';
import { masked } from '../../src/notifications/neutral.ts';
import { movedClock } from './movedClock.ts';

export interface Taken {
  host: string;
  channel: ChannelName;
  message: Message;
  key: string;
  repeat: boolean;
  last: LastSent | null;
}

export function deliveryBench() {
  const dir = mkdtempSync(path.join(tmpdir(), 'ampa-delivery-'));
  const time = movedClock();
  const { clock } = time;
  const newId = monotonicFactory();
  const closing: (() => Promise<void>)[] = [];
  const stops: AbortController[] = [];
  const taken: Taken[] = [];
  const letters: DeadLetter[] = [];
  const errors: unknown[] = [];
  const notices: string[] = [];
  const state = {
    /** What the channels answer; default: they take it. */
    answer: async (_taken: Taken): Promise<Sent> => ({ sent: true, remoteId: null }),
    configured: ['slack'] as ChannelName[],
    bury: async (letter: DeadLetter): Promise<void> => void letters.push(letter),
    dead: new Set<string>(),
  };

  async function open() {
    const database = await openDatabase({
      file: path.join(dir, 'ampa.db'),
      backupDir: path.join(dir, 'b'),
      now: clock.now,
    });
    closing.push(() => database.close());
    return {
      db: database.db,
      store: createDeliveryStore(database.db),
      tasks: { ...createTaskStore(database, clock.now), ...createTaskQueue(database, clock.now) },
      board: createTaskBoard(database.db, clock.now),
    };
  }
  return {
    dir,
    time,
    clock,
    newId,
    state,
    taken,
    letters,
    errors,
    notices,
    open,
    /** A host with its own connection, that serves the named channels; default: all that are configured, or that it knows of. */
    async host(name: string, serves?: readonly ChannelName[], knows?: readonly ChannelName[]) {
      const { db, store, tasks, board } = await open();
      const stop = new AbortController();
      stops.push(stop);
      const channelOf = (channel: ChannelName): Channel => ({
        name: channel,
        async send(message, { key, repeat, last }) {
          const it = { host: name, channel, message, key, repeat, last };
          taken.push(it);
          return state.answer(it);
        },
      });
      const delivery = createDelivery(
        {
          store,
          clock,
          owner: name,
          configured: () => knows ?? state.configured,
          channels: () => (serves ?? knows ?? state.configured).map(channelOf),
          policy: () => ({ tries: 10, baseMs: 2000 }),
          random: () => 0.5,
          rendering: {
            newId,
            mask: (message) => masked(message, ['s3cr3t-value']),
            ring: (kind, ring) =>
              doorbell(kind, ring, { scheme: 'vscode', extension: 'ampa.ampa', folder: 'file:///w', baseUrl: '' }),
          },
          mayAct: async () => true,
          mayFanOut: async () => true,
          isDead: async (owner) => state.dead.has(owner),
          bury: (letter) => state.bury(letter),
          onBuried: (channel, error) => void notices.push(`${channel}: ${error}`),
          onTried: () => undefined,
          onChange: () => () => undefined,
          onLook: () => () => undefined,
          onError: (error) => void errors.push(error),
          hide: (text) => text.replaceAll('s3cr3t-value', '***'),
        },
        stop.signal,
      );
      return {
        db,
        store,
        tasks,
        board,
        stop,
        ...delivery,
        /** One look, and everything that it starts. */
        async turn(): Promise<number> {
          await delivery.pass();
          await delivery.settled();
          return delivery.pass();
        },
        say: (key: string, over: Partial<Message> = {}) =>
          store.say(
            key,
            { type: 'other', title: key, body: null, ...over },
            { channels: knows ?? state.configured, now: clock.now(), newId },
          ),
      };
    },
    async remove() {
      for (const stop of stops) stop.abort();
      for (const close of closing) await close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
