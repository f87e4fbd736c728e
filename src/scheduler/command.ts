/** What a scheduled command is: its fields, their defaults, and what makes one refuse to be recorded. */
import { MAX_MINUTES, type CommandPatch, type CommandSpec, type CommandState } from './spec.ts';
import { AmpaError, notFound, usageError } from '../errors.ts';
import { compileCron } from './cron.ts';
import { TYPE_NAMES, typeOf } from './types.ts';

export const EMPTY_STATE: CommandState = {
  running: null,
  last_start: null,
  last_run: null,
  served: null,
  last_duration_seconds: null,
  last_exit_code: null,
  last_status: null,
  extra: {},
};

/** The pause between two runs that a frequency asks for, ms; a second at least. */
export const periodMs = (minutes: number): number => Math.max(1, minutes * 60) * 1000;

/** Types that neither wait for the global interval nor set it. */
export const isExempt = (type: string): boolean => type === 'heartbeat' || type === 'test-button';

/** A new command with the defaults filled in. Throws `usage` for what cannot be. */
export function newCommand(id: string, patch: CommandPatch): CommandSpec {
  if (!/^[^\s/\\\0]{1,100}$/.test(id) || id.startsWith('-') || /^\.+$/.test(id)) {
    throw usageError(
      `${JSON.stringify(id)} is not a valid id`,
      'An id has up to 100 characters, without spaces or slashes.',
    );
  }
  if (patch.frequency_minutes == null && patch.cron == null) {
    throw usageError('the command has no time to run at', 'Give --every MINUTES or --cron "0 3 * * *".');
  }
  const spec = patchCommand(
    {
      id,
      command: '',
      title: id,
      type: 'shell',
      frequency_minutes: null,
      cron: null,
      timezone: null,
      priority: 0,
      requires_llm: false,
      max_runtime_minutes: null,
      metadata: {},
      enabled: true,
      catch_up: true,
      extra: {},
    },
    patch,
  );
  checkType(spec);
  return spec;
}

/** The command with a patch applied; a frequency replaces a cron expression and the other way round. */
export function patchCommand(spec: CommandSpec, patch: CommandPatch): CommandSpec {
  if (patch.frequency_minutes != null && patch.cron != null) {
    throw usageError(
      '--every and --cron cannot be used together',
      'A command has one of them; `update` replaces the other.',
    );
  }
  const given = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
  const next: CommandSpec = { ...spec, ...given };
  if (patch.frequency_minutes != null) Object.assign(next, { cron: null, timezone: null });
  if (patch.cron != null) next.frequency_minutes = null;
  if (patch.enabled && next.cron === null && next.frequency_minutes === null)
    throw usageError(`${spec.id} has no time to run at`, 'Give it one: `ampa schedule update ID --every MIN`.');
  check(next);
  if (patch.type !== undefined || patch.metadata !== undefined) checkType(next);
  return next;
}

function checkType({ type, metadata }: CommandSpec): void {
  const known = typeOf(type);
  if (!known) throw usageError(`there is no type ${JSON.stringify(type)}`, `Types are ${TYPE_NAMES.join(', ')}.`);
  const read = known.metadata.safeParse(metadata);
  if (read.success) return;
  const issue = read.error.issues[0];
  throw usageError(
    `the metadata of a ${type} is wrong: ${[...(issue?.path ?? []), issue?.message].join(': ')}`,
    'Give it with --metadata \'{"…": "…"}\'; `ampa schedule add --help` says what each type needs.',
  );
}

function check(spec: CommandSpec): void {
  const { frequency_minutes: every, max_runtime_minutes: longest } = spec;
  for (const [flag, minutes] of [
    ['--every', every],
    ['--max-runtime', longest],
  ] as const)
    if (minutes !== null && !(minutes > 0 && minutes <= MAX_MINUTES))
      throw usageError(`${flag} is ${minutes}`, 'Give a number of minutes above 0, and not over a hundred years.');
  if (!Number.isSafeInteger(spec.priority)) throw usageError(`--priority is ${spec.priority}`, 'Give a whole number.');
  if (spec.type === 'shell' && spec.command.trim() === '')
    throw usageError('the command is empty', 'Give the shell command to run.');
  if (spec.cron !== null) compileCron(spec.cron, spec.timezone);
  else if (spec.timezone !== null) throw usageError('--tz belongs to --cron', 'A frequency has no time zone.');
}

/** True when the times at which it is due have changed. */
export const isRetimed = (before: CommandSpec, after: CommandSpec): boolean =>
  before.frequency_minutes !== after.frequency_minutes ||
  before.cron !== after.cron ||
  before.timezone !== after.timezone;

/** `every 5 min`, `0 3 * * 1-5 Europe/Berlin`. */
export function timingOf(spec: CommandSpec): string {
  if (spec.cron !== null) return spec.timezone === null ? spec.cron : `${spec.cron} ${spec.timezone}`;
  if (spec.frequency_minutes === null) return 'never';
  const minutes = spec.frequency_minutes;
  if (minutes >= 60 && minutes % 60 === 0) return `every ${minutes / 60} h`;
  return minutes < 1 ? `every ${Math.max(1, minutes * 60)} s` : `every ${minutes} min`;
}

export const noSuchCommand = (id: string): AmpaError => notFound('command', id, '`ampa schedule list` lists them.');

export const alreadyRunning = (id: string): AmpaError =>
  new AmpaError('refused', `${id} is already running`, '`ampa schedule history` shows when it began.');
