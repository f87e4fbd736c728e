/** A scheduled command while a person describes it. Pure. */
import type { CommandPatch } from '../scheduler/spec.ts';
import type { ScheduledCommand } from '../app/scheduleApi.ts';
import type { Timing } from '../scheduler/preview.ts';
import { cut } from './taskRows.ts';
import { machineZone, timingWords } from './scheduleTimes.ts';

export interface Draft {
  /** `other`: of a type whose work is not described by words. */
  kind: 'shell' | 'task' | 'other';
  /** Shell text, or what the agent is asked. */
  text: string;
  /** Null until a person gives one: then it follows the text. */
  title: string | null;
  timing: Timing;
  /** Of a task; null: the first that is found. */
  agent: string | null;
  maxMinutes: number | null;
  catchUp: boolean;
  /** The rest of a task's metadata. */
  metadata: Readonly<Record<string, unknown>>;
}

export const newDraft = (kind: 'shell' | 'task', text: string, timing: Timing): Draft => ({
  kind,
  text,
  timing,
  title: null,
  agent: null,
  maxMinutes: null,
  catchUp: true,
  metadata: {},
});

const words = (value: unknown): string => (typeof value === 'string' ? value : '');

export function draftOf(command: ScheduledCommand): Draft {
  const { type, metadata } = command;
  const kind = type === 'shell' || type === 'task' ? type : 'other';
  return {
    kind,
    text: kind === 'task' ? words(metadata['prompt']) : command.command,
    title: command.title,
    timing: { frequency_minutes: command.frequency_minutes, cron: command.cron, timezone: command.timezone },
    agent: words(metadata['agent']) || null,
    maxMinutes: command.max_runtime_minutes,
    catchUp: command.catch_up,
    metadata,
  };
}

/** What people see of it. */
export const titleOf = ({ title, text }: Draft): string => title ?? cut(text.trim().replace(/\s+/g, ' '), 60);

/** Fields of the command; a field that a person did not touch in an edit stays as it is. */
export function patchOf(draft: Draft, before: Draft | null = null): CommandPatch {
  const { kind, text, timing, agent, maxMinutes, catchUp } = draft;
  const { agent: _agent, prompt: _prompt, ...rest } = draft.metadata;
  const timed: CommandPatch =
    timing.cron === null
      ? { frequency_minutes: timing.frequency_minutes }
      : { cron: timing.cron, timezone: timing.timezone };
  const patch: CommandPatch = {
    title: titleOf(draft),
    ...(kind === 'shell' ? { command: text } : {}),
    ...(kind === 'task'
      ? {
          metadata: { ...rest, prompt: text, ...(agent === null ? {} : { agent }) },
          ...(before ? {} : { type: 'task' }),
        }
      : {}),
    ...timed,
    max_runtime_minutes: maxMinutes,
    catch_up: catchUp,
  };
  if (before === null) return patch;
  const old = patchOf(before) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(patch).filter(([key, value]) => JSON.stringify(old[key]) !== JSON.stringify(value)),
  );
}

/** An id from the title that is not taken. */
export function idOf(title: string, taken: ReadonlySet<string>): string {
  const base =
    title
      .normalize('NFKD')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 40)
      .replace(/^-+|-+$/g, '') || 'command';
  for (let n = 1; ; n++) {
    const id = n === 1 ? base : `${base}-${n}`;
    if (!taken.has(id)) return id;
  }
}

export type Field = 'title' | 'text' | 'when' | 'zone' | 'agent' | 'longest' | 'missed';

export interface FieldRow {
  field: Field;
  icon: string;
  label: string;
  value: string;
}

/** What can be changed about it, with what it is now. */
export function fieldRows(draft: Draft): FieldRow[] {
  const { kind, timing } = draft;
  const words = timingWords(timing);
  const when = timing.cron !== null && words !== timing.cron ? `${words} (${timing.cron})` : words;
  const rows: (FieldRow | null)[] = [
    kind === 'other'
      ? null
      : kind === 'shell'
        ? { field: 'text', icon: 'terminal', label: 'Command', value: draft.text }
        : { field: 'text', icon: 'hubot', label: 'Task', value: draft.text },
    { field: 'title', icon: 'tag', label: 'Title', value: titleOf(draft) },
    { field: 'when', icon: 'calendar', label: 'When', value: when },
    timing.cron === null
      ? null
      : {
          field: 'zone',
          icon: 'globe',
          label: 'Time Zone',
          value: timing.timezone ?? `${machineZone()} (this machine)`,
        },
    kind === 'task' ? { field: 'agent', icon: 'robot', label: 'Agent', value: draft.agent ?? 'default' } : null,
    kind === 'shell'
      ? {
          field: 'longest',
          icon: 'watch',
          label: 'Time Limit',
          value: draft.maxMinutes === null ? 'default' : `${draft.maxMinutes} min`,
        }
      : null,
    {
      field: 'missed',
      icon: 'history',
      label: 'Missed Runs',
      value: draft.catchUp ? 'run once when possible' : 'skipped',
    },
  ];
  return rows.filter((row) => row !== null);
}
