import type { RunReport, ScheduledCommand } from '../app/scheduleApi.ts';
import type { Simulation } from '../scheduler/simulate.ts';
import { ago, columns, type Paint } from './render.ts';

const RESULT_STYLE = {
  succeeded: 'green',
  failed: 'red',
  timed_out: 'red',
  interrupted: 'yellow',
  skipped: 'gray',
  running: 'cyan',
} as const;

/** `in 5m`, `now`, `3m late`. */
function dueText(command: ScheduledCommand, now: number): string {
  if (command.next_due === null) return '';
  const seconds = Math.round((Date.parse(command.next_due) - now) / 1000);
  const size = Math.abs(seconds);
  const unit =
    size < 60
      ? `${size}s`
      : size < 3600
        ? `${Math.floor(size / 60)}m`
        : size < 48 * 3600
          ? `${Math.floor(size / 3600)}h`
          : `${Math.floor(size / 86_400)}d`;
  return size < 1 ? 'now' : seconds > 0 ? `in ${unit}` : `${unit} late`;
}

const waits = (command: ScheduledCommand): string | null =>
  command.waits_for === null ? null : `waits for ${command.waits_for}`;

const resultText = (run: Pick<RunReport, 'status' | 'exit_code'>): string =>
  run.status === 'failed' && run.exit_code !== null ? `failed (${run.exit_code})` : run.status.replace('_', ' ');

export function scheduleTable(commands: readonly ScheduledCommand[], now: number, paint: Paint): string {
  const head = ['id', 'title', 'every', 'last run', 'next due', 'result'];
  const rows = commands.map((command) => {
    const off = command.unsupported ?? (command.enabled ? waits(command) : 'off');
    const result =
      command.last_status === null
        ? { text: '' }
        : {
            text: resultText({ status: command.last_status, exit_code: command.last_exit_code }),
            style: RESULT_STYLE[command.last_status],
          };
    return [
      { text: command.id, style: 'bold' as const },
      { text: command.title === command.id ? '' : command.title },
      { text: command.every.replace(/^every /, '') },
      { text: command.last_run === null ? '' : ago(command.last_run, now), style: 'gray' as const },
      off === null ? { text: dueText(command, now) } : { text: off, style: 'gray' as const },
      result,
    ];
  });
  const notes = commands.filter((command) => command.note !== null).map((command) => `${command.id}: ${command.note}`);
  const table = columns([head.map((text) => ({ text, style: 'gray' as const })), ...rows], paint);
  return [table, ...notes].join('\n');
}

/** `ID  OK  1.234s`, `ID  FAIL(2)  0.100s`. */
export function runLine(run: RunReport): string {
  const verdict =
    run.status === 'succeeded' ? 'OK' : run.status === 'skipped' ? 'SKIPPED' : `FAIL(${run.exit_code ?? run.status})`;
  return `${run.id}  ${verdict}  ${(run.duration_seconds ?? 0).toFixed(3)}s`;
}

export function runText(run: RunReport, format: 'concise' | 'normal' | 'full' | 'raw', paint: Paint): string {
  if (format === 'raw') return run.output;
  if (format === 'concise') return runLine(run);
  const title = run.name === run.id ? run.id : `${run.id}: ${run.name}`;
  const head = `${paint('bold', title)}\n${paint(RESULT_STYLE[run.status], resultText(run))} after ${(run.duration_seconds ?? 0).toFixed(3)}s, started ${run.started_at}`;
  const lines = run.output.replace(/\n$/, '').split('\n');
  if (run.output === '') return head;
  const shown = format === 'full' ? lines : lines.slice(-20);
  const left = lines.length - shown.length;
  return [head, '', ...(left > 0 ? [paint('gray', `… ${left} lines before (-F full)`)] : []), ...shown].join('\n');
}

export const runsText = (runs: readonly RunReport[], now: number, paint: Paint): string =>
  runs
    .map((run) => {
      const lines = run.output.replace(/\n$/, '').split('\n').slice(-5);
      const output = run.output === '' ? [] : lines.map((line) => `  ${line}`);
      const took = run.duration_seconds === null ? '' : ` after ${run.duration_seconds.toFixed(3)}s`;
      return [
        `${paint('gray', run.started_at)}  ${paint(RESULT_STYLE[run.status], resultText(run))}${took}, ${ago(run.started_at, now)}`,
        ...output,
      ].join('\n');
    })
    .join('\n');

/** For each command its starts and their gaps, and a line in which each column is a part of the time. */
export function timelineText({ observed, starts }: Simulation, hours: number): string {
  const width = 60;
  const ids = Object.keys(observed);
  if (ids.length === 0) return 'Nothing is scheduled.';
  const longest = Math.max(...ids.map((id) => id.length));
  const lines = ids.map((id) => {
    const line = Array.from({ length: width }, () => '·');
    for (const start of starts)
      if (start.id === id) line[Math.min(width - 1, Math.floor((start.at / (hours * 3600)) * width))] = '█';
    const gaps = observed[id] ?? [];
    const mean = gaps.length === 0 ? '' : `, every ${Math.round(gaps.reduce((a, b) => a + b, 0) / gaps.length)} s`;
    return `${id.padEnd(longest)}  ${line.join('')}  ${gaps.length} starts${mean}`;
  });
  return [`${' '.repeat(longest)}  0 h${' '.repeat(width - 3 - `${hours} h`.length)}${hours} h`, ...lines].join('\n');
}
