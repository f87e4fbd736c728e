import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { createLocalChecks } from '../adapters/checks/local.ts';
import { createTaskLogs } from '../adapters/files/taskLogs.ts';
import type { ConfigValues } from '../config/knobs.ts';
import { AmpaError, describeError } from '../errors.ts';
import type { LinkPlace } from '../notifications/doorbell.ts';
import { noSuchTask } from '../tasks/board.ts';
import { carryTask } from '../tasks/carry.ts';
import type { Forge } from '../tasks/forge.ts';
import { slugOf } from '../tasks/naming.ts';
import type { CarryDeps } from '../tasks/phases/phase.ts';
import type { Agents, Claim, Clock, Pulse, TaskGit } from '../tasks/ports.ts';
import { redact } from '../tasks/redact.ts';
import { isActive, type Task } from '../tasks/task.ts';
import { HOST_GONE_MS } from '../tasks/timings.ts';
import { nextChange } from '../tasks/waiting.ts';
import { runWorker, workOnce, type Powers, type WorkerDeps } from '../tasks/worker.ts';
import type { Change } from './api.ts';
import { markerOf, processesOfClaim, reapPredecessors, startCarrier, type CarrierCommand } from './carriers.ts';
import { followChanges, watchSoon } from './changes.ts';
import type { Conversations } from './conversations.ts';
import { openEngineStore, storeExists, type EngineStore } from './engineStore.ts';
import { type HostKind, announceHost, isOwnerDead, type HostPresence } from './hosts.ts';
import type { Meter } from './meter.ts';
import { meterTask } from './metering.ts';
import type { LoopState } from './pulse.ts';
import { createPowers, type PowersDeps } from './powers.ts';
import type { StatePaths, Workspace } from './state.ts';

export interface EngineDeps {
  workspace: Workspace;
  paths: StatePaths;
  /** The host's environment without AMPA's secrets. */
  childEnv: Readonly<Record<string, string>>;
  secrets: readonly string[];
  clock: Clock;
  /** git whose processes carry the marker of a claim, so that a takeover finds what a killed carrier left. */
  gitFor(marker: string): TaskGit;
  agents: Agents;
  signedIn: PowersDeps['signedIn'];
  onConfig: PowersDeps['onConfig'];
  /** The forge of a task; rejects when its identity is not to be had here. */
  forge(task: Task): Promise<Forge>;
  config(): ConfigValues;
  carrier: CarrierCommand;
  /** Token of the editor's GitHub session, for carriers, which cannot ask the editor. */
  githubToken(): Promise<string | null>;
  /** Tokens of the environment that tasks do not see and their carriers act with. */
  personalTokens(): Record<string, string>;
  place: LinkPlace;
  newId(): string;
  /** The first of the store's files that git tracks now, or null. */
  trackedState(): Promise<string | null>;
  /** Something a person should know. */
  say(notice: string): void;
  /** The questions of a store, and the files that show them. */
  conversations(it: EngineStore): Conversations;
  /** Runs the scheduled commands as a host of that id, until `stop`. */
  runSchedule(it: EngineStore, host: string, stop: AbortSignal): Promise<void>;
  /** What a host does beside its tasks and commands, until `stop`. */
  runBeside(it: EngineStore, host: string, stop: AbortSignal): Promise<unknown>;
  /** Follows the settings until `stop`. */
  followConfig(stop: AbortSignal): void;
  meter: Meter;
  pulse: Pulse;
  /** All loops of this host. */
  loops(): LoopState[];
  /** Brings out what is to be said, as a host of that id, until `stop`; a passive one only while no other host does. */
  deliver(it: EngineStore, host: string, stop: AbortSignal, role: 'desk' | 'passive'): Promise<void>;
  /** Brings out what is due before this process ends; `record` leaves the sending to others. */
  drain(it: EngineStore, only?: 'record'): Promise<void>;
}

/** How often another's task is looked at where nothing changes: an owner's death changes nothing in the store. */
const LOOK_MS = 5_000;

/** The store of a workspace and everything that carries tasks in it. Opens nothing until it is asked. */
export function createEngine(deps: EngineDeps) {
  const { workspace, paths, childEnv, secrets, newId, say } = deps;
  const { clock } = deps;
  const now = (): number => clock.now();
  const logs = createTaskLogs(paths.logs, secrets);
  const checks = createLocalChecks({ logDir: (id) => path.join(paths.logs, id), secrets, now });
  const stop = new AbortController();
  const loops: Promise<unknown>[] = [];
  let presence: HostPresence | undefined;
  let starting: Promise<void> | undefined;
  let opened: Promise<EngineStore> | undefined;

  function store(): Promise<EngineStore> {
    opened ??= openEngineStore(workspace, paths, now, newId, say, deps.trackedState).then(
      (it) => {
        for (const notice of it.database.notices) say(notice);
        deps.meter.attach(it.counters);
        if (it.foreign)
          say(
            `A host on ${it.foreign} is working on this folder, so this one only reads: the database cannot be shared between machines.`,
          );
        return it;
      },
      (error: unknown) => {
        opened = undefined;
        throw error;
      },
    );
    return opened;
  }
  const exists = (): boolean => opened !== undefined || storeExists(paths);
  /** For reading: a folder without a store has no tasks, and stays without one. */
  const existing = (): Promise<EngineStore> | undefined => (exists() ? store() : undefined);
  async function writable(): Promise<EngineStore> {
    const it = await store();
    const foreign = await it.lookForeign();
    if (foreign === null) return it;
    throw new AmpaError(
      'read_only',
      `a host on ${foreign} is working on this folder; here it can only be read`,
      `Do it there, or stop that host and wait ${HOST_GONE_MS / 1000} s.`,
    );
  }

  const slots = (): number => deps.config().maxConcurrentTasks;

  const carryDeps = (it: EngineStore, claim: Claim): CarryDeps => ({
    store: meterTask(it.tasks, deps.meter, now),
    prompts: deps.conversations(it).tasks,
    git: deps.gitFor(markerOf(claim.taskId, claim.token)),
    agents: deps.agents,
    checks,
    logs,
    forge: deps.forge,
    watches: it.watches,
    async checkLogFile(task, name) {
      const dir = path.join(paths.logs, task.id);
      await fs.promises.mkdir(dir, { recursive: true });
      return path.join(dir, `${task.attempts}-check-${now()}-${slugOf(name)}.log`);
    },
    clock,
    processes: processesOfClaim(it.hosts, childEnv, claim),
    onChange: it.watcher.onChange,
    slots,
    worktreeParent(task) {
      const { worktreesDir } = deps.config();
      return {
        preferred: worktreesDir
          ? path.resolve(workspace.root, worktreesDir)
          : `${task.repo.replace(/[\\/]+$/, '')}.worktrees`,
        fallback: path.join(workspace.stateDir, 'worktrees'),
      };
    },
    freePort,
    secrets,
  });

  /** Ends a task that nobody will carry now, with all that an earlier carrier has left of it. */
  async function stopUncarried(it: EngineStore, claim: Claim, why: string): Promise<void> {
    let left = '';
    try {
      await reapPredecessors(it.hosts, claim.taskId, claim.token);
    } catch (error) {
      // Whoever continues the task has to end it first; it must not be tried here for ever.
      left = ` ${redact(describeError(error), secrets)}`;
    }
    await deps.conversations(it).loseEarlier(claim.taskId);
    await it.tasks.apply(claim, { type: 'stop', reason: 'internal', detail: why + left });
  }

  let powers: Powers | undefined;
  const powersOf = (it: EngineStore): Powers =>
    (powers ??= createPowers({ ...deps, missing: deps.agents.missing, now }, it.hosts, () => presence?.id ?? null));

  const workerDeps = (it: EngineStore): WorkerDeps => ({
    queue: it.tasks,
    powers: powersOf(it),
    clock,
    newOwner: newId,
    startCarrier: async (claim) =>
      startCarrier(
        deps.carrier,
        {
          workspace: workspace.root,
          logDir: paths.logs,
          env: childEnv,
          credentials: {
            config: deps.config(),
            githubToken: await deps.githubToken(),
            tokens: deps.personalTokens(),
            secrets,
            place: deps.place,
          },
        },
        claim,
      ),
    giveUp: (claim, why) => stopUncarried(it, claim, why),
    failed: (claim, error) =>
      stopUncarried(it, claim, `Its process could not be started: ${redact(describeError(error), secrets)}`),
    isDead: (owner, lease) => isOwnerDead(it.hosts, owner, lease, now),
    onChange: it.watcher.onChange,
    slots,
    pulse: deps.pulse,
    onError: (error) => say(`The worker loop failed and continues: ${describeError(error)}`),
  });

  /** `alone`: people may have closed every window, so the process of a task says itself what there is to say. */
  async function carry(it: EngineStore, claim: Claim, signal: AbortSignal, alone = false): Promise<Task> {
    it.watcher.setBusy(true);
    // Started too late, it may have been given to another: then nothing here may be touched.
    if (!(await it.tasks.renew(claim, 0))) {
      throw new AmpaError('lost_claim', `task ${claim.taskId} is carried by another process`, 'Nothing to do here.');
    }
    const host = await announceHost(it.hosts, { id: claim.owner, kind: 'carrier', asks: false }, now, say);
    const ended = new AbortController();
    deps.followConfig(ended.signal);
    const delivering = alone ? deps.deliver(it, host.id, ended.signal, 'passive') : undefined;
    try {
      await reapPredecessors(it.hosts, claim.taskId, claim.token);
      await deps.conversations(it).loseEarlier(claim.taskId);
      return await carryTask(carryDeps(it, claim), claim, signal);
    } finally {
      ended.abort();
      await delivering;
      await host.stop();
    }
  }

  /** Claims a queued task, or takes over one whose holder is gone; undefined when neither is possible now. */
  async function claim(it: EngineStore, task: Task): Promise<Claim | undefined> {
    if (task.status === 'queued') return it.tasks.claimQueued(task.id, newId(), slots());
    if (!isActive(task.status) || !(await isOwnerDead(it.hosts, task.owner, task.lease_expires_at, now)))
      return undefined;
    return it.tasks.takeOver(task.id, task.token, newId());
  }

  /** One a day. Who only ever uses the command line has no host that would make it. */
  async function backUp(it: EngineStore): Promise<void> {
    try {
      await it.database.backupDaily();
    } catch (error) {
      say(`The daily backup failed: ${describeError(error)}`);
    }
  }

  async function keepBackups(it: EngineStore): Promise<void> {
    while (!stop.signal.aborted) {
      await backUp(it);
      await clock.sleep(3600_000, stop.signal);
    }
  }

  /** Questions of scripts, and of tasks that nobody carries, are given up in time. */
  async function keepQuestions(it: EngineStore): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        if ((await it.lookForeign()) === null) await deps.conversations(it).expireDue();
      } catch (error) {
        say(`Expired questions could not be closed: ${describeError(error)}`);
      }
      await clock.sleep(30_000, stop.signal);
    }
  }

  const watch = (it: EngineStore, listener: (change: Change) => void): Promise<() => void> =>
    followChanges(it, () => deps.conversations(it).open(), listener, stop.signal, say);

  async function begin(kind: HostKind, asks: boolean, schedule: boolean): Promise<void> {
    const it = await writable();
    const off = await watch(it, () => undefined);
    try {
      presence = await announceHost(it.hosts, { id: newId(), kind, asks, loops: deps.loops }, now, say);
    } catch (error) {
      // Whoever tries again watches again.
      off();
      throw error;
    }
    loops.push(runWorker(workerDeps(it), stop.signal), keepBackups(it), keepQuestions(it));
    loops.push(deps.deliver(it, presence.id, stop.signal, 'desk'));
    if (schedule) loops.push(deps.runSchedule(it, presence.id, stop.signal));
    loops.push(deps.runBeside(it, presence.id, stop.signal));
  }

  return {
    exists,
    existing,
    writable,
    /** Id of this host while it runs the engine. */
    hostId: (): string | null => presence?.id ?? null,

    watch,
    /** The same for whoever cannot wait for the beginning; where there is no store, there is nothing to watch. */
    watchSoon: (listener: (change: Change) => void): (() => void) =>
      watchSoon(
        async (ended) => {
          const it = await existing();
          return it && !ended.aborted ? watch(it, listener) : undefined;
        },
        (error) => say(`Changes cannot be watched: ${describeError(error)}`),
      ),
    /**
     * Runs the worker loop, this host's beat, the backups and, if wanted, the schedule until `close`: once, however
     * many ask for it. After a failure whoever asks again tries again.
     */
    start(kind: HostKind, asks: boolean, schedule: boolean): Promise<void> {
      return (starting ??= begin(kind, asks, schedule).catch((error: unknown) => {
        starting = undefined;
        throw error;
      }));
    },

    async untilIdle(signal: AbortSignal): Promise<void> {
      const it = await store();
      // What waits for another host may do so for ever.
      const busy = async (): Promise<boolean> => {
        if ((await it.tasks.running()).length > 0) return true;
        for (const task of await it.tasks.queuedBeside([]))
          if (task.waits_for === null || (await powersOf(it).lackOf(task.needs, task)) === null) return true;
        return false;
      };
      while (!signal.aborted && (await busy())) {
        await nextChange(it.watcher.onChange, clock, LOOK_MS, AbortSignal.any([signal, stop.signal]));
      }
      if (!signal.aborted) await deps.drain(it);
    },

    /** Carries a task in this process, or watches while another holds it, until it is no longer active. */
    async carryHere(id: string, signal: AbortSignal): Promise<Task> {
      const it = await writable();
      it.watcher.setBusy(true);
      for (;;) {
        const task = await it.tasks.get(id);
        if (!task) throw noSuchTask(id);
        if (!isActive(task.status) || signal.aborted) {
          await deps.drain(it, 'record');
          await backUp(it);
          return task;
        }
        const held = await claim(it, task);
        if (held) await carry(it, held, signal);
        else await nextChange(it.watcher.onChange, clock, LOOK_MS, signal);
      }
    },

    /** A carrier's whole life: its task, and then the next one if nobody else takes it. */
    async work(id: string, handed: { owner: string; token: number } | null, signal: AbortSignal): Promise<Task | null> {
      const it = await writable();
      const task = await it.tasks.get(id);
      if (!task) throw noSuchTask(id);
      const held = handed ? { taskId: id, ...handed } : await claim(it, task);
      if (!held) return null;
      const result = await carry(it, held, signal, true);
      // Claims are conditional: if a host is there too, one of us gets the next task.
      if (!signal.aborted && deps.config().continueAfterClose) await workOnce(workerDeps(it));
      if (!signal.aborted) await deps.drain(it);
      return result;
    },

    async close(): Promise<void> {
      stop.abort();
      await Promise.allSettled(loops);
      await presence?.stop();
      await deps.meter.close();
      await (await opened)?.close();
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
