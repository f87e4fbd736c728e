import { type HostInfo, type HostKind, stateOfHost } from './hosts.ts';
import type { Resolved } from '../config/resolve.ts';
import { describeError } from '../errors.ts';
import type { Respond } from '../conversations/ports.ts';
import type { Clock } from '../tasks/ports.ts';
import { redact } from '../tasks/redact.ts';
import type { App, Change, DoctorCheck } from './api.ts';
import type { EngineStore } from './engineStore.ts';
import { engineStalled, stalledBeside, type EngineSnapshot, type HealthReason, type HealthReport } from './health.ts';
import { httpError } from './httpErrors.ts';
import { runLocalServer, SERVER_LEASE, type ServedRoutes } from './localServer.ts';
import type { Meter } from './meter.ts';
import type { LoopState } from './pulse.ts';
import { readAddress, type ServerAddress } from './serverAddress.ts';

export interface ServingDeps {
  kind: HostKind;
  clock: Clock;
  userDir: string;
  secrets: readonly string[];
  app(): App;
  config(): Resolved;
  onConfig(listener: () => void): () => void;
  existing(): Promise<EngineStore> | undefined;
  /** Id of this host while it runs the engine. */
  hostId(): string | null;
  watch(it: EngineStore, listener: (change: Change) => void): Promise<() => void>;
  /** The loops of this process. */
  loops(): LoopState[];
  meter: Meter;
  respond: Respond;
  /** Why nobody outside hears of anything, each a sentence for people; none where somebody does. */
  channels(): string[];
  say(notice: string): void;
}

export interface Serving {
  /** Serves whenever that is wanted and nobody else does, until `stop`. */
  run(it: EngineStore, host: string, stop: AbortSignal): Promise<void>;
  health(): Promise<HealthReport>;
  /** Loops of this process and other engines that stand still, each a sentence for people; only looks. */
  stalls(hosts: readonly HostInfo[]): string[];
  /** What of it a person mends on this machine. */
  doctor(): Promise<DoctorCheck[]>;
  address(): Promise<ServerAddress | null>;
}

/** How long the database may take before that is an answer, and how long the answer stands, ms. */
const PATIENCE_MS = 3_000;
const WRITTEN_MS = 5_000;

async function inTime<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('it is locked')), PATIENCE_MS);
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}

/** What programs see of a workspace: the local server, its health, and where it is. */
export function createServing(deps: ServingDeps): Serving {
  const { clock, say } = deps;
  let written: { at: number; problem: Promise<string | null> } | undefined;

  /** Really writes: a full disk, a lock or a folder that is read-only shows in nothing else. */
  async function tryToWrite(): Promise<string | null> {
    try {
      const it = await deps.existing();
      if (!it) return null;
      const foreign = await it.lookForeign();
      if (foreign !== null) return `A host on ${foreign} is working on this folder, so here it is only read.`;
      await inTime(it.counters.set('ampa_database_written_timestamp_seconds', {}, clock.now() / 1000));
      return null;
    } catch (error) {
      return `The database cannot be written: ${describeError(error)}`;
    }
  }

  const snapshot = (hosts: readonly HostInfo[]): EngineSnapshot => ({
    hosts,
    own: deps.hostId(),
    loops: deps.loops(),
    now: clock.now(),
  });

  async function health(): Promise<HealthReport> {
    // One connection serves all: what waits for a lock holds up what only reads.
    const looked = inTime(deps.app().hosts()).catch(describeError);
    if (!written || performance.now() - written.at > WRITTEN_MS)
      written = { at: performance.now(), problem: tryToWrite() };
    const [hosts, problem] = [await looked, await written.problem];
    const reasons: HealthReason[] = deps.channels().map((detail) => ({ kind: 'channels', detail }));
    if (problem !== null) reasons.push({ kind: 'database', detail: problem });
    else if (typeof hosts === 'string')
      reasons.push({ kind: 'database', detail: `The database cannot be read: ${hosts}` });
    for (const detail of engineStalled(snapshot(typeof hosts === 'string' ? [] : hosts)))
      reasons.push({ kind: 'engine', detail });
    return { ok: reasons.length === 0, reasons };
  }

  async function routes(
    it: EngineStore,
    onChange: Parameters<Parameters<typeof runLocalServer>[0]['routes']>[1],
  ): Promise<ServedRoutes> {
    // Only a host that serves loads what serving takes.
    const [{ serverRoutes }, { createMetrics }] = await Promise.all([import('./routes.ts'), import('./metrics.ts')]);
    const app = deps.app();
    const metrics = createMetrics({ database: it.database, counters: it.counters, hosts: app.hosts });
    return {
      routes: serverRoutes({
        app,
        async metrics() {
          const { metricsText } = await import('../adapters/http/metricsText.ts');
          await deps.meter.flush();
          return metricsText(await metrics.collect());
        },
        respond: deps.respond,
        changedSince: async (rev) => (await it.board.changedSince(rev)).tasks,
        revision: it.board.revision,
        onChange,
        webhookSecret: () => deps.config().values.githubWebhookSecret,
        webhooks: it.webhooks,
        poke: it.watcher.poke,
      }),
      explain(error) {
        const told = httpError(error, (text) => redact(text, deps.secrets));
        if (told.code === 'internal') {
          // Where it happened, and no more: it is shown to people.
          const where =
            error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 3) : [String(error)];
          say(`The local server hit an error: ${redact(where.join('\n'), deps.secrets)}`);
        }
        return told;
      },
      stop: metrics.stop,
    };
  }

  return {
    health,
    stalls: (hosts) => stalledBeside(snapshot(hosts)),
    async doctor() {
      const { reasons } = await health();
      return reasons
        .filter(({ kind }) => kind !== 'channels')
        .map(({ kind, detail }) => ({
          name: kind,
          ok: false,
          detail,
          fix: 'Close that window or end that process; its tasks go on.',
        }));
    },
    run: (it, host, stop) =>
      runLocalServer(
        {
          ...deps,
          routes,
          async watch(store, listener) {
            const offSchedule = deps.app().schedule.watch(() => listener('schedule'));
            const off = await deps.watch(store, listener);
            return () => {
              off();
              offSchedule();
            };
          },
        },
        it,
        host,
        stop,
      ),
    async address() {
      const address = readAddress(deps.userDir);
      const it = await deps.existing();
      if (!address || !it) return null;
      // A killed server leaves its file: it counts while its process holds the lease.
      const holder = await it.leases.holder(SERVER_LEASE);
      const host = holder && (await it.hosts.host(holder.owner));
      return host && host.pid === address.pid && (await stateOfHost(host)) !== 'dead' ? address : null;
    },
  };
}
