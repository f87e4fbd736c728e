import os from 'node:os';
import { recordOf } from './processRows.ts';
import { isAlive, processIdentity, type ProcessIdentity } from '../adapters/process/identity.ts';
import type { HostStore } from '../adapters/sqlite/hostStore.ts';
import type { HostRow } from '../adapters/sqlite/schema.ts';
import { describeError } from '../errors.ts';
import { HOST_BEAT_MS, HOST_GONE_MS } from '../tasks/timings.ts';
import type { LoopState } from './pulse.ts';

export type HostKind = 'vscode' | 'cli' | 'daemon' | 'carrier';

export interface HostInfo {
  id: string;
  kind: HostKind;
  pid: number;
  machine: string;
  startedAt: string;
  /** ms since the epoch. */
  lastBeat: number;
  /** Shows questions to a person by itself. */
  asks: boolean;
  /** Its loops, as it said with its last beat. */
  loops: readonly LoopState[];
  /** Its process is there and has beaten within 45 s. */
  live: boolean;
  /** Its process is there, on this machine. */
  alive: boolean;
}

export interface HostPresence {
  id: string;
  stop(): Promise<void>;
}

/**
 * Registers this process as a host and beats every 15 s until stopped, each time with how its loops do. While a host
 * of another machine lives it is silent: whoever slept through its own lease gives way, so that one machine writes.
 * Of beats that fail in a row, the first is said.
 */
export async function announceHost(
  store: HostStore,
  host: { id: string; kind: HostKind; asks: boolean; loops?: () => LoopState[] },
  now: () => number,
  say: (notice: string) => void,
): Promise<HostPresence> {
  const identity = await processIdentity();
  const row: HostRow = {
    id: host.id,
    kind: host.kind,
    asks: host.asks ? 1 : 0,
    pid: identity.pid,
    start_time: identity.startTime,
    boot_id: identity.bootId,
    pid_namespace: identity.pidNamespace,
    machine: identity.hostname,
    started_at: new Date(now()).toISOString(),
    beat_at: now(),
  };
  await store.register(row);
  let beating: Promise<void> = Promise.resolve();
  let failing = false;
  let beatenAt = row.beat_at;
  const beat = async (): Promise<void> => {
    if ((await otherMachine(store, now)) !== null) return;
    const at = now();
    // Loops that slept with their machine come round by themselves.
    const loops = at - beatenAt < HOST_GONE_MS ? (host.loops?.() ?? []) : [];
    if (!(await store.beat(host.id, at, JSON.stringify(loops)))) await store.register({ ...row, beat_at: at });
    beatenAt = at;
  };
  const timer = setInterval(() => {
    // A beat that fails is tried again at the next; a store that stays away shows as a host that is gone.
    beating = beating.then(beat).then(
      () => void (failing = false),
      (error: unknown) => {
        if (!failing)
          say(`The heartbeat of this host could not be written and is tried again: ${describeError(error)}`);
        failing = true;
      },
    );
  }, HOST_BEAT_MS);
  timer.unref();
  return {
    id: host.id,
    async stop() {
      clearInterval(timer);
      // A beat under way would register again.
      await beating;
      await store.unregister(host.id);
    },
  };
}

const isElsewhere = (host: HostRow, here: Pick<ProcessIdentity, 'bootId'>): boolean =>
  // The same name with another boot id is this machine before its last restart.
  host.boot_id !== here.bootId && host.machine !== os.hostname();

/** A live host on another machine: WAL does not cross machines, so this process must only read. */
export async function otherMachine(store: HostStore, now: () => number): Promise<string | null> {
  const here = await processIdentity();
  const hosts = await store.hosts();
  return hosts.find((host) => now() - host.beat_at < HOST_GONE_MS && isElsewhere(host, here))?.machine ?? null;
}

/**
 * Whether the holder of a claim is gone for good. On this machine the process table decides: a dead
 * owner is taken over at once, a live one keeps its claim however late it beats. Elsewhere, or where
 * the holder has not yet registered, the lease decides.
 */
export async function isOwnerDead(
  store: HostStore,
  owner: string | null,
  leaseExpiresAt: number | null,
  now: () => number,
): Promise<boolean> {
  if (owner === null) return true;
  const expired = leaseExpiresAt === null || leaseExpiresAt < now();
  const host = await store.host(owner);
  if (!host) return expired;
  const state = await stateOfHost(host);
  return state === 'elsewhere' ? expired : state === 'dead';
}

/** What this machine's process table says of a host: `elsewhere` where it cannot. */
export const stateOfHost = (host: HostRow): ReturnType<typeof isAlive> => isAlive(recordOf(host));

/** Its process is there, as far as this machine can tell, and has beaten lately. */
export const isLive = async (host: HostRow, now: () => number): Promise<boolean> =>
  now() - host.beat_at < HOST_GONE_MS && (await stateOfHost(host)) !== 'dead';

/** Hosts that stay and take on what comes; carriers and commands end with their own work. */
export const isResident = ({ kind }: { kind: HostKind }): boolean => kind === 'vscode' || kind === 'daemon';

/** All hosts of a workspace as people see them, the oldest first; none without a store. */
export async function listHosts(store: HostStore | undefined, now: () => number): Promise<HostInfo[]> {
  const rows = (await store?.hosts()) ?? [];
  // A beat may be fresh although its process is gone: a killed host is seen at once on this machine.
  const states = await Promise.all(rows.map(stateOfHost));
  return rows.map((host, i) => ({
    id: host.id,
    kind: host.kind,
    pid: host.pid,
    machine: host.machine,
    startedAt: host.started_at,
    lastBeat: host.beat_at,
    asks: host.asks === 1,
    loops: JSON.parse(host.loops) as LoopState[],
    live: states[i] !== 'dead' && now() - host.beat_at < HOST_GONE_MS,
    alive: states[i] === 'alive',
  }));
}
