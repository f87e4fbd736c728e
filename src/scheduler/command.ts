/** What a scheduled command is: its fields, their defaults, and what makes one refuse to be recorded. */
import { AmpaError, usageError } from '../errors.ts';
import { compileCron } from './cron.ts';
import { TYPE_NAMES, typeOf } from './types.ts';

export interface CommandSpec {
  id: string;
  /** Shell text; other types read their metadata. */
  command: string;
  title: string;
  type: string;
  /** Null where `cron` decides, or where neither is known: such a command is never due. */
  frequency_minutes: number | null;
  /** Five fields. */
  cron: string | null;
  /** IANA name; null: the machine's own. */
  timezone: string | null;
  priority: number;
  requires_llm: boolean;
  max_runtime_minutes: number | null;
  metadata: Readonly<Record<string, unknown>>;
  enabled: boolean;
  /** A run that is late after downtime is made up for, once. */
  catch_up: boolean;
  /** Fields of an imported command that are not ours: kept and exported. */
  extra: Readonly<Record<string, unknown>>;
}

export type RunStatus = 'running' | 'succeeded' | 'failed' | 'timed_out' | 'interrupted' | 'skipped';

/** What is known of a command's runs. Times are ms since the epoch. */
export interface CommandState {
  /** The run under way. */
  running: string | null;
  last_start: number | null;
  /** The start of the run under way, else the end of the last one. */
  last_run: number | null;
  /** The due time that is dealt with: of a cron command the last one, of others what a gap has skipped. */
  served: number | null;
  last_duration_seconds: number | null;
  last_exit_code: number | null;
  last_status: RunStatus | null;
  /** Fields of an imported state that are not ours. */
  extra: Readonly<Record<string, unknown>>;
}

export interface StoredCommand {
  spec: CommandSpec;
  state: CommandState;
  created_at: number;
  /** Why it arrived disabled, for people; null once it was edited or enabled. */
  note: string | null;
}

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

/** Types that neither wait for the global interval nor set it. */
export const isExempt = (type: string): boolean => type === 'heartbeat' || type === 'test-button';

/** What `add` and `update` give; undefined leaves a field as it is. */
export type CommandPatch = Partial<Omit<CommandSpec, 'id' | 'extra'>>;

/** A new command with the defaults filled in. Throws `usage` for what cannot be. */
export function newCommand(id: string, patch: CommandPatch): CommandSpec {
  if (!/^[^\s/\\\0]{1,100}$/.test(id) || id.startsWith('-') || /^\.+$/.test(id)) {
    throw usageError(`${JSON.stringify(id)} is no id`, 'An id is up to 100 characters without spaces and slashes.');
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
      '--every and --cron exclude one another',
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
  if (!known) throw usageError(`there is no type ${JSON.stringify(type)}`, `There are ${TYPE_NAMES.join(' and ')}.`);
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
  if (every !== null && !(Number.isFinite(every) && every > 0))
    throw usageError(`--every is ${every}`, 'Give a number of minutes above 0.');
  if (longest !== null && !(Number.isFinite(longest) && longest > 0))
    throw usageError(`--max-runtime is ${longest}`, 'Give a number of minutes above 0.');
  if (!Number.isInteger(spec.priority)) throw usageError(`--priority is ${spec.priority}`, 'Give a whole number.');
  if (spec.type === 'shell' && spec.command.trim() === '')
    throw usageError('the command is empty', 'Say what the shell should run.');
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

export const alreadyRunning = (id: string): AmpaError =>
  new AmpaError('refused', `${id} is already running`, '`ampa schedule history` shows when it began.');
