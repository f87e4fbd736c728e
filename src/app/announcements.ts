/** What is said outside the editor: recorded by anybody, brought out by hosts, or by whoever said it where none lives. */
import type { HostRow } from '../adapters/sqlite/schema.ts';
import os from 'node:os';
import { fetchOf } from '../adapters/github/proxy.ts';
import type { ConfigValues } from '../config/knobs.ts';
import { describeError } from '../errors.ts';
import { createDelivery, type DeliverDeps } from '../notifications/deliver.ts';
import { doorbell, type LinkPlace } from '../notifications/doorbell.ts';
import { audienceOf, heartbeatMessage } from '../notifications/heartbeat.ts';
import type { Message } from '../notifications/message.ts';
import { masked } from '../notifications/neutral.ts';
import type { ChannelName, Fate, Outbox, Told } from '../notifications/ports.ts';
import { channelTest, startupMessage } from '../notifications/runMessages.ts';
import { redact } from '../tasks/redact.ts';
import type { Clock } from '../tasks/ports.ts';
import { HOST_GONE_MS } from '../tasks/timings.ts';
import type { ChannelInfo, DoctorCheck } from './api.ts';
import { CHANNEL_TITLES, configuredChannels, halfConfigured, webChannels } from './channels.ts';
import { bury, deadLetterFile } from './deadLetter.ts';
import { sendDirectly } from './directSend.ts';
import type { Discord } from './discord.ts';
import type { EngineStore } from './engineStore.ts';
import type { Meter } from './meter.ts';
import { announceHost, isResident, isOwnerDead, stateOfHost } from './hosts.ts';
import { createPost } from './post.ts';

export interface AnnouncementsDeps {
  workspace: { root: string; stateDir: string };
  env: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  config(): ConfigValues;
  /** The settings have changed. */
  onConfig(listener: () => void): () => void;
  meter: Meter;
  /** Values that nothing may show; read anew each time. */
  secrets: readonly string[];
  place: LinkPlace;
  bot: Pick<Discord, 'channel' | 'run'>;
  existing(): Promise<EngineStore> | undefined;
  writable(): Promise<EngineStore>;
  /** git has that file as its own, as of now. */
  isTracked(file: string): Promise<boolean>;
  newId(): string;
  say(notice: string): void;
}

/** How long a command waits for its message to be out, ms. */
const PATIENCE_MS = 60_000;
/** The same for one that only wants to know whether a channel works. */
const TEST_MS = 30_000;
/** A process that ends brings out what is due, for so long; ms. */
const DRAIN_MS = 20_000;
const LOOK_MS = 150;
/** Two starts so close to one another are one to people: a window that is reloaded; ms. */
const SAME_START_MS = 600_000;

/**
 * `resident`: a host that stays. `passive` leaves everything to one while there is one; `brief` has something
 * of its own to bring out, and leaves what others have said to one: it may know channels that this process does not.
 */
type Role = 'resident' | 'passive' | 'brief';

const ACTIVE = ['running', 'retrying'] as const;
/** `<publisher>.<name>` of the extension. */
export const EXTENSION = 'ampa.ampa';

export type Announcements = ReturnType<typeof createAnnouncements>;

export function createAnnouncements(deps: AnnouncementsDeps) {
  const { clock, config, newId, say } = deps;
  const now = (): number => clock.now();
  const configured = (): ChannelName[] => configuredChannels(config());
  const hide = (text: string): string => redact(text, deps.secrets);
  const policy = () => ({ tries: config().maxRetries, baseMs: config().backoffBaseSeconds * 1000 });
  const mask = (message: Message): Message => masked(message, deps.secrets);
  let fetching: ReturnType<typeof fetchOf> | undefined;
  const post = createPost(() => (fetching ??= fetchOf(deps.env)), now);
  /** Loops of hosts in this process; a command needs one of its own only where there is none. */
  let loops = 0;
  const told = new Map<ChannelName, string>();

  /** Hosts that stay: they bring out what others leave. */
  async function liveResidents(it: EngineStore): Promise<HostRow[]> {
    const residents = (await it.hosts.hosts()).filter(
      (host) => isResident(host) && now() - host.beat_at < HOST_GONE_MS,
    );
    const states = await Promise.all(residents.map(stateOfHost));
    return residents.filter((_, i) => states[i] !== 'dead');
  }
  const residentLives = async (it: EngineStore): Promise<boolean> => (await liveResidents(it)).length > 0;

  const deliverDeps = (it: EngineStore, owner: string, role: Role): DeliverDeps => ({
    store: it.deliveries,
    clock,
    owner,
    configured,
    channels() {
      const bot = deps.bot.channel();
      return [...webChannels(config(), post, now), ...(bot ? [bot] : [])];
    },
    policy,
    random: Math.random,
    rendering: {
      newId,
      mask,
      ring: (kind, ring) =>
        doorbell(kind, ring, { ...deps.place, extension: EXTENSION, baseUrl: config().linkBaseUrl }),
    },
    mayAct: async () => (await it.lookForeign()) === null && !(role === 'passive' && (await residentLives(it))),
    mayFanOut: async () => role === 'resident' || !(await residentLives(it)),
    isDead: (holder, lease) => isOwnerDead(it.hosts, holder, lease, now),
    bury: (letter) =>
      bury(deadLetterFile(config(), deps.workspace), letter, { ...deps.workspace, isTracked: deps.isTracked }),
    onBuried(channel, error) {
      const notice = `${CHANNEL_TITLES[channel]} did not take a message${error === '' ? '' : `: ${error}`}. It is kept in ${deadLetterFile(config(), deps.workspace)}.`;
      // The same trouble is said once.
      if (told.get(channel) === error) return;
      told.set(channel, error);
      say(notice);
    },
    onTried({ message, channel }, outcome) {
      if (outcome === 'sent') told.delete(channel);
      if (message.type !== 'heartbeat') return;
      if (outcome === 'failed') deps.meter.count('ampa_heartbeat_failure_total');
      if (outcome !== 'sent') return;
      deps.meter.count('ampa_heartbeat_sent_total');
      deps.meter.set('ampa_last_heartbeat_timestamp_seconds', {}, now() / 1000);
    },
    onChange(listener) {
      const offs = [it.watcher.onChange(listener), deps.onConfig(listener)];
      return () => offs.forEach((off) => off());
    },
    onLook: it.watcher.onLook,
    onError: (error) => say(`Notifications continue after an error: ${hide(describeError(error))}`),
    hide,
  });

  /** Runs the loop of a host until `stop`. */
  async function run(it: EngineStore, host: string, stop: AbortSignal, role: Role = 'resident'): Promise<void> {
    loops++;
    try {
      const bot =
        role === 'passive'
          ? undefined
          : deps.bot
              .run(it, host, stop)
              .catch((error: unknown) => say(`The Discord bot: ${hide(describeError(error))}`));
      await Promise.all([createDelivery(deliverDeps(it, host, role), stop).loop(), bot]);
    } finally {
      loops--;
    }
  }

  /** Runs a loop of this process for as long as `work` takes, where none runs. */
  async function withLoop<R>(it: EngineStore, work: () => Promise<R>): Promise<R> {
    if (loops > 0) return work();
    // Others must be able to tell whether the holder of a claim still lives.
    const host = await announceHost(it.hosts, { id: newId(), kind: 'cli', asks: false }, now, say);
    const stop = new AbortController();
    const running = run(it, host.id, stop.signal, 'brief');
    try {
      return await work();
    } finally {
      stop.abort();
      await running;
      await host.stop();
    }
  }

  async function until(done: () => Promise<boolean>, ms: number, signal?: AbortSignal): Promise<void> {
    const end = now() + ms;
    while (!(await done()) && now() < end) {
      if (signal?.aborted) return;
      await clock.sleep(LOOK_MS, signal);
    }
  }

  const outcomeOf = ({ channel, state, detail }: Fate): Told => {
    const outcome =
      state === 'sent'
        ? 'sent'
        : state === 'dead'
          ? 'failed'
          : state === 'skipped' || state === 'dropped'
            ? 'skipped'
            : 'waiting';
    return { channel, outcome, detail };
  };

  /**
   * Says a message and waits for what becomes of it on each channel; `first`: of its first try. Empty:
   * none of the channels is configured, and nothing was recorded. Without a store nothing is recorded either.
   */
  async function announce(
    message: Message,
    how: { key?: string; first?: boolean; signal?: AbortSignal } = {},
  ): Promise<Told[]> {
    const { key = `message:${newId()}`, first = false, signal } = how;
    const channels = audienceOf(message, configured());
    if (channels.length === 0) return [];
    // A word is no first task: it leaves a folder without a store as it was.
    if (!deps.existing()) {
      const direct = { clock, newId, hide, channels: webChannels(config(), post, now), policy: policy() };
      return sendDirectly(direct, mask(message), channels, { patienceMs: first ? 0 : PATIENCE_MS, signal });
    }
    const it = await deps.writable();
    await it.deliveries.say(key, mask(message), { channels, now: now(), newId });
    const settled = (fate: Fate): boolean =>
      fate.state === 'sending' ? false : fate.state !== 'waiting' || (first && fate.detail !== null);
    // Another host may bring it to more channels: nobody waits for those here.
    const fates = async (): Promise<Fate[]> =>
      (await it.deliveries.fate(key)).filter(({ channel }) => channels.includes(channel));
    await withLoop(it, async () => {
      it.watcher.poke();
      await until(async () => (await fates()).every(settled), first ? TEST_MS : PATIENCE_MS, signal);
    });
    return (await fates()).map(outcomeOf);
  }

  /** Records it in this process's name; a loop brings it out. */
  const outbox: Outbox = {
    async say(key, message, unless) {
      const it = await deps.writable();
      const first = await it.deliveries.say(key, mask(message), { channels: configured(), now: now(), newId, unless });
      if (first) it.watcher.poke();
      return first;
    },
  };

  async function pulse(it: EngineStore | undefined): Promise<Message> {
    const count = async (statuses: Parameters<EngineStore['board']['list']>[0]['statuses']): Promise<number> =>
      (await it?.board.list({ statuses, limit: 1 }))?.total ?? 0;
    const ended = ((await it?.schedule.list()) ?? []).filter(
      ({ spec, state }) => spec.type !== 'heartbeat' && state.last_run !== null && state.last_status !== null,
    );
    const last = ended.reduce<(typeof ended)[number] | null>(
      (best, one) => (best === null || one.state.last_run! > best.state.last_run! ? one : best),
      null,
    );
    return heartbeatMessage({
      workspace: deps.workspace.root,
      machine: os.hostname(),
      running: await count(ACTIVE),
      waiting: await count(['queued']),
      needsYou: await count(['needs_review', 'error']),
      lastRun: last && { title: last.spec.title, status: last.state.last_status ?? '', at: last.state.last_run ?? 0 },
      now: now(),
    });
  }

  async function channels(): Promise<ChannelInfo[]> {
    const it = await deps.existing();
    const on = configured();
    return Promise.all(
      (Object.keys(CHANNEL_TITLES) as ChannelName[]).map(async (name) => {
        const status = await it?.deliveries.status(name);
        const isOn = on.includes(name);
        return {
          name,
          title: CHANNEL_TITLES[name],
          configured: isOn,
          // What was known of a channel that is off says nothing any more.
          state: (isOn && status?.state) || ('ok' as const),
          error: isOn ? (status?.error ?? null) : null,
          depth: status?.depth ?? 0,
          buried: status?.buried ?? 0,
        };
      }),
    );
  }

  async function doctor(): Promise<DoctorCheck[]> {
    const half = halfConfigured(config());
    const checks: DoctorCheck[] =
      half === null ? [] : [{ name: 'Discord bot', ok: false, detail: half, fix: 'Set both, or neither.' }];
    for (const { title, configured: isOn, state, error, depth, buried } of await channels()) {
      if (!isOn) continue;
      const waiting = [
        depth === 0 ? null : `${depth} waiting`,
        buried === 0 ? null : `${buried} in ${deadLetterFile(config(), deps.workspace)}`,
      ].filter(Boolean);
      const ok = state === 'ok';
      checks.push({
        name: title,
        ok,
        detail: [ok ? 'configured' : `${state}: ${error ?? 'no reason is known'}`, ...waiting].join(', '),
        fix: ok ? null : 'Check its address or token, then "AMPA: Send Test Notification".',
      });
    }
    if (checks.length === 0)
      checks.push({
        name: 'channels',
        ok: true,
        detail: 'none configured: notifications stay in the editor',
        fix: null,
      });
    return checks;
  }

  return {
    outbox,
    announce,
    run,
    channels,
    doctor,
    pulse,
    /**
     * Brings out what is due before this process ends, where no other host does; for 20 s at most.
     * `only`: makes the deliveries, and leaves the sending to others.
     */
    async drain(it: EngineStore, only?: 'record'): Promise<void> {
      const on = configured();
      if (on.length === 0 || (await it.lookForeign()) !== null) return;
      const { store, rendering } = deliverDeps(it, '', 'brief');
      // A resident may know channels that this process does not.
      if (loops === 0 && (await residentLives(it))) return;
      if (await store.hasNews(on)) await store.fanOut({ ...rendering, channels: on, now: now() });
      if (only === 'record') return;
      const end = now() + DRAIN_MS;
      const idle = async (): Promise<boolean> => {
        const next = await store.next(now());
        return on.every((name) => {
          const step = next.get(name);
          return step === undefined || (step.kind === 'wait' && step.until > end);
        });
      };
      if (await idle()) return;
      await withLoop(it, () => until(idle, DRAIN_MS));
    },
    /** `startup`, by the first of the hosts that run the schedule. */
    async startup(it: EngineStore, host: string): Promise<void> {
      const live = await liveResidents(it);
      const first = live.toSorted((a, b) => (`${a.started_at} ${a.id}` < `${b.started_at} ${b.id}` ? -1 : 1))[0];
      if (first?.id !== host || configured().length === 0) return;
      const commands = (await it.schedule.list()).filter(({ spec }) => spec.enabled).length;
      const message = startupMessage(deps.workspace.root, os.hostname(), commands);
      await outbox.say(`startup:${now()}`, message, { prefix: 'startup:', ms: SAME_START_MS });
    },
    sendHeartbeat: async (signal?: AbortSignal): Promise<Told[]> =>
      announce(await pulse(await deps.existing()), { signal }),
    testNotification: (): Promise<Told[]> => announce(channelTest(deps.workspace.root), { first: true }),
  };
}
