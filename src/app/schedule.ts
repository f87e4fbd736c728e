import { unsupported } from '../scheduler/types.ts';
import { createRunOutputs } from '../adapters/files/runOutputs.ts';
import type { ConfigValues } from '../config/knobs.ts';
import { AmpaError, describeError, notFound } from '../errors.ts';
import { carryRun, type CarryRunDeps } from '../scheduler/carryRun.ts';
import { capacityWarning, choose, scheduleOf } from '../scheduler/choose.ts';
import { clearDead } from '../scheduler/clearDead.ts';
import { newCommand, noSuchCommand } from '../scheduler/command.ts';
import { rememberCron } from '../scheduler/cron.ts';
import { exportStore } from '../scheduler/originalStore.ts';
import { createScheduler } from '../scheduler/loop.ts';
import type { Run } from '../scheduler/ports.ts';
import { nextTimes } from '../scheduler/preview.ts';
import { simulate } from '../scheduler/simulate.ts';
import type { Rules, StoredCommand } from '../scheduler/spec.ts';
import type { Pulse } from '../tasks/ports.ts';
import { isActive } from '../tasks/task.ts';
import type { Announcements } from './announcements.ts';
import type { DoctorCheck } from './api.ts';
import { watchSoon } from './changes.ts';
import { wallClock } from './clock.ts';
import type { EngineStore } from './engineStore.ts';
import { type HostKind, announceHost, isOwnerDead } from './hosts.ts';
import type { Meter } from './meter.ts';
import { meterRuns } from './metering.ts';
import { machine, reapRun, runCommand, type RunCommandDeps } from './runCommand.ts';
import type { Schedule } from './scheduleApi.ts';
import { channelDefaults, dormantTypes } from './scheduleDefaults.ts';
import { importFile, importOnce, type ImportDeps } from './scheduleImport.ts';
import { viewCommand, viewRun } from './scheduleView.ts';
import { githubRepo, worklogDefaults, type WorklogDeps } from './worklogSync.ts';

export interface ScheduleDeps
  extends Omit<ImportDeps, 'outputs' | 'keepRuns'>, WorklogDeps, Pick<RunCommandDeps, 'startTask'> {
  kind: HostKind;
  secrets: readonly string[];
  childEnv: Readonly<Record<string, string>>;
  logs: string;
  config(): ConfigValues;
  announcements: Pick<Announcements, 'announce' | 'pulse' | 'startup' | 'drain'>;
  existing(): Promise<EngineStore> | undefined;
  writable(): Promise<EngineStore>;
  /** The settings have changed. */
  onConfig(listener: () => void): () => void;
  meter: Meter;
  pulse: Pulse;
}

/** The scheduled commands: what hosts do with them, and the loop that runs them. */
export function createSchedule(deps: ScheduleDeps): {
  facade: Schedule;
  /** Runs what is due until `stop`, as the host of that id. A folder without commands costs nothing but the watch. */
  runSchedule(it: EngineStore, host: string, stop: AbortSignal): Promise<void>;
  /** Opens the scheduler of the workspace: makes the store, and registers what every scheduler has. */
  open(): Promise<EngineStore>;
  /** What stands against running everything in time. */
  doctor(): Promise<DoctorCheck[]>;
} {
  const { config, newId, say } = deps;
  const { now } = wallClock;
  const outputs = createRunOutputs(`${deps.logs}/schedule`, deps.secrets);
  const keepRuns = (): number => config().schedulerMaxRunHistory;
  const importDeps: ImportDeps = { ...deps, outputs, keepRuns };
  const rules = (): Rules => ({
    minIntervalMs: config().schedulerMinIntervalSeconds * 1000,
    priorityWeight: config().schedulerPriorityWeight,
    dormant: new Set(dormantTypes(config()).keys()),
  });

  let tookOver = false;
  const compile = rememberCron();
  const asSchedule = (stored: StoredCommand) => scheduleOf(stored, compile);
  const view = (stored: StoredCommand) => {
    const waits = dormantTypes(config()).get(stored.spec.type) ?? null;
    return viewCommand(stored, asSchedule(stored), now(), rules(), waits);
  };

  /** An old store that cannot be read is said, and stands in nobody's way. */
  async function takeOver(it: EngineStore | null, shared = deps.kind !== 'vscode'): Promise<boolean> {
    // Once for each process: the file may be large, and lists are read often.
    if (it && tookOver) return false;
    let found = false;
    try {
      found = await importOnce(importDeps, it, shared);
    } catch (error) {
      if (!(error instanceof AmpaError)) throw error;
      say(describeError(error));
    }
    // After the import: what the original had by that name goes before ours.
    if (it && !it.foreign) await registerDefaults(it);
    tookOver = it !== null;
    return found;
  }
  /** Only what runs the schedule sets its frequencies: a terminal may have other settings, or none. */
  let runs = false;
  async function registerDefaults(it: EngineStore): Promise<void> {
    const specs = [...channelDefaults(config()), ...(await worklogDefaults(deps))];
    await it.schedule.addDefaults(specs, now(), { retime: runs });
  }

  async function open(): Promise<EngineStore> {
    const it = await deps.writable();
    await takeOver(it);
    return it;
  }
  /** For reading: makes a store only where there is an old one to take over. */
  async function look(): Promise<EngineStore | undefined> {
    const it = await deps.existing();
    if (it && (await it.lookForeign()) !== null) return it;
    if (!it && !(await takeOver(null))) return undefined;
    return open();
  }
  async function one(it: EngineStore | undefined, id: string): Promise<StoredCommand> {
    const stored = await it?.schedule.get(id);
    if (!stored) throw noSuchCommand(id);
    return stored;
  }

  async function llmUp(): Promise<boolean> {
    const url = config().llmHealthcheckUrl;
    if (url === '') return true;
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2000), redirect: 'manual' });
      await answer.body?.cancel();
      return answer.status < 500;
    } catch {
      // No answer is an answer: it is down.
      return false;
    }
  }

  const carryDeps = (it: EngineStore, onOutput?: (text: string) => void): CarryRunDeps => ({
    store: meterRuns(it.schedule, deps.meter),
    clock: wallClock,
    onChange: it.watcher.onChange,
    keepRuns,
    onError: (error) => say(`The scheduler continues after an error: ${describeError(error)}`),
    async afterRun(run) {
      it.watcher.poke();
      await outputs.prune(run.command_id, () => it.schedule.runIds(run.command_id));
    },
    execute: (claimed, signal) =>
      runCommand(
        {
          store: it.schedule,
          outputs,
          secrets: deps.secrets,
          workspace: deps.workspace,
          childEnv: deps.childEnv,
          timeoutSeconds: () => config().commandTimeoutSeconds,
          startTask: deps.startTask,
          githubRepo: () => githubRepo(deps),
          async isTaskActive(id) {
            const task = await it.tasks.get(id);
            return task !== undefined && isActive(task.status);
          },
          announce: (message) => deps.announcements.announce(message, { first: true, signal }),
          pulse: () => deps.announcements.pulse(it),
          onOutput,
        },
        claimed,
        signal,
      ),
  });

  const clearDeps = (it: EngineStore) => ({
    ...carryDeps(it),
    store: meterRuns(it.schedule, deps.meter),
    isDead: (owner: string, lease: number) => isOwnerDead(it.hosts, owner, lease, now),
    reap: (run: Run) => reapRun(it.schedule, run),
  });

  /** The command that the loop would start now, were it not for the global interval. */
  async function nextChoice(it: EngineStore): Promise<string | null> {
    const schedules = (await it.schedule.list()).map(asSchedule);
    const free = { ...rules(), minIntervalMs: 0 };
    const asksLlm = schedules.some((it) => it.requiresLlm && choose([it], now(), null, free, true) !== null);
    const up = asksLlm ? await llmUp() : true;
    return choose(schedules, now(), null, free, up)?.id ?? null;
  }

  const facade: Schedule = {
    async list() {
      const it = await look();
      return ((await it?.schedule.list()) ?? []).map(view);
    },
    async warnings() {
      const it = await deps.existing();
      const warning = capacityWarning(((await it?.schedule.list()) ?? []).map(asSchedule), now(), rules());
      return warning === null ? [] : [warning];
    },
    async add(id, command) {
      const spec = newCommand(id, command);
      const it = await open();
      await it.schedule.add(spec, now());
      it.watcher.poke();
      return view(await one(it, id));
    },
    async update(id, patch) {
      await one(await look(), id);
      const it = await deps.writable();
      const stored = await it.schedule.update(id, patch, now());
      it.watcher.poke();
      return view(stored);
    },
    async remove(id) {
      const { state } = await one(await look(), id);
      const it = await deps.writable();
      await it.schedule.remove(id, now());
      it.watcher.poke();
      if (state.running === null) await outputs.prune(id, async () => []);
    },
    async run(id, { signal, onOutput }) {
      const there = await look();
      if (id === null && !there) return null;
      if (id !== null) await one(there, id);
      const it = await deps.writable();
      const chosen = id ?? (await nextChoice(it));
      if (chosen === null) return null;
      const { spec } = await one(it, chosen);
      const cannot = unsupported(spec);
      if (cannot !== null)
        throw new AmpaError('refused', `${chosen} cannot run here: ${cannot}`, 'It is kept as it is.');
      // The mark of a run whose host has died would stand in the way.
      await clearDead(clearDeps(it), () => false);
      // Others must be able to tell whether the holder of the run still lives.
      const host = await announceHost(it.hosts, { id: newId(), kind: 'cli', asks: false }, now, say);
      try {
        const claimed = await it.schedule.claim({
          commandId: chosen,
          runId: newId(),
          owner: host.id,
          machine,
          now: now(),
          rules: rules(),
          manual: true,
        });
        if (!claimed) return null;
        it.watcher.poke();
        const end = await carryRun(carryDeps(it, onOutput), claimed, signal);
        // That of a command removed meanwhile is gone.
        const run = (await it.schedule.run(claimed.run.id)) ?? { ...claimed.run, ...end, ended_at: now() };
        return viewRun(run, await outputs.read(chosen, run.id));
      } finally {
        await host.stop();
        if (deps.kind === 'cli') await deps.announcements.drain(it);
      }
    },
    preview: (timing) => nextTimes(timing, now(), 5).map((at) => new Date(at).toISOString()),
    async runOf(id, runId) {
      const it = await look();
      await one(it, id);
      const run = await it!.schedule.run(runId);
      if (run?.command_id !== id)
        throw notFound('run', runId, 'Only the last runs of a command and its last failures are remembered.');
      return viewRun(run, await outputs.read(id, runId));
    },
    async history(id, limit) {
      const it = await look();
      await one(it, id);
      const runs = await it!.schedule.runsOf(id, limit);
      return Promise.all(runs.map(async (run) => viewRun(run, await outputs.read(id, run.id))));
    },
    async simulate(options) {
      const it = await look();
      const schedules = ((await it?.schedule.list()) ?? []).map(asSchedule);
      return simulate(schedules, rules(), { from: now(), ...options });
    },
    async enable() {
      const it = await deps.writable();
      tookOver = false;
      await takeOver(it, true);
      it.watcher.poke();
    },
    async import(file) {
      const it = await open();
      const report = await importFile(importDeps, it, file);
      it.watcher.poke();
      return report;
    },
    watch: (listener) =>
      watchSoon(
        async (ended) => {
          const it = await deps.existing();
          if (!it) return undefined;
          let rev = await it.schedule.revision();
          const look = async (): Promise<void> => {
            const current = await it.schedule.revision();
            if (current === rev || ended.aborted) return;
            rev = current;
            listener();
          };
          const onError = (error: unknown): void => {
            if (!ended.aborted) say(`Changes of the schedule cannot be seen: ${describeError(error)}`);
          };
          return it.watcher.onChange(() => void look().catch(onError));
        },
        (error) => say(`The schedule cannot be watched: ${describeError(error)}`),
      ),
    async export() {
      const it = await look();
      const commands = await Promise.all(
        ((await it?.schedule.list()) ?? []).map(async ({ spec, state }) => {
          const runs = (await it!.schedule.runsOf(spec.id, keepRuns())).filter((run) => run.ended_at !== null);
          const read = async (run: (typeof runs)[number]) => ({
            started_at: run.started_at,
            ended_at: run.ended_at,
            exit_code: run.exit_code,
            output: await outputs.read(spec.id, run.id),
          });
          return { spec, state, runs: await Promise.all(runs.toReversed().map(read)) };
        }),
      );
      const globals = (await it?.schedule.globals()) ?? { last_start: null, dispatches: [], extra: {} };
      return exportStore(commands, globals);
    },
  };

  /** What every scheduler has follows the settings; where nobody has opened it yet, there is nothing to follow. */
  async function followConfig(): Promise<void> {
    const it = tookOver ? await deps.existing() : undefined;
    if (!it || (await it.lookForeign()) !== null) return;
    await registerDefaults(it);
    it.watcher.poke();
  }
  deps.onConfig(() => {
    followConfig().catch((error: unknown) => say(`The schedule does not follow the settings: ${describeError(error)}`));
  });

  return {
    facade,
    open,
    doctor: async () =>
      (await facade.warnings()).map((detail) => ({
        name: 'schedule',
        ok: false,
        detail,
        fix: 'Run some of them less often, or lower the interval.',
      })),
    async runSchedule(it, host, stop) {
      runs = true;
      // What comes before the loop may hang as well.
      deps.pulse.begins();
      // The next list tries again; what is there already runs meanwhile.
      await (tookOver ? registerDefaults(it) : takeOver(it)).catch((error: unknown) => say(describeError(error)));
      await deps.announcements
        .startup(it, host)
        .catch((error: unknown) => say(`The start could not be announced: ${describeError(error)}`));
      const scheduler = createScheduler(
        {
          pulse: deps.pulse,
          onRules: deps.onConfig,
          owner: host,
          machine,
          newId,
          rules,
          llmUp,
          pollMs: () => config().schedulerPollSeconds * 1000,
          onLook: it.watcher.onLook,
          ...clearDeps(it),
        },
        stop,
      );
      await scheduler.loop();
    },
  };
}
