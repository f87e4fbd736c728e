/** A connection to the gateway that can be ended in whatever state it is. */
import type { IShardingStrategy } from 'discord.js';
import type { DiscordJs } from './load.ts';

/** How long the gateway has to answer our goodbye, ms; the library would wait for 30 s. */
const GOODBYE_MS = 1000;

/** As much of a shard as is needed to end it. */
interface Shard {
  destroy(options: object): Promise<void>;
  internalConnect(): Promise<void>;
  connection: { addEventListener(event: 'error', listener: () => void): void; terminate(): void } | null;
}

/**
 * The library's own strategy but for its `destroy`: a shard of discord.js 14.28.1 that is destroyed
 * while it waits to reconnect reconnects all the same, and one that is destroyed while it connects
 * leaves its socket open.
 */
export function shardingStrategy(
  discord: DiscordJs,
  manager: ConstructorParameters<DiscordJs['SimpleShardingStrategy']>[0],
): IShardingStrategy {
  const strategy = new discord.SimpleShardingStrategy(manager);
  const { shards } = strategy as unknown as { shards: Map<number, Shard> };
  return Object.assign(strategy, {
    async destroy(options: object = {}) {
      await Promise.all([...shards.values()].map((shard) => endShard(shard, options)));
      shards.clear();
    },
  });
}

async function endShard(shard: Shard, options: object): Promise<void> {
  shard.internalConnect = () => Promise.resolve();
  const hangUp = (): void => {
    if (!shard.connection) return;
    // A socket that is ended before it is open says so as an error.
    shard.connection.addEventListener('error', () => {});
    shard.connection.terminate();
  };
  const timer = setTimeout(hangUp, GOODBYE_MS);
  try {
    await shard.destroy(options);
  } finally {
    clearTimeout(timer);
    hangUp();
  }
}
