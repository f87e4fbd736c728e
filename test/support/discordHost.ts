/**
 * A host of its own process that offers the bot: `node discordHost.ts FOLDER API CHANNEL TOKEN`. Says what
 * changes, a JSON line each; a line on stdin configures the bot.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { ulid } from 'ulid';
import { createHostStore } from '../../src/adapters/sqlite/hostStore.ts';
import { createLeaseStore } from '../../src/adapters/sqlite/leaseStore.ts';
import { openDatabase } from '../../src/adapters/sqlite/open.ts';
import { createDiscord, type DiscordSettings } from '../../src/app/discord.ts';
import { wallClock } from '../../src/app/engine.ts';
import { announceHost } from '../../src/app/hosts.ts';
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
const host = await announceHost(hosts, { id: ulid(), kind: 'cli', asks: false }, Date.now);
let settings: DiscordSettings | null = null;
const stop = new AbortController();
const onError = (error: unknown): void => report({ error: String(error) });
// Only how long it waits for its settings is shortened: leases are by the wall's clock.
const { sleep } = fastClock(10);
const discord = createDiscord({
  settings: () => settings,
  clicks: {
    prompt: async () => null,
    hasTask: async () => false,
    respond: () => Promise.reject(new Error('not asked')),
    taskActions: {},
  },
  render: ({ body }) => body ?? '',
  clock: { ...wallClock, sleep },
  say: (notice) => report({ notice }),
  onError,
});
discord.onChange(() => report({ state: discord.state()?.state ?? null, channel: discord.channel() !== null }));
process.stdin.on('data', (chunk) => {
  if (chunk.toString().includes('stop')) stop.abort();
  else settings = { token, channelId, allowedIds: [], api };
});
report({ state: null, channel: false });
const lease = { leases: createLeaseStore(database.db), hosts, clock: wallClock, owner: host.id, onError };
await discord.run(lease, stop.signal);
await host.stop();
await database.close();
process.stdin.destroy();
