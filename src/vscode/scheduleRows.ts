/** What a row of the Schedule tree says. Pure. */
import type { RunStatus } from '../scheduler/spec.ts';
import type { RunReport, ScheduledCommand } from '../app/scheduleApi.ts';
import { dueRow, timingWords } from './scheduleTimes.ts';
import type { Token } from './abilities.ts';
import { duration, span } from '../webview/duration.ts';

export interface ScheduleRow {
  label: string;
  description: string;
  icon: { id: string; color?: string };
  tokens: readonly Token[];
  /** Plain text. */
  tooltip: string;
}

const ICONS: Record<RunStatus, ScheduleRow['icon']> = {
  running: { id: 'sync~spin' },
  succeeded: { id: 'pass', color: 'testing.iconPassed' },
  failed: { id: 'error', color: 'testing.iconFailed' },
  timed_out: { id: 'watch', color: 'testing.iconFailed' },
  interrupted: { id: 'debug-disconnect', color: 'testing.iconQueued' },
  skipped: { id: 'debug-step-over' },
};

export const resultWords = (run: { status: RunStatus; exit_code: number | null }): string =>
  run.status === 'failed' && run.exit_code !== null ? `failed (${run.exit_code})` : run.status.replace('_', ' ');

/** When it runs next, or why it does not. */
export function dueWords(command: ScheduledCommand, now: number): string {
  if (command.unsupported !== null) return command.unsupported;
  if (!command.enabled) return 'paused';
  if (command.running) return 'running';
  if (command.waits_for !== null) return `waiting for ${command.waits_for}`;
  if (command.next_due === null) return 'never due';
  const left = Date.parse(command.next_due) - now;
  if (Math.abs(left) < 1000) return 'now';
  return left > 0 ? `in ${span(left)}` : `${span(left)} late`;
}

/** `folder`: its name, where there are several. */
export function commandRow(command: ScheduledCommand, now: number, folder: string | null): ScheduleRow {
  const { last_status: last, last_run: at } = command;
  const result =
    last === null || last === 'running' || at === null
      ? null
      : `${resultWords({ status: last, exit_code: command.last_exit_code })} ${span(now - Date.parse(at))} ago`;
  const off = command.unsupported !== null || !command.enabled;
  const tokens: Token[] = ['scheduled', command.enabled ? 'switchedOn' : 'switchedOff'];
  if (command.unsupported === null && !command.running) tokens.push('canRun');
  return {
    label: command.title,
    description: [folder, dueWords(command, now), result].filter(Boolean).join(' · '),
    icon: command.running
      ? ICONS.running
      : off
        ? { id: 'circle-slash', color: 'disabledForeground' }
        : last === null
          ? { id: 'clock' }
          : ICONS[last],
    tokens,
    tooltip: [
      command.title,
      whatWords(command),
      whenWords(command),
      nextWords(command, now),
      command.note ?? '',
      `ID: ${command.id}`,
    ]
      .filter(Boolean)
      .join('\n'),
  };
}

const whenWords = (command: ScheduledCommand): string =>
  `Runs ${[timingWords(command), command.timezone].filter(Boolean).join(', ')}`;

/** "Next: Sat 21 Nov, 02:00 (in 17 h 5 min)", where it is to run by itself. */
function nextWords(command: ScheduledCommand, now: number): string {
  if (command.next_due === null || !command.enabled || command.unsupported !== null) return '';
  const { label, description } = dueRow(command.next_due, now, command.timezone);
  return `Next: ${label} (${description})`;
}
/** What it does: shell text, or what the agent is asked. */
function whatWords({ type, command, metadata }: ScheduledCommand): string {
  if (type !== 'task') return command === '' ? '' : `Command: ${command}`;
  return typeof metadata['prompt'] === 'string' ? `Task: ${metadata['prompt']}` : '';
}

export function runRow(run: RunReport, now: number): ScheduleRow {
  const took = run.duration_seconds === null ? '' : `after ${duration(run.duration_seconds * 1000)}`;
  return {
    label: `${span(now - Date.parse(run.started_at))} ago`,
    description: [resultWords(run), took].filter(Boolean).join(' '),
    icon: ICONS[run.status],
    tokens: ['scheduledRun'],
    tooltip: [startWords(run.started_at), run.output.slice(-1000)].filter(Boolean).join('\n'),
  };
}

/** "Fri 20 Nov 2026, 09:41:40", on this machine's clock. */
const startWords = (iso: string): string =>
  new Intl.DateTimeFormat('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  })
    .format(new Date(iso))
    .replace(', ', ' ');

/** The last runs with their output, as a page. */
export function historyPage(command: string, runs: readonly RunReport[]): string {
  const parts = runs.map((run) => {
    const longest = Math.max(2, ...[...run.output.matchAll(/`+/g)].map(([ticks]) => ticks.length));
    const fence = '`'.repeat(longest + 1);
    const took = run.duration_seconds === null ? '' : ` after ${run.duration_seconds.toFixed(3)} s`;
    const head = `## ${startWords(run.started_at)}: ${resultWords(run)}${took}`;
    return run.output === '' ? head : `${head}\n\n${fence}text\n${run.output.replace(/\n$/, '')}\n${fence}`;
  });
  const title = `# Runs of ${command.replace(/[\\`*_<>[\]#]/g, '\\$&')}`;
  return [title, ...(parts.length > 0 ? parts : ['It has not run yet.'])].join('\n\n');
}
