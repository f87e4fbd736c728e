import { writeAtomically } from '../app/atomicFile.ts';
import type { ArgsOf } from '../app/commands.ts';
import type { SCHEDULE_COMMANDS } from '../app/scheduleCommands.ts';
import { AmpaError, usageError } from '../errors.ts';
import type { CommandPatch } from '../scheduler/spec.ts';
import type { Handlers, Session } from './io.ts';
import { sayIfNobodyWorks } from './nobodyWorks.ts';
import { runLine, runsText, runText, scheduleTable, timelineText } from './scheduleRender.ts';

/** `schedule …`; each resolves to the exit status. */
export const SCHEDULE_HANDLERS: Handlers<keyof typeof SCHEDULE_COMMANDS> = {
  async scheduleList({ app, io }) {
    const commands = await app.schedule.list();
    const warnings = await app.schedule.warnings();
    if (io.asJson) io.json({ commands });
    else if (commands.length > 0) io.out(scheduleTable(commands, Date.now(), io.paint));
    else io.err('Nothing is scheduled here. `ampa schedule add ID COMMAND --every MIN` changes that.');
    for (const warning of warnings) io.err(warning);
    return 0;
  },

  async scheduleAdd(session, args) {
    const { app, io } = session;
    const command = await app.schedule.add(args.id, { ...patchOf(args), requires_llm: args.requiresLlm });
    if (io.asJson) io.json(command);
    else {
      io.out(`${command.id} runs ${command.every}.`);
      await sayIfNobodyWorks(session);
    }
    return 0;
  },

  async scheduleUpdate({ app, io }, args) {
    if (args.requiresLlm && args.noRequiresLlm)
      throw usageError('--requires-llm and --no-requires-llm cannot be used together');
    const requires_llm = args.requiresLlm ? true : args.noRequiresLlm ? false : undefined;
    const command = await app.schedule.update(args.id, { ...patchOf(args), requires_llm });
    if (io.asJson) io.json(command);
    else io.out(`${command.id} runs ${command.every}${command.enabled ? '' : ' once it is enabled'}.`);
    return 0;
  },

  async scheduleRemove({ app, io }, { id }) {
    await app.schedule.remove(id);
    if (io.asJson) io.json({ removed: id });
    else io.out(`${id} is removed.`);
    return 0;
  },

  async scheduleEnable(session, { id }) {
    const { app, io } = session;
    const command = await app.schedule.update(id, { enabled: true });
    if (io.asJson) io.json(command);
    else {
      io.out(`${id} runs ${command.every}.`);
      await sayIfNobodyWorks(session);
    }
    return 0;
  },

  async scheduleDisable({ app, io }, { id }) {
    const command = await app.schedule.update(id, { enabled: false });
    if (io.asJson) io.json(command);
    else io.out(`${id} is off.`);
    return 0;
  },

  async scheduleRun({ app, io }, { id, format, watch }) {
    const live = watch === true && !io.asJson;
    const run = await app.schedule.run(id ?? null, {
      signal: io.signal,
      ...(live ? { onOutput: (text: string) => void process.stdout.write(text) } : {}),
    });
    if (!run) {
      if (io.asJson) io.json(null);
      else io.err('Nothing is due.');
      return 0;
    }
    if (io.asJson) io.json(run, watch);
    else if (live) io.err(runLine(run));
    else io.out(runText(run, format ?? 'normal', io.paint));
    return run.status === 'succeeded' || run.status === 'skipped' ? 0 : 1;
  },

  async scheduleHistory({ app, io }, { id, limit }) {
    const runs = await app.schedule.history(id, limit ?? 10);
    if (io.asJson) io.json({ runs });
    else if (runs.length > 0) io.out(runsText(runs, Date.now(), io.paint));
    else io.err(`${id} has not run yet.`);
    return 0;
  },

  async scheduleSimulate({ app, io }, { hours = 24, tick = 10 }) {
    if (!(hours > 0 && hours <= 24 * 366))
      throw usageError(`--hours is ${hours}`, 'Give hours from above 0 to a year.');
    if (!(tick > 0)) throw usageError(`--tick is ${tick}`, 'Give a number of seconds above 0.');
    if ((hours * 3600) / tick > 10_000_000)
      throw usageError('that is too many steps', 'Give fewer hours or a longer tick.');
    const simulation = await app.schedule.simulate({ hours, tickSeconds: tick });
    if (io.asJson) io.json({ observed: simulation.observed });
    else io.out(timelineText(simulation, hours));
    return 0;
  },

  async scheduleImport({ app, io }, { file }) {
    const report = await app.schedule.import(file);
    for (const warning of report.warnings) io.err(warning);
    if (io.asJson) io.json({ added: report.added, updated: report.updated });
    else io.out(`Added ${report.added.length} and updated ${report.updated.length} commands from ${file}.`);
    return 0;
  },

  async scheduleExport({ app, io }, { file }) {
    const store = await app.schedule.export();
    if (file === undefined) {
      io.json(store);
      return 0;
    }
    writeStore(file, `${JSON.stringify(store, null, 2)}\n`);
    if (io.asJson) io.json({ file });
    else io.err(`Written to ${file}.`);
    return 0;
  },

  githubImport: (session) => sync(session, 'import'),
  githubPush: (session) => sync(session, 'push'),
};

/** What `wl` prints is printed where it printed it. */
const sync = ({ app, io }: Session, which: 'import' | 'push'): Promise<number> =>
  app.syncWorklog(which, {
    signal: io.signal,
    onOutput: (chunk, stream) => void process[stream].write(chunk),
  });

function patchOf(args: Omit<ArgsOf<'scheduleAdd'>, 'id' | 'requiresLlm'>): CommandPatch {
  if (args.tz !== undefined && args.every !== undefined)
    throw usageError('--tz belongs to --cron', 'A frequency has no time zone.');
  return {
    command: args.command,
    title: args.title,
    type: args.type,
    frequency_minutes: args.every,
    cron: args.cron,
    timezone: args.tz,
    priority: args.priority,
    max_runtime_minutes: args.maxRuntime,
    metadata: args.metadata,
    catch_up: args.catchUp === undefined ? undefined : args.catchUp === 'yes',
  };
}

function writeStore(file: string, text: string): void {
  try {
    writeAtomically(file, text);
  } catch (error) {
    throw new AmpaError('external', `${file} cannot be written`, 'Check the folder and the space on the disk.', error);
  }
}
