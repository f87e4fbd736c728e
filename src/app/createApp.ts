import { pathToFileURL } from 'node:url';
import { monotonicFactory } from 'ulid';
import { createAgents } from '../adapters/agents/agents.ts';
import { listAgents, resolveAgent } from '../adapters/agents/resolve.ts';
import { createGitAdapter } from '../adapters/git/adapter.ts';
import { fetchOf } from '../adapters/github/proxy.ts';
import { childEnv, withOwner } from '../adapters/process/env.ts';
import { findOnPath } from '../adapters/process/find.ts';
import type { ConfigValues } from '../config/knobs.ts';
import { configFiles, ownDotenvFiles, readDotenvFiles, type SettingsReader } from '../config/sources.ts';
import { describeError, notFound } from '../errors.ts';
import { type LinkPlace, taskLink } from '../notifications/doorbell.ts';
import { isDiscord } from '../notifications/heartbeat.ts';
import type { Clock } from '../tasks/ports.ts';
import { secretForms } from '../tasks/redact.ts';
import { requestText } from '../tasks/requestText.ts';
import { abortTask } from './abort.ts';
import { createAnnouncements, EXTENSION } from './announcements.ts';
import type { App } from './api.ts';
import type { CarrierCommand } from './carriers.ts';
import { configuredChannels, unheard } from './channels.ts';
import { cleanTasks } from './clean.ts';
import { wallClock } from './clock.ts';
import { followSettings } from './configWatch.ts';
import { createConfiguration } from './configuration.ts';
import { setUpConversations } from './conversationSetup.ts';
import { createDiscord } from './discord.ts';
import { runDoctor } from './doctor.ts';
import { createEngine } from './engine.ts';
import type { EngineStore } from './engineStore.ts';
import { createForges, type ForgesDeps } from './forges.ts';
import { describeGitHub } from './githubState.ts';
import { type HostKind, listHosts } from './hosts.ts';
import { createLogins } from './logins.ts';
import { mergeTask } from './merge.ts';
import { createMeter } from './meter.ts';
import { createNotices } from './notices.ts';
import { createPulse, loopStates } from './pulse.ts';
import { createQuestions } from './questions.ts';
import { makeReport } from './report.ts';
import { createSchedule } from './schedule.ts';
import { PERSONAL_TOKENS, SECRET_NAMES, secretsOf, secretValues } from './secrets.ts';
import { createServing } from './serving.ts';
import { runSocket } from './socket.ts';
import { identityOf, newTask, planStart, repositoryOf, type StartDeps } from './start.ts';
import { resolveWorkspace, statePaths, userStateDir } from './state.ts';
import { createTaskReading } from './taskReading.ts';
import { createTracked } from './tracked.ts';
import { createTrust } from './trust.ts';
import { syncWorklog } from './worklogSync.ts';

export interface AppOptions {
  /** Any folder of the workspace. */
  folder: string;
  kind: HostKind;
  env: Readonly<Record<string, string | undefined>>;
  settings(root: string): SettingsReader;
  /** The editor says so itself; on the command line undefined: `ampa trust` decides. */
  trusted?: boolean;
  /** Token of the editor's own GitHub session, asked silently; null: nobody is signed in there. */
  editorToken?: (host: string) => Promise<string | null>;
  /** What the editor keeps of the person's secrets, by environment name; after a change `reloadConfig` reads it. */
  storedSecret?: (env: string) => string | undefined;
  /** This host can put a question to a person. */
  asks: boolean;
  carrier: CarrierCommand;
  /** Default: `vscode`, and the folder as a file. */
  place?: LinkPlace;
  /** Tests pass one that runs faster. */
  clock?: Clock;
  /** Likewise. */
  patience?: ForgesDeps['patience'];
  /** Values handed down by the host that started this carrier: they go before every source that says what it said then. */
  config?: ConfigValues;
  /** More values that no log may show, handed down likewise. */
  secrets?: readonly string[];
}

/** The composition root: the only place where adapters meet the domain. Leaves no trace in the folder. */
export async function createApp(options: AppOptions): Promise<App> {
  const { env } = options;
  const clock = options.clock ?? wallClock;
  const now = (): number => clock.now();
  const newId = monotonicFactory();
  const workspace = await resolveWorkspace(options.folder);
  const paths = statePaths(workspace, env);
  const hostEnv = childEnv(env, SECRET_NAMES);
  const taskEnv = childEnv(env, [...SECRET_NAMES, ...PERSONAL_TOKENS], { AMPA_WORKSPACE: workspace.root });
  const secrets = [...new Set([...secretValues(env), ...(options.secrets ?? [])])];
  /** From now on nothing shows it: whoever masks reads the same list each time. */
  const learn = (value: string): void => {
    for (const form of secretForms(value)) if (!secrets.includes(form)) secrets.push(form);
  };
  const notices = createNotices();
  const { say } = notices;
  const meter = createMeter((error) => say(`Metrics could not be recorded: ${describeError(error)}`));
  const logins = createLogins(userStateDir(env));
  const forges = createForges({
    ...{ env, secrets, now, meter, logins },
    config: () => config.values(),
    editorToken: options.editorToken,
    patience: options.patience,
  });
  const git = createGitAdapter({ env: taskEnv, clock, credentials: forges.credential });
  const find = (program: string): Promise<string | null> => findOnPath(program, hostEnv, { notIn: [workspace.root] });
  const trust = createTrust(env, now);
  // A pull puts a file in place before git's index says whose it is: first the text, then the question.
  const dotenv = readDotenvFiles(workspace.root, env);
  const tracked = await createTracked(git.repository, workspace, paths);
  const { repo, isTracked } = tracked;
  const remoteUrl = repo?.remoteUrl ?? null;
  const config = createConfiguration({
    ...{ workspace: workspace.root, env, dotenv, say },
    settings: () => options.settings(workspace.root),
    isTracked: (file) => tracked.last()?.tracks(file) ?? false,
    mayCome: tracked.mayCome,
    trusted: options.trusted ?? trust.isTrusted(workspace.root, remoteUrl),
    stored: options.storedSecret,
    async look() {
      await tracked.look();
      // The editor says itself when that changes.
      return options.trusted === undefined ? trust.isTrusted(workspace.root, tracked.last()?.remoteUrl ?? null) : null;
    },
    handed: options.config,
    onValues: (values) => secretsOf(values).forEach(learn),
  });

  const pulses = { 'worker loop': createPulse(now), scheduler: createPulse(wallClock.now) };
  const loops = () => loopStates(pulses);
  const place = options.place ?? { scheme: 'vscode', folder: pathToFileURL(workspace.root).href };
  const talk = setUpConversations({
    ...{ workspace, clock, newId, isTracked, secrets, say },
    config: config.values,
    remoteUrl: async (dir) => (await git.repository.locate(dir))?.remoteUrl ?? null,
    linkOf: (id) => taskLink({ ...place, extension: EXTENSION, baseUrl: config.values().linkBaseUrl }, id),
  });
  const followConfig = (stop: AbortSignal): void =>
    followSettings([...configFiles(workspace.root, env), trust.file], stop, config.reload, say);
  const engine = createEngine({
    followConfig,
    meter,
    ...{ pulse: pulses['worker loop'], loops },
    runBeside: async (it, host, stop) => {
      followConfig(stop);
      const socket = runSocket(
        {
          ...{ outbox: announcements.outbox, clock, newId, say, onError, onConfig: config.onChange },
          place: () => ({ wanted: config.values().botSocketPath, root: workspace.root, userDir: paths.userDir, env }),
        },
        it,
        host,
        stop,
      );
      const cleared = git.repository.clearPartialClones(paths.repos).catch(onError);
      await Promise.all([serving.run(it, host, stop), socket, cleared]);
    },
    place,
    workspace,
    paths,
    childEnv: taskEnv,
    secrets,
    clock,
    gitFor: (marker) =>
      createGitAdapter({ env: withOwner(taskEnv, marker), clock, credentials: forges.credential }).tasks,
    ...{ forge: forges.of, signedIn: forges.signedIn, onConfig: config.onChange },
    agents: createAgents({ env: taskEnv, find }),
    config: config.values,
    carrier: options.carrier,
    githubToken: async () => (await options.editorToken?.('github.com')) ?? null,
    personalTokens: () => Object.fromEntries(PERSONAL_TOKENS.flatMap((name) => (env[name] ? [[name, env[name]]] : []))),
    newId,
    trackedState: tracked.state,
    say,
    conversations: talk.of,
    runSchedule: (it, host, stop) => schedule.runSchedule(it, host, stop),
    deliver: (it, host, stop, role) => announcements.run(it, host, stop, role),
    drain: (it, only) => announcements.drain(it, only),
  });

  const onError = (error: unknown): void => say(describeError(error));
  const bot = createDiscord({
    ...{ clock, say, onError },
    config: config.values,
    fetch: async (url, init) => (await fetchOf(env))(url, init),
    clicks: {
      hasPrompt: async (id) => (await (await engine.existing())?.prompts.get(id)) !== undefined,
      hasTask: async (id) => (await (await engine.existing())?.tasks.get(id)) !== undefined,
      respond: (answer) => app.respond(answer),
      taskActions: {
        continue: (id) => app.continue(id, null),
        abort: (id) => app.abort(id),
        merge: (id) => app.merge(id, { method: null, deleteBranch: false }),
      },
    },
  });
  const announcements = createAnnouncements({
    ...{ workspace, env, clock, secrets, place, bot, isTracked, newId, onConfig: config.onChange, meter, say },
    config: config.values,
    existing: engine.existing,
    writable: engine.writable,
  });

  const { repoAt } = forges;
  const worklog = { workspace: workspace.root, childEnv: hostEnv, remoteUrl, repoAt, find, newId };
  const schedule = createSchedule({
    ...{ meter, onConfig: config.onChange, pulse: pulses.scheduler, ...worklog },
    kind: options.kind,
    stateDir: workspace.stateDir,
    logs: paths.logs,
    env,
    secrets,
    config: config.values,
    announcements,
    storeFile: () => config.values().schedulerStore,
    isTracked,
    existing: engine.existing,
    writable: engine.writable,
    // Under the id of its run, which the command remembers before the task is there.
    startTask: async (runId, request) => {
      const it = await engine.writable();
      const task = await it.board.insert(await newTask({ ...startDeps, newId: () => runId }, request));
      it.watcher.poke();
      return task;
    },
    now,
    say,
  });

  const serving = createServing({
    ...{ kind: options.kind, clock, secrets, onConfig: config.onChange, loops, meter, say },
    userDir: paths.userDir,
    app: () => app,
    config: config.current,
    existing: engine.existing,
    hostId: engine.hostId,
    watch: (it, listener) => engine.watch(it, listener),
    respond: (answer) => app.respond(answer),
    channels: () => unheard(config.values()),
  });

  async function required(id: string): Promise<EngineStore> {
    const it = await engine.existing();
    if (!it) throw notFound('task', id, 'There are no tasks in this folder yet: `ampa start --task "…"`.');
    return it;
  }

  const startDeps: StartDeps = {
    repository: git.repository,
    config: config.current,
    trusted: (it) => (it.root === repo?.root ? config.isTrusted() : trust.isTrusted(it.root, it.remoteUrl)),
    resolveAgent: (name, permissions) =>
      resolveAgent({
        name,
        permissions,
        find,
        customCommand: config.values().agentCommand || undefined,
        customType: config.values().agentType,
      }),
    ...{ workspaceRepo: repo?.root ?? null, folder: options.folder, repoAt },
    forgeAt: forges.at,
    loginAt: forges.login,
    cloneUrl: (url) => git.repository.cloneBare(url, paths.repos),
    now,
    newId,
  };

  let closing: Promise<void> | undefined;
  const app: App = {
    workspace,
    hasStore: engine.exists,
    config: config.current,
    reloadConfig: config.reload,
    setTrusted: config.setTrusted,
    isTrusted: config.isTrusted,
    secrets: () => secrets,

    async me() {
      const host = remoteUrl === null ? undefined : (await repoAt(remoteUrl))?.host;
      return [...(host === undefined ? [] : logins.known(host)), await identityOf(git.repository, repo?.root ?? null)];
    },
    github: () => describeGitHub({ remoteUrl, forges, logins, existing: engine.existing, now }),
    agents: () => listAgents(find),
    plan: (request) => planStart(startDeps, request),
    async start(request) {
      const task = await newTask(startDeps, request);
      const it = await engine.writable();
      const inserted = await it.board.insert(task);
      it.watcher.poke();
      return inserted;
    },
    async list(filter) {
      return (await (await engine.existing())?.board.list(filter)) ?? { tasks: [], total: 0 };
    },
    find: async (id) => (await required(id)).board.find(id),
    show: async (id) => (await required(id)).board.detail(id),
    async continue(id, text) {
      const it = await engine.writable();
      const result = await it.board.continueTask(id, requestText(text ?? '') || null);
      it.watcher.poke();
      return result;
    },
    abort: async (id) =>
      abortTask(await engine.writable(), id, clock, async (it, task) => talk.of(it).loseEarlier(task)),
    async merge(id, how) {
      const it = await engine.writable();
      const { board, watcher } = it;
      const landed = await mergeTask(
        { board, repository: git.repository, forges, clock, newId, onChange: watcher.onChange, say },
        id,
        how,
      );
      watcher.poke();
      if (options.kind === 'cli') await announcements.drain(it);
      return landed;
    },
    async clean(how) {
      const { board } = await engine.writable();
      const report = await cleanTasks({ board, repository: git.repository, logs: paths.logs, now }, how);
      // What may still be open stays, however much is to be removed.
      const seconds = Math.max(how.olderThanDays * 24 * 3600, config.values().resumeTimeoutSeconds);
      await talk.files().prune(now() - seconds * 1000);
      return report;
    },
    ...createQuestions({ talk, ...engine }),

    ...createTaskReading({ logs: paths.logs, git, show: (id) => app.show(id) }),

    hosts: async () => listHosts((await engine.existing())?.hosts, now),
    health: serving.health,
    stalls: serving.stalls,
    server: serving.address,
    doctor: async () => [
      ...(await runDoctor({
        workspace,
        paths,
        git: git.repository,
        agents: await app.agents(),
        config: config.current(),
        trusted: config.isTrusted(),
        dotenvFiles: ownDotenvFiles(workspace.root, env),
        onGitHub: remoteUrl !== null && (await repoAt(remoteUrl)) !== null,
        github: async () => (remoteUrl === null ? null : forges.describe(remoteUrl)),
        integrity: async () => (await engine.existing())?.database.checkIntegrity() ?? null,
      })),
      ...(await serving.doctor()),
      ...(await announcements.doctor()),
      ...(await talk.doctor()),
      ...(await schedule.doctor()),
    ],
    async trust(revoke, named) {
      const other = named === undefined ? null : await repositoryOf(startDeps, named);
      const own = other === null || other.root === repo?.root;
      const it = own ? { root: workspace.root, remoteUrl } : other;
      if (revoke) trust.revoke(it.root);
      else trust.trust(it.root, it.remoteUrl);
      if (own) app.setTrusted(!revoke);
      return { trusted: !revoke, folder: it.root };
    },

    watch: engine.watchSoon,
    notices: notices.all,
    onNotice: notices.onNotice,

    async report(request) {
      const it = await engine.existing();
      // What nobody has set up is no news, unless it has run.
      const all = it ? await schedule.facade.list() : [];
      const commands = all.filter((command) => command.waits_for === null || command.last_run !== null);
      return makeReport(it, request, { commands, now: now(), keepRuns: config.values().schedulerMaxRunHistory });
    },
    channels: announcements.channels,
    notify: (message, signal) => announcements.announce(message, { signal }),
    async sendHeartbeat(signal) {
      if (engine.exists() && configuredChannels(config.values()).some(isDiscord)) await schedule.open();
      return announcements.sendHeartbeat(signal);
    },
    testNotification: announcements.testNotification,

    schedule: schedule.facade,
    syncWorklog: (which, how) => syncWorklog(worklog, which, how),
    startEngine: (how) => engine.start(options.kind, options.asks, how?.schedule ?? true),
    untilIdle: engine.untilIdle,
    carryHere: engine.carryHere,
    work: engine.work,
    close: () => (closing ??= engine.close()),
  };
  return app;
}
