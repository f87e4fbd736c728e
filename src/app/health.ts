import { isResident, type HostInfo } from './hosts.ts';
import type { LoopState } from './pulse.ts';
import { HOST_GONE_MS } from '../tasks/timings.ts';

export interface HealthReport {
  ok: boolean;
  reasons: HealthReason[];
}

export interface HealthReason {
  /** `channels`: nobody outside hears of anything. `database`, `engine`: the work stands still. */
  kind: 'channels' | 'database' | 'engine';
  /** One sentence for people. */
  detail: string;
}

/** A loop that is overdue by more has stalled: a person hears of it within a minute. */
const STALLED_MS = 40_000;

/** What this process sees of the engines of a workspace. */
export interface EngineSnapshot {
  hosts: readonly HostInfo[];
  /** Id of this process among the hosts, null where it runs no engine. */
  own: string | null;
  /** The loops of this process. */
  loops: readonly LoopState[];
  /** ms since the epoch. */
  now: number;
}

/**
 * Why the engine has stalled, each a sentence for people; none where it has not. A process without an
 * engine looks at those that run one. Pure.
 */
export function engineStalled(snapshot: EngineSnapshot): string[] {
  const { hosts, own } = snapshot;
  const engines = hosts.filter(isResident);
  // Where one works, one that does not holds nothing up.
  const looked =
    own === null ? (engines.some((host) => host.live) ? [] : engines) : hosts.filter(({ id }) => id === own);
  return [...lateLoops(snapshot), ...silentHosts(looked, snapshot)];
}

/** The same for whoever sees by itself whether this process beats: its loops, and every other engine. Pure. */
export const stalledBeside = (snapshot: EngineSnapshot): string[] => [
  ...lateLoops(snapshot),
  ...silentHosts(
    snapshot.hosts.filter((host) => isResident(host) && host.id !== snapshot.own),
    snapshot,
  ),
];

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
const named = (host: HostInfo): string => `${host.kind === 'vscode' ? 'editor' : 'daemon'} ${host.pid}`;

/** Those of this process, and of every engine that still beats: whoever beats keeps what it holds. */
function lateLoops({ hosts, own, loops }: EngineSnapshot): string[] {
  const late = (of: string, all: readonly LoopState[]): string[] =>
    all
      .filter((loop) => loop.overdueMs > STALLED_MS)
      .map((loop) => `The ${loop.name} of ${of} is ${seconds(loop.overdueMs)} late.`);
  const others = hosts.filter((host) => isResident(host) && host.live && host.id !== own);
  return [...late('this process', loops), ...others.flatMap((host) => late(`the ${named(host)}`, host.loops))];
}

/** Those that are there, keep what they hold, and have not said so for long. */
const silentHosts = (hosts: readonly HostInfo[], { own, now }: EngineSnapshot): string[] =>
  hosts
    .filter((host) => host.alive && now - host.lastBeat >= HOST_GONE_MS)
    .map((host) => {
      const who = host.id === own ? 'This process' : `The ${named(host)}`;
      return `${who} has given no sign of life for ${seconds(now - host.lastBeat)}.`;
    });
