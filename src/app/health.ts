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

/**
 * Why the engine has stalled, each a sentence for people; none where it has not. `own` is the id of
 * this process among the hosts, null where it runs no engine: then those that do are looked at. Pure.
 */
export function engineStalled(
  hosts: readonly HostInfo[],
  own: string | null,
  loops: readonly LoopState[],
  now: number,
): string[] {
  const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
  const late = loops
    .filter((loop) => loop.overdueMs > STALLED_MS)
    .map((loop) => `The ${loop.name} of this process is ${seconds(loop.overdueMs)} late.`);
  const silent = (host: HostInfo): boolean => host.alive && now - host.lastBeat >= HOST_GONE_MS;
  const said = (host: HostInfo): string =>
    `${host.id === own ? 'This process' : `The ${host.kind === 'vscode' ? 'editor' : 'daemon'} ${host.pid}`} has given no sign of life for ${seconds(now - host.lastBeat)}.`;
  const engines = hosts.filter(isDesk);
  // Where one works, one that does not holds nothing up.
  const looked =
    own === null ? (engines.some((host) => host.live) ? [] : engines) : hosts.filter(({ id }) => id === own);
  return [...late, ...looked.filter(silent).map(said)];
}
