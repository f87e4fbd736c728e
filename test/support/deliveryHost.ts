/** A host of a delivery campaign: `deliveryHost.ts DIR NAME URL`. Brings out what lies in DIR/ampa.db until it is ended. */
import path from 'node:path';
import { createDiscordWebhook } from '../../src/adapters/discord/webhook.ts';
import { createSlackWebhook } from '../../src/adapters/slack/webhook.ts';
import { createDeliveryStore } from '../../src/adapters/sqlite/deliveryStore.ts';
import { createHostStore } from '../../src/adapters/sqlite/hostStore.ts';
import { openDatabase } from '../../src/adapters/sqlite/open.ts';
import { bury } from '../../src/app/deadLetter.ts';
import { wallClock } from '../../src/app/clock.ts';
import { announceHost, isOwnerDead } from '../../src/app/hosts.ts';
import { createPost } from '../../src/app/post.ts';
import { watchStore } from '../../src/app/watcher.ts';
import { SendError } from '../../src/notifications/ports.ts';
import { createDelivery } from '../../src/notifications/deliver.ts';

const [dir = '', name = '', url = ''] = process.argv.slice(2);
const { now } = wallClock;
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

const database = await openDatabase({ file: path.join(dir, 'ampa.db'), backupDir: path.join(dir, 'b'), now });
const hosts = createHostStore(database.db);
const watcher = watchStore(database);
watcher.setBusy(true);
const presence = await announceHost(hosts, { id: name, kind: 'daemon', asks: false }, now, (notice) =>
  process.stderr.write(`${notice}\n`),
);
const post = createPost(async () => fetch, now, 25_000);
const named: typeof post = async (to, request) => {
  try {
    return await post(to, { ...request, headers: { 'x-host': name } });
  } catch (error) {
    // Told to the campaign, which knows of no reason but a death.
    if (error instanceof SendError && error.unsure) process.stderr.write(`${name} is not sure: ${error.message}\n`);
    throw error;
  }
};
const channels = [
  createSlackWebhook({ url: `${url}/slack`, post: named }),
  createDiscordWebhook({ url: `${url}/discord`, post: named, now }),
];
await createDelivery(
  {
    store: createDeliveryStore(database.db),
    clock: wallClock,
    owner: name,
    configured: () => ['slack', 'discord-webhook'],
    channels: () => channels,
    policy: () => ({ tries: 10, baseMs: 2 }),
    random: Math.random,
    rendering: {
      newId: () => {
        throw new Error('nothing is recorded here');
      },
      mask: (message) => message,
      ring: () => {
        throw new Error('no task ends here');
      },
    },
    mayAct: async () => true,
    mayFanOut: async () => true,
    isDead: (owner, lease) => isOwnerDead(hosts, owner, lease, now),
    bury: (letter) => bury(path.join(dir, 'deadletter.log'), letter, { stateDir: dir, isTracked: async () => false }),
    onBuried: () => undefined,
    onTried: () => undefined,
    onChange: watcher.onChange,
    onLook: watcher.onLook,
    onError(error) {
      process.stderr.write(`${name}: ${String(error)}\n`);
    },
    hide: (text) => text,
  },
  stop.signal,
).loop();
await presence.stop();
watcher.stop();
await database.close();
