import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicFactory } from 'ulid';
import { createAgents, listAgents, resolveAgent } from '../adapters/agents/agents.ts';
import { createLocalChecks } from '../adapters/checks/local.ts';
import { readAttemptLog, readConversation } from '../adapters/files/logReader.ts';
import { createTaskLogs } from '../adapters/files/taskLogs.ts';
import { createGitAdapter } from '../adapters/git/adapter.ts';
import { childEnv } from '../adapters/process/env.ts';
import { SECRET_NAMES, type ConfigValues } from '../config/knobs.ts';
import { resolveConfig, type Resolved } from '../config/resolve.ts';
import { configSources, type SettingsReader } from '../config/sources.ts';
import { AmpaError, describeError, notFound } from '../errors.ts';
import { carryTask, type CarryDeps } from '../tasks/carry.ts';
import type { Claim, Clock } from '../tasks/ports.ts';
import { isActive, type Task } from '../tasks/task.ts';
import { runWorker, workOnce, type WorkerDeps } from '../tasks/worker.ts';
import { abortTask } from './abort.ts';
import type { App, Change, HostKind } from './api.ts';
import { processesOfClaim, reapPredecessors, startCarrier, type CarrierCommand } from './carriers.ts';
import { cleanTasks } from './clean.ts';
import { runDoctor } from './doctor.ts';
import { openEngineStore, storeExists, type EngineStore } from './engineStore.ts';
import { announceHost, GONE_MS, isOwnerDead, type HostPresence } from './hosts.ts';
import { newTask, planStart, type StartDeps } from './start.ts';
import { resolveWorkspace, secretValues, statePaths } from './state.ts';
import { createTrust } from './trust.ts';

export interface AppOptions {
  /** Any folder of the workspace. */
  folder: string;
  kind: HostKind;
  env: Readonly<Record<string, string | undefined>>;
  settings(root: string): SettingsReader;
  /** The editor says so itself; on the command line undefined: `ampa trust` decides. */
  trusted?: boolean;
  /** This host can put a question to a person. */
  asks: boolean;
  carrier: CarrierCommand;
  /** Values handed down by the host that started this carrier: they go before every other source. */
  config?: ConfigValues;
}

const wallClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};

/** The composition root: the only place where adapters meet the domain. Opens nothing until it is needed. */
export async function createApp(options: AppOptions): Promise<App> {
  const { env } = options;
  const now = wallClock.now;
  const newId = monotonicFactory();
  const workspace = await resolveWorkspace(options.folder);
  const paths = statePaths(workspace, env);
  const baseEnv = childEnv(env, SECRET_NAMES);
  const secrets = secretValues(env, SECRET_NAMES);
  const git = createGitAdapter({ env: baseEnv, clock: wallClock });
  const trust = createTrust(env, now);
  const notices: string[] = [];
  const noticeListeners = new Set<(notice: string) => void>();
  const say = (notice: string): void => {
    notices.push(notice);
    for (const listener of noticeListeners) listener(notice);
  };
  const repo = workspace.isGit ? await git.repository.locate(workspace.root) : null;
  const remoteUrl = repo?.remoteUrl ?? null;
  let trusted = options.trusted ?? trust.isTrusted(workspace.root, remoteUrl);
  let resolved = resolveAll();

  function resolveAll(): Resolved {
    const sources = configSources({
      workspace: workspace.root,
      env,
      settings: options.settings(workspace.root),
      isTracked: (file) => repo?.tracks(file) ?? false,
    });
    const result = resolveConfig(sources, trusted);
    return options.config ? { ...result, values: options.config } : result;
  }

  // ------------------------------------------------------------ store

  let opened: Promise<EngineStore> | undefined;
  const stop = new AbortController();
  const running: Promise<unknown>[] = [];
  let presence: HostPresence | undefined;

  function store(): Promise<EngineStore> {
    opened ??= openEngineStore(workspace, paths, now, newId).then(
      (it) => {
        for (const notice of it.database.notices) say(notice);
        if (it.foreign) say(`The host on ${it.foreign} works on this folder, so this one only reads: the database does not cross machines.`);
        return it;
      },
      (error: unknown) => {
        opened = undefined;
        throw error;
      },
    );
    return opened;
  }
  /** For reading: a folder without a store has no tasks, and stays without one. */
  const existing = (): Promise<EngineStore> | undefined => (opened || storeExists(paths) ? store() : undefined);
  async function writable(): Promise<EngineStore> {
    const it = await store();
    if (it.foreign) {
      throw new AmpaError('read_only', `a host on ${it.foreign} works on this folder; here it can only be read`, `Do it there, or stop that host and wait ${GONE_MS / 1000} s.`);
    }
    return it;
  }
  async function required(id: string): Promise<EngineStore> {
    const it = await existing();
    if (!it) throw notFound('task', id, 'There are no tasks in this folder yet: `ampa start --task "…"`.');
    return it;
  }

  // ------------------------------------------------------------ engine

  const logs = createTaskLogs(paths.logs, secrets);
  const agents = createAgents({ env: baseEnv, notIn: [workspace.root] });
  const checks = createLocalChecks({ logDir: (id) => path.join(paths.logs, id), secrets, now });

  const carryDeps = (it: EngineStore): CarryDeps => ({
    store: it.tasks,
    git: git.tasks,
    agents,
    checks,
    logs,
    clock: wallClock,
    processes: (claim) => processesOfClaim(it.hosts, baseEnv, claim),
    onChange: it.watcher.onChange,
    slots: () => resolved.values.maxConcurrentTasks,
    worktreeParent: (task) => ({
      preferred: resolved.values.worktreesDir ? path.resolve(workspace.root, resolved.values.worktreesDir) : `${task.repo.replace(/[\\/]+$/, '')}.worktrees`,
      fallback: path.join(workspace.stateDir, 'worktrees'),
    }),
    freePort,
    secrets,
  });

  const workerDeps = (it: EngineStore): WorkerDeps => ({
    queue: it.tasks,
    clock: wallClock,
    newOwner: newId,
    startCarrier: (claim) =>
      startCarrier(
        options.carrier,
        { workspace: workspace.root, logDir: paths.logs, env: childEnv(env, SECRET_NAMES), credentials: { config: resolved.values } },
        claim,
      ),
    isDead: (owner, lease) => isOwnerDead(it.hosts, owner, lease, now),
    onChange: it.watcher.onChange,
    slots: () => resolved.values.maxConcurrentTasks,
    onError: (error) => say(`The worker loop failed and goes on: ${describeError(error)}`),
  });

  async function carry(it: EngineStore, claim: Claim, signal: AbortSignal): Promise<Task> {
    it.watcher.setBusy(true);
    const host = await announceHost(it.hosts, { id: claim.owner, kind: 'carrier', asks: false }, now);
    try {
      await reapPredecessors(it.hosts, claim.taskId, claim.token);
      await it.board.losePrompts(claim.taskId);
      return await carryTask(carryDeps(it), claim, signal);
    } finally {
      await host.stop();
    }
  }

  // ------------------------------------------------------------ use cases

  const startDeps: StartDeps = {
    repository: git.repository,
    config: () => resolved,
    trusted: () => trusted,
    resolveAgent: (name) =>
      resolveAgent({
        name,
        env: baseEnv,
        customCommand: resolved.values.agentCommand || undefined,
        customType: resolved.values.agentType,
        notIn: [workspace.root],
      }),
    workspaceRepo: repo?.root ?? null,
    cloneUrl: (url) => git.repository.cloneBare(url, paths.repos),
    now,
    newId,
  };

  async function watchFrom(it: EngineStore, listener: (change: Change) => void): Promise<() => void> {
    let { rev } = await it.board.changedSince(0);
    let reading = false;
    let again = false;
    const read = async (): Promise<void> => {
      if (reading) {
        again = true;
        return;
      }
      reading = true;
      try {
        do {
          again = false;
          const changed = await it.board.changedSince(rev);
          rev = changed.rev;
          const active = await it.board.list({ statuses: ['queued', 'running', 'retrying'], limit: 1 });
          it.watcher.setBusy(active.tasks.length > 0);
          if (changed.tasks.length > 0) listener({ tasks: changed.tasks, prompts: await it.board.openPrompts() });
        } while (again);
      } catch (error) {
        say(`Changes could not be read: ${describeError(error)}`);
      } finally {
        reading = false;
      }
    };
    const off = it.watcher.onChange(() => void read());
    await read();
    return off;
  }

  const app: App = {
    workspace,
    hasStore: () => opened !== undefined || storeExists(paths),
    config: () => resolved,
    reloadConfig() {
      const before = JSON.stringify(resolved);
      resolved = resolveAll();
      return JSON.stringify(resolved) !== before;
    },
    setTrusted(value) {
      trusted = value;
      resolved = resolveAll();
    },
    isTrusted: () => trusted,

    agents: () => listAgents({ env: baseEnv, notIn: [workspace.root] }),
    plan: (request) => planStart(startDeps, request),
    async start(request) {
      if (env['AMPA_TASK_ID'] && options.kind === 'cli') {
        // Allowed, and said: an agent may start tasks of its own, and they outlive it.
      }
      const task = await newTask(startDeps, request);
      const it = await writable();
      const inserted = await it.board.insert(task);
      it.watcher.poke();
      return inserted;
    },
    async list(filter) {
      return (await (await existing())?.board.list(filter)) ?? { tasks: [], total: 0 };
    },
    find: async (id) => (await required(id)).board.find(id),
    show: async (id) => (await required(id)).board.detail(id),
    async continue(id, text) {
      const it = await writable();
      const result = await it.board.continueTask(id, text === null || text.trim() === '' ? null : text.trim());
      it.watcher.poke();
      return result;
    },
    abort: async (id) => abortTask(await writable(), id, now),
    async merge(id, { method, deleteBranch }) {
      const it = await writable();
      const { task } = await it.board.detail(id);
      const verdict = await it.board.checkMergeable(id);
      if (verdict) throw verdict;
      const merged = await git.repository.mergeToBase(task, { method, deleteBranch });
      const landed = await it.board.recordMerge(id, new Date(now()).toISOString(), merged.sha);
      if (task.worktree) {
        const removed = await git.repository.removeWorktree(task, { force: false });
        if (removed.removed) await it.board.forgetWorktree(id);
        else say(`The worktree of ${task.title} is kept: ${removed.why}`);
      }
      it.watcher.poke();
      return landed;
    },
    clean: async (clean) => cleanTasks({ board: (await writable()).board, repository: git.repository, logs: paths.logs, now }, clean),
    async answer(promptId, response, by) {
      const it = await writable();
      const first = await it.board.answerPrompt(promptId, response, by);
      it.watcher.poke();
      return first;
    },
    prompts: async () => (await (await existing())?.board.openPrompts()) ?? [],

    async readLog(id, { cursor, attempt, tailBytes }) {
      const number = cursor?.attempt ?? attempt ?? (await app.show(id)).task.attempts;
      const piece = await readAttemptLog(paths.logs, id, number, cursor ? { offset: cursor.offset } : { tailBytes: tailBytes ?? 1024 * 1024 });
      return { text: piece.text, attempt: number, cursor: { attempt: number, offset: piece.offset } };
    },
    conversation: (id, attempt, from) => readConversation(paths.logs, id, attempt, from),
    async changedFiles(id) {
      const { task } = await app.show(id);
      if (!task.base_sha || !task.head_sha) return { base: task.base_sha ?? '', head: task.head_sha ?? '', repo: task.repo, files: [] };
      const base = await git.repository.mergeBaseOf(task, task.head_sha);
      return { base, head: task.head_sha, repo: task.repo, files: await git.tasks.changedFiles(task, task.head_sha) };
    },
    async diff(id) {
      const { task } = await app.show(id);
      return task.head_sha ? git.repository.unifiedDiff(task, task.head_sha) : '';
    },
    fileAt: (repoRoot, commit, file) => git.repository.show(repoRoot, commit, file),

    async hosts() {
      const it = await existing();
      return ((await it?.hosts.hosts()) ?? []).map((host) => ({
        id: host.id,
        kind: host.kind,
        pid: host.pid,
        machine: host.machine,
        startedAt: host.started_at,
        lastBeat: host.beat_at,
        live: now() - host.beat_at < GONE_MS,
      }));
    },
    doctor: async () =>
      runDoctor({ workspace, paths, git: git.repository, agents: await app.agents(), config: resolved, trusted, integrity: async () => (await existing())?.database.checkIntegrity() ?? null }),
    async trust(revoke) {
      if (revoke) trust.revoke(workspace.root);
      else trust.trust(workspace.root, remoteUrl);
      trusted = !revoke;
      resolved = resolveAll();
      return { trusted };
    },

    watch(listener) {
      let off = (): void => {};
      let ended = false;
      void (async () => {
        const it = await existing();
        if (!it || ended) return;
        off = await watchFrom(it, listener);
        if (ended) off();
      })().catch((error: unknown) => say(`Changes cannot be watched: ${describeError(error)}`));
      return () => {
        ended = true;
        off();
      };
    },
    notices: () => [...notices],
    onNotice(listener) {
      noticeListeners.add(listener);
      return () => noticeListeners.delete(listener);
    },

    async startEngine() {
      if (presence) return;
      const it = await writable();
      presence = await announceHost(it.hosts, { id: newId(), kind: options.kind, asks: options.asks }, now);
      running.push(runWorker(workerDeps(it), stop.signal), keepBackups(it, stop.signal));
      await watchFrom(it, () => undefined);
    },
    async untilIdle(signal) {
      const it = await store();
      for (;;) {
        const { total } = await it.board.list({ statuses: ['queued', 'running', 'retrying'], limit: 1 });
        if (total === 0 || signal.aborted) return;
        await nextChange(it, AbortSignal.any([signal, stop.signal]));
      }
    },
    async carryHere(id, signal, onEvent) {
      const it = await writable();
      it.watcher.setBusy(true);
      const owner = newId();
      for (;;) {
        const task = await it.tasks.get(id);
        if (!task) throw notFound('task', id, '`ampa ls --all` lists them.');
        onEvent?.(task);
        if (!isActive(task.status) || signal.aborted) return task;
        const claim =
          task.status === 'queued'
            ? await it.tasks.claimQueued(id, owner, resolved.values.maxConcurrentTasks)
            : (await isOwnerDead(it.hosts, task.owner, task.lease_expires_at, now))
              ? await it.tasks.takeOver(id, task.token, owner)
              : undefined;
        if (claim) await carry(it, claim, signal);
        else await nextChange(it, signal);
      }
    },
    async work(id, handed, signal) {
      const it = await writable();
      const claim: Claim | undefined = handed ? { taskId: id, ...handed } : await claimAny(it, id);
      if (!claim) return null;
      const task = await carry(it, claim, signal);
      // The next one would wait for a window to open; if a host is there, one of us gets the claim.
      if (!signal.aborted && resolved.values.continueAfterClose) await workOnce(workerDeps(it));
      return task;
    },
    async close() {
      stop.abort();
      await Promise.allSettled(running);
      await presence?.stop();
      await (await opened)?.close();
    },
  };

  async function claimAny(it: EngineStore, id: string): Promise<Claim | undefined> {
    const task = await it.tasks.get(id);
    if (!task) throw notFound('task', id, '`ampa ls --all` lists them.');
    if (task.status === 'queued') return it.tasks.claimQueued(id, newId(), resolved.values.maxConcurrentTasks);
    if (!isActive(task.status) || !(await isOwnerDead(it.hosts, task.owner, task.lease_expires_at, now))) return undefined;
    return it.tasks.takeOver(id, task.token, newId());
  }

  async function keepBackups(it: EngineStore, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await it.database.backupDaily();
      } catch (error) {
        say(`The daily backup failed: ${describeError(error)}`);
      }
      await wallClock.sleep(3600_000, signal);
    }
  }

  return app;
}

/** Resolves at the next change of the store, or after 5 s: an owner's death changes nothing there. */
async function nextChange(it: EngineStore, signal: AbortSignal): Promise<void> {
  const wake = new AbortController();
  const off = it.watcher.onChange(() => wake.abort());
  await wallClock.sleep(5_000, AbortSignal.any([wake.signal, signal]));
  off();
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
