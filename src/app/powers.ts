import type { HostStore } from '../adapters/sqlite/hostStore.ts';
import { lackOf, needsOf, type Lack, type Needs, type Said } from '../tasks/powers.ts';
import type { Powers } from '../tasks/worker.ts';
import { isLive } from './hosts.ts';

export interface PowersDeps {
  /** The agent's program where it is not there, else null. */
  missing(spec: Needs['agent']): Promise<string | null>;
  /** Somebody is signed in to the forge here, by that kind of identity. */
  signedIn(identity: NonNullable<Needs['identity']>): Promise<boolean>;
  /** The settings have changed: an agent's path, the App. */
  onConfig(listener: () => void): () => void;
  now(): number;
}

/** How long an answer holds, ms: a program is looked up in no time, an account may be asked of a process. */
const PROGRAM_MS = 5_000;
const IDENTITY_MS = 30_000;

interface Known {
  lack: Lack | null;
  at: number;
  /** How long it holds. */
  ms: number;
}

/** What this host has the power for, as the worker loop asks it. `hostId`: its row in `hosts`, null: it has none. */
export function createPowers(deps: PowersDeps, hosts: HostStore, hostId: () => string | null): Powers {
  const { now } = deps;
  const known = new Map<string, Known>();
  let told = '{}';

  const holds = ({ at, ms }: Known): boolean => Math.abs(now() - at) < ms;

  async function signedIn(identity: Needs['identity']): Promise<boolean> {
    if (identity === null) return true;
    try {
      return await deps.signedIn(identity);
    } catch {
      // One that is set up and unusable: left to a host where it works; who tries it alone meets the same, and tells.
      return false;
    }
  }

  return {
    able: () => [...known].flatMap(([key, it]) => (it.lack === null && holds(it) ? [key] : [])),
    async lackOf(key, task) {
      const before = known.get(key);
      if (before && holds(before)) return before.lack;
      const needs = needsOf(task);
      const missing = await deps.missing(needs.agent);
      const isSignedIn = await signedIn(needs.identity);
      const lack = lackOf(needs, missing, isSignedIn);
      known.set(key, { lack, at: now(), ms: missing !== null && isSignedIn ? PROGRAM_MS : IDENTITY_MS });
      return lack;
    },
    async exchange(left) {
      // What no task needs any more may have come by the time that one does.
      for (const [key, { lack }] of known) if (lack && !left.has(key)) known.delete(key);
      const text = JSON.stringify(Object.fromEntries([...known].map(([key, { lack }]) => [key, lack?.words ?? null])));
      const me = hostId();
      if (text === told && left.size === 0) return [];
      let rows = await hosts.hosts();
      const own = rows.find((row) => row.id === me);
      if (own && own.powers !== text) {
        await hosts.sayPowers(own.id, text);
        // Of two that look at the same moment, one at least sees what the other has said.
        rows = await hosts.hosts();
      }
      told = text;
      const others = rows.filter((row) => row.id !== me && row.kind !== 'carrier');
      const live = await Promise.all(others.map((row) => isLive(row, now)));
      return others.filter((_, i) => live[i]).map((row) => JSON.parse(row.powers) as Record<string, Said>);
    },
    onChange: (listener) =>
      deps.onConfig(() => {
        known.clear();
        listener();
      }),
  };
}
