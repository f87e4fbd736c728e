/**
 * A host of its own process that offers the bot: `node discordHost.ts FOLDER API CHANNEL TOKEN`. Says what
 * changes, a JSON line each; a line on stdin configures the bot.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { ulid } from 'ulid';
import { createDeliveryStore } from '../../src/adapters/sqlite/deliveryStore.ts';
import { createHostStore } from '../../src/adapters/sqlite/hostStore.ts';
import { createLeaseStore } from '../../src/adapters/sqlite/leaseStore.ts';
import { openDatabase } from '../../src/adapters/sqlite/open.ts';
import { createDiscord } from '../../src/app/discord.ts';
import { wallClock } from '../../src/app/clock.ts';
import { announceHost } from '../../src/app/hosts.ts';
import type { ConfigValues } from '../../src/config/knobs.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import { fastClock } from './fastClock.ts';

const [folder = '', api = '', channelId = '', token = ''] = process.argv.slice(2);
const { cache } = createRequire(import.meta.url);
const report = (what: object): void => {
  const loaded = Object.keys(cache).some((file) => file.includes(`${path.sep}discord.js${path.sep}`));
  console.log(JSON.stringify({ ...what, loaded }));
};
const database = await openDatabase({
  file: path.join(folder, 'ampa.db'),
  backupDir: path.join(folder, 'backups'),
  now: Date.now,
});
const hosts = createHostStore(database.db);
const host = await announceHost(hosts, { id: ulid(), kind: 'cli', asks: false }, Date.now, (text) =>
  process.stderr.write(text),
);
let config: ConfigValues = resolveConfig([], true).values;
const stop = new AbortController();
const onError = (error: unknown): void => report({ error: String(error) });
// Only its pauses are shortened: leases are by the clock of the wall.
const { sleep } = fastClock(10);
const discord = createDiscord({
  config: () => config,
  clicks: {
    hasPrompt: async () => false,
    hasTask: async () => false,
    respond: () => Promise.reject(new Error('not asked')),
    taskActions: {},
  },
  clock: { ...wallClock, sleep },
  say: (notice) => report({ notice }),
  onError,
});
process.stdin.on('data', (chunk) => {
  if (chunk.toString().includes('stop')) stop.abort();
  else config = { ...config, discordBotToken: token, discordChannelId: channelId, discordApiUrl: api };
});
const look = (): void => report({ state: discord.state()?.state ?? null, channel: discord.channel() !== null });
look();
const store = {
  leases: createLeaseStore(database.db),
  hosts,
  deliveries: createDeliveryStore(database.db),
  watcher: { poke: look },
};
await discord.run(store, host.id, stop.signal);
await host.stop();
await database.close();
process.stdin.destroy();
