import { isDesk, type HostInfo } from './hosts.ts';
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

/** A loop of this process, and how long ago it should have come round, ms; 0 where it is in time. */
export interface LoopState {
  name: string;
  overdueMs: number;
}

/** A loop that is overdue by more has stalled: a person hears of it within a minute. */
const STALLED_MS = 40_000;

/** What this process sees of the engines of a workspace. */
export interface EngineSight {
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
export function engineStalled({ hosts, own, loops, now }: EngineSight): string[] {
  const engines = hosts.filter(isDesk);
  // Where one works, one that does not holds nothing up.
  const looked =
    own === null ? (engines.some((host) => host.live) ? [] : engines) : hosts.filter(({ id }) => id === own);
  return [...lateLoops(loops), ...silentHosts(looked, own, now)];
}

/** The same for whoever sees by itself whether this process beats: its loops, and every other engine. Pure. */
export const stalledBeside = ({ hosts, own, loops, now }: EngineSight): string[] => [
  ...lateLoops(loops),
  ...silentHosts(
    hosts.filter((host) => isDesk(host) && host.id !== own),
    own,
    now,
  ),
];

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

const lateLoops = (loops: readonly LoopState[]): string[] =>
  loops
    .filter((loop) => loop.overdueMs > STALLED_MS)
    .map((loop) => `The ${loop.name} of this process is ${seconds(loop.overdueMs)} late.`);

/** Those that are there, keep what they hold, and have not said so for long. */
function silentHosts(hosts: readonly HostInfo[], own: string | null, now: number): string[] {
  const named = (host: HostInfo): string =>
    host.id === own ? 'This process' : `The ${host.kind === 'vscode' ? 'editor' : 'daemon'} ${host.pid}`;
  return hosts
    .filter((host) => host.alive && now - host.lastBeat >= HOST_GONE_MS)
    .map((host) => `${named(host)} has given no sign of life for ${seconds(now - host.lastBeat)}.`);
}
