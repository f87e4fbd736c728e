import type { HostStore } from '../adapters/sqlite/hostStore.ts';
import { missingOf, needsOf, type Missing, type Needs, type Reported } from '../tasks/capabilities.ts';
import type { Capabilities } from '../tasks/worker.ts';
import { isLive } from './hosts.ts';

export interface CapabilitiesDeps {
  /** The agent's program where it is not there, else null. */
  missingProgram(spec: Needs['agent']): Promise<string | null>;
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
  missing: Missing | null;
  at: number;
  /** How long it holds. */
  ms: number;
}

/** What this host is capable of, as the worker loop asks it. `hostId`: its row in `hosts`, null: it has none. */
export function createCapabilities(
  deps: CapabilitiesDeps,
  hosts: HostStore,
  hostId: () => string | null,
): Capabilities {
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
    able: () => [...known].flatMap(([key, it]) => (it.missing === null && holds(it) ? [key] : [])),
    async missingFor(key, task) {
      const before = known.get(key);
      if (before && holds(before)) return before.missing;
      const needs = needsOf(task);
      const program = await deps.missingProgram(needs.agent);
      const isSignedIn = await signedIn(needs.identity);
      const missing = missingOf(needs, program, isSignedIn);
      known.set(key, { missing, at: now(), ms: program !== null && isSignedIn ? PROGRAM_MS : IDENTITY_MS });
      return missing;
    },
    async exchange(left) {
      // What no task needs any more may have come by the time that one does.
      for (const [key, { missing }] of known) if (missing && !left.has(key)) known.delete(key);
      const text = JSON.stringify(
        Object.fromEntries([...known].map(([key, { missing }]) => [key, missing?.words ?? null])),
      );
      const me = hostId();
      if (text === told && left.size === 0) return [];
      let rows = await hosts.hosts();
      const own = rows.find((row) => row.id === me);
      if (own && own.capabilities !== text) {
        await hosts.reportCapabilities(own.id, text);
        // Of two that look at the same moment, one at least sees what the other has said.
        rows = await hosts.hosts();
      }
      told = text;
      const others = rows.filter((row) => row.id !== me && row.kind !== 'carrier');
      const live = await Promise.all(others.map((row) => isLive(row, now)));
      return others.filter((_, i) => live[i]).map((row) => JSON.parse(row.capabilities) as Record<string, Reported>);
    },
    onChange: (listener) =>
      deps.onConfig(() => {
        known.clear();
        listener();
      }),
  };
}
