import { randomBytes } from 'node:crypto';
import type { Route } from '../adapters/http/server.ts';
import type { ConfigValues } from '../config/knobs.ts';
import type { Resolved } from '../config/resolve.ts';
import { describeError } from '../errors.ts';
import type { Clock } from '../tasks/ports.ts';
import { aborted } from '../tasks/waiting.ts';
import type { Change } from './api.ts';
import type { EngineStore } from './engineStore.ts';
import type { HostKind } from './hosts.ts';
import { withLease } from './lease.ts';
import { removeAddress, writeAddress } from './serverAddress.ts';

/** What the workspace has one of. */
export const SERVER_LEASE = 'server';

/** What the routes are told of changes, whichever process made them. */
export type ChangeListener = (change: Change | 'schedule') => void;

export interface LocalServerDeps {
  kind: HostKind;
  clock: Clock;
  /** The user's own folder for this workspace. */
  userDir: string;
  config(): Resolved;
  onConfig(listener: () => void): () => void;
  /** Calls back with every change from now on; resolves once nothing is missed any more. */
  watch(it: EngineStore, listener: ChangeListener): Promise<() => void>;
  routes(it: EngineStore, onChange: (listener: ChangeListener) => () => void): Promise<ServedRoutes>;
  say(notice: string): void;
}

export interface ServedRoutes {
  routes: readonly Route[];
  explain(error: unknown): { status: number; code: string; message: string };
  stop(): void;
}

/** A daemon serves; an editor window does where somebody has asked for it. */
function isServed(kind: HostKind, { values, sources }: Resolved): boolean {
  if (kind === 'daemon') return true;
  return kind === 'vscode' && (sources.metricsPort !== 'default' || values.githubWebhookSecret !== '');
}

/** Serves the workspace as the host of that id whenever that is wanted and no other host does, until `stop`. */
export async function runLocalServer(
  deps: LocalServerDeps,
  it: EngineStore,
  host: string,
  stop: AbortSignal,
): Promise<void> {
  let problem = '';
  // What is in the way is in the way every few seconds: it is said once.
  const onError = (error: unknown): void => {
    const text = describeError(error);
    if (text !== problem) deps.say(`The local server: ${text}`);
    problem = text;
  };
  const key = ({ values }: Resolved): string =>
    JSON.stringify([isServed(deps.kind, deps.config()), values.metricsPort, values.httpHost]);

  while (!stop.aborted) {
    const changed = new AbortController();
    const before = key(deps.config());
    const off = deps.onConfig(() => key(deps.config()) !== before && changed.abort());
    const until = AbortSignal.any([stop, changed.signal]);
    try {
      if (!isServed(deps.kind, deps.config())) await aborted(until);
      else {
        const lease = { leases: it.leases, hosts: it.hosts, clock: deps.clock, owner: host, onError };
        await withLease(lease, SERVER_LEASE, until, (held) => serve(deps, it, held));
      }
    } catch (error) {
      if (stop.aborted) throw error;
      onError(error);
      await deps.clock.sleep(5_000, until);
    } finally {
      off();
    }
  }
}

async function serve(deps: LocalServerDeps, it: EngineStore, held: AbortSignal): Promise<void> {
  const { startHttpServer } = await import('../adapters/http/server.ts');
  const { httpHost, metricsPort }: ConfigValues = deps.config().values;
  const host = httpHost || '127.0.0.1';
  const token = randomBytes(32).toString('base64url');
  const listeners = new Set<ChangeListener>();
  const unwatch = await deps.watch(it, (change) => {
    for (const listener of listeners) listener(change);
  });
  try {
    const served = await deps.routes(it, (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    });
    try {
      const server = await startHttpServer({ host, port: metricsPort, token, ...served });
      try {
        const url = `http://${reachable(host)}:${server.port}`;
        if (metricsPort !== 0 && server.port !== metricsPort)
          deps.say(`Port ${metricsPort} is in use, so the local server listens on ${url}.`);
        writeAddress(deps.userDir, { url, token, pid: process.pid });
        await aborted(held);
        removeAddress(deps.userDir, token);
      } finally {
        await server.close();
      }
    } finally {
      served.stop();
    }
  } finally {
    unwatch();
  }
}

/** Who listens on every address is reached on this machine by its own. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
