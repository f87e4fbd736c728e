/** The socket of a workspace: scripts say things in the outbox, through one of its hosts. */
import { makeSocketDir, socketPath, type SocketPlace } from '../adapters/socket/place.ts';
import { openSocket } from '../adapters/socket/server.ts';
import { describeError } from '../errors.ts';
import type { Outbox } from '../notifications/ports.ts';
import { parseSocketMessage } from '../notifications/socketMessage.ts';
import type { Clock } from '../tasks/ports.ts';
import { aborted } from '../tasks/waiting.ts';
import type { EngineStore } from './engineStore.ts';
import { withLease } from './lease.ts';

export interface SocketDeps {
  place(): SocketPlace;
  /** The settings have changed. */
  onConfig(listener: () => void): () => void;
  outbox: Outbox;
  clock: Clock;
  newId(): string;
  /** Something a person should know: why nobody can be heard. */
  say(notice: string): void;
  onError(error: unknown): void;
}

/** How often it is tried again where the socket could not be opened, ms. */
const RETRY_MS = 5_000;

/** Listens, as the host of that id, while no other host of the workspace does; until `stop`. */
export function runSocket(
  deps: SocketDeps,
  it: Pick<EngineStore, 'leases' | 'hosts'>,
  host: string,
  stop: AbortSignal,
): Promise<void> {
  const lease = { leases: it.leases, hosts: it.hosts, clock: deps.clock, owner: host, onError: deps.onError };
  return withLease(lease, 'socket', stop, async (held) => {
    let said = '';
    while (!held.aborted) {
      const moved = new AbortController();
      const place = deps.place();
      const off = deps.onConfig(() => deps.place().wanted !== place.wanted && moved.abort());
      const here = AbortSignal.any([held, moved.signal]);
      try {
        const path = socketPath(place);
        makeSocketDir(path, place.wanted);
        const socket = await openSocket({ path, onLine: (line) => hear(deps, line), onError: deps.onError });
        await aborted(here);
        await socket.close();
      } catch (error) {
        const why = describeError(error);
        if (why !== said) deps.say(`Scripts cannot notify: ${why}`);
        said = why;
        await deps.clock.sleep(RETRY_MS, here);
      } finally {
        off();
      }
    }
  });
}

async function hear(deps: SocketDeps, line: string): Promise<void> {
  const message = parseSocketMessage(line);
  await deps.outbox.say(`socket:${deps.newId()}`, message);
}
