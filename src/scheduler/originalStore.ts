/** The originals' store, one JSON file: read leniently, written in the same layout. */
import * as z from 'zod';
import { MAX_MINUTES, type CommandSpec, type CommandState } from './spec.ts';
import { AmpaError } from '../errors.ts';
import { EMPTY_STATE } from './command.ts';
import { compileCron } from './cron.ts';
import { runnable } from './types.ts';

export interface StoredRun {
  started_at: number;
  ended_at: number | null;
  exit_code: number | null;
  output: string;
}

export interface ImportedCommand {
  spec: CommandSpec;
  state: CommandState;
  /** Oldest first. */
  runs: StoredRun[];
  /** Why it arrives disabled, for people. */
  note: string | null;
}

export interface ImportedStore {
  commands: ImportedCommand[];
  last_global_start: number | null;
  dispatches: unknown[];
  /** Other fields of the file. */
  extra: Record<string, unknown>;
  /** What could not be taken over, for people. */
  warnings: string[];
}

const object = z.record(z.string(), z.unknown());
const shape = z.looseObject({
  commands: object,
  state: object.default({}),
  last_global_start_ts: z.unknown().optional(),
  dispatches: z.array(z.unknown()).nullish(),
});

/** Reads a store. Throws `usage` for what has another shape at its top; anything else is mended. */
export function parseStore(content: unknown, file: string): ImportedStore {
  const parsed = shape.safeParse(content);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join('.') || 'the file';
    throw new AmpaError(
      'usage',
      `${file} is not a scheduler store: ${where}: ${issue?.message ?? 'unreadable'}`,
      'It needs {"commands": {…}, "state": {…}}.',
    );
  }
  const { commands, state, last_global_start_ts, dispatches, ...extra } = parsed.data;
  const warnings: string[] = [];
  const result: ImportedCommand[] = [];
  for (const [id, raw] of Object.entries(commands)) {
    if (!isObject(raw)) {
      warnings.push(`${file}: the command ${id} is not an object and is left out`);
      continue;
    }
    const { spec, note } = readSpec(id, raw);
    const known = state[id];
    result.push({ spec, note, ...readState(isObject(known) ? known : {}, spec) });
  }
  return {
    commands: result,
    last_global_start: time(last_global_start_ts),
    dispatches: dispatches ?? [],
    extra,
    warnings,
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
/** Some stores were edited by hand: a number in quotes is one. */
function finite(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}
const minutes = (value: number | null): number | null =>
  value !== null && value > 0 ? Math.min(value, MAX_MINUTES) : null;

/** ISO 8601; without an offset it is UTC, as the originals write it. */
function time(value: unknown): number | null {
  if (typeof value !== 'string') return null;
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/i.test(value.trim()) ? value : `${value.trim()}Z`;
  const at = Date.parse(zoned);
  return Number.isNaN(at) ? null : at;
}

function readSpec(id: string, raw: Record<string, unknown>): { spec: CommandSpec; note: string | null } {
  const { command, title, type, frequency_minutes, cron, timezone, priority, requires_llm, ...others } = raw;
  const { max_runtime_minutes, metadata, enabled, catch_up, id: _key, ...extra } = others;
  const problems: string[] = [];
  const every = finite(frequency_minutes);
  const longest = finite(max_runtime_minutes);
  const weight = finite(priority);
  const spec: CommandSpec = {
    id,
    command: text(command) ?? '',
    title: text(title) ?? id,
    type: text(type) ?? 'shell',
    frequency_minutes: minutes(every),
    cron: text(cron),
    timezone: text(timezone),
    priority: weight === null ? 0 : Math.trunc(weight),
    requires_llm: requires_llm === true,
    max_runtime_minutes: minutes(longest),
    metadata: isObject(metadata) ? metadata : {},
    enabled: enabled !== false,
    catch_up: catch_up !== false,
    extra,
  };
  if (spec.cron !== null) {
    spec.frequency_minutes = null;
    try {
      compileCron(spec.cron, spec.timezone);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
      // What is not ours to run is not ours to mend: it goes out as it came.
      if (!runnable(spec.type)) Object.assign(extra, { cron, ...(timezone === undefined ? {} : { timezone }) });
      Object.assign(spec, { cron: null, timezone: null });
    }
  } else {
    spec.timezone = null;
    if (spec.frequency_minutes === null) problems.push('it has no frequency');
  }
  if (priority !== undefined && weight === null) problems.push('its priority is not a number');
  if (spec.type === 'shell' && spec.command.trim() === '') problems.push('it has no command');
  if (problems.length > 0) spec.enabled = false;
  return { spec, note: problems.length > 0 ? `Disabled: ${problems.join('; ')}.` : null };
}

function readState(raw: Record<string, unknown>, spec: CommandSpec): { state: CommandState; runs: StoredRun[] } {
  const { running: _running, last_start_ts, last_run_ts, last_duration_seconds, last_exit_code, ...others } = raw;
  const { last_output, run_history, ...extra } = others;
  const runs = (Array.isArray(run_history) ? run_history : []).flatMap((entry: unknown): StoredRun[] => {
    if (!isObject(entry)) return [];
    const started_at = time(entry['start_ts']);
    if (started_at === null) return [];
    const ended_at = time(entry['end_ts']);
    return [{ started_at, ended_at, exit_code: finite(entry['exit_code']), output: text(entry['output']) ?? '' }];
  });
  runs.sort((a, b) => a.started_at - b.started_at);
  const last = runs.at(-1);
  const last_run = time(last_run_ts);
  const exit = finite(last_exit_code);
  // The output of the last run is kept once: in the history, where it is there.
  if (typeof last_output === 'string' && last_output !== '') {
    if (last && last.output === '') last.output = last_output;
    else if (!last && last_run !== null) {
      const started_at = time(last_start_ts) ?? last_run;
      runs.push({ started_at, ended_at: Math.max(started_at, last_run), exit_code: exit, output: last_output });
    }
  }
  return {
    runs,
    state: {
      ...EMPTY_STATE,
      last_start: time(last_start_ts),
      last_run,
      served: spec.cron === null ? null : last_run,
      last_duration_seconds: finite(last_duration_seconds),
      last_exit_code: exit,
      last_status: exit === null ? null : statusOf(exit),
      extra,
    },
  };
}

/** How a run with this exit code ended, as the originals tell it. */
export const statusOf = (exitCode: number | null): 'succeeded' | 'failed' | 'timed_out' | 'interrupted' =>
  exitCode === null ? 'interrupted' : exitCode === 0 ? 'succeeded' : exitCode === 124 ? 'timed_out' : 'failed';

const iso = (at: number | null): string | null =>
  at === null ? null : new Date(at).toISOString().replace('Z', '+00:00');

/** The specification as the layout writes it: what is not ours stays, in its place. */
function exportSpec(spec: CommandSpec): Record<string, unknown> {
  const { extra, ...own } = spec;
  const { cron, timezone, frequency_minutes, ...rest } = own;
  return {
    ...extra,
    ...rest,
    frequency_minutes: frequency_minutes ?? 0,
    ...(cron === null ? {} : { cron }),
    ...(timezone === null ? {} : { timezone }),
  };
}

export interface ExportedCommand {
  spec: CommandSpec;
  state: CommandState;
  /** Oldest first; without the one under way. */
  runs: StoredRun[];
}

export function exportStore(
  commands: readonly ExportedCommand[],
  globals: { last_start: number | null; dispatches: unknown[]; extra: Record<string, unknown> },
): Record<string, unknown> {
  return {
    ...globals.extra,
    commands: Object.fromEntries(commands.map(({ spec }) => [spec.id, exportSpec(spec)])),
    state: Object.fromEntries(
      commands.map(({ spec, state, runs }) => [
        spec.id,
        {
          ...state.extra,
          running: state.running !== null,
          last_start_ts: iso(state.last_start),
          last_run_ts: iso(state.last_run),
          last_duration_seconds: state.last_duration_seconds,
          last_exit_code: state.last_exit_code,
          last_output: runs.at(-1)?.output ?? null,
          run_history: runs.map((run) => ({
            start_ts: iso(run.started_at),
            end_ts: iso(run.ended_at),
            duration_seconds: run.ended_at === null ? null : (run.ended_at - run.started_at) / 1000,
            exit_code: run.exit_code,
            output: run.output,
          })),
        },
      ]),
    ),
    last_global_start_ts: iso(globals.last_start),
    dispatches: globals.dispatches,
  };
}
