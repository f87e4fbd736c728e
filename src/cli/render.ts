import { styleText } from 'node:util';
import type { CleanReport, DoctorCheck } from '../app/api.ts';
import type { Resolved } from '../config/resolve.ts';
import { KNOBS, type Knob, type KnobName } from '../config/knobs.ts';
import type { TaskDetail } from '../tasks/board.ts';
import { indent, questionText } from './question.ts';
import { waitingFor } from '../tasks/capabilities.ts';
import { reasonText } from '../tasks/reasons.ts';
import { isActive, type Status, type Task } from '../tasks/task.ts';

type Style = Parameters<typeof styleText>[0];

/** Colours text where the output is a terminal that wants them. */
export type Paint = (style: Style, text: string) => string;

/** `NO_COLOR` and pipes get plain text. */
export const painter =
  (colours: boolean): Paint =>
  (style, text) =>
    colours ? styleText(style, text, { validateStream: false }) : text;

const STATUS_STYLE: Record<Status, Style> = {
  queued: 'gray',
  running: 'cyan',
  retrying: 'yellow',
  needs_review: 'yellow',
  success: 'green',
  aborted: 'gray',
  error: 'red',
};

/** `5m`, `3h`, `2d`: how long ago, in the largest unit that fits. */
export function ago(iso: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1000));
  if (seconds < 60) return `${seconds}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h ago`;
  return `${Math.floor(seconds / 86_400)}d ago`;
}

/** Aligned columns without boxes; `plain` widths are taken before colour. */
export function columns(rows: { text: string; style?: Style }[][], paint: Paint): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.text.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => {
          const padded = i === row.length - 1 ? cell.text : cell.text.padEnd(widths[i]!);
          return cell.style ? paint(cell.style, padded) : padded;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What a task is doing or how it ended, in a few words. */
export function stateOf(task: Task): string {
  if (task.merged_at) return 'merged';
  if (isActive(task.status) && task.abort_requested_at) return 'aborting';
  const waiting = waitingFor(task);
  if (waiting) return waiting.text;
  if (task.phase) return `${task.status} (${task.phase.replace('_', ' ')})`;
  return task.reason && task.reason !== 'user' ? `${task.status} (${task.reason})` : task.status;
}

/** `asking` holds the ids of tasks that wait for an answer. */
export function taskTable(
  tasks: readonly Task[],
  asking: ReadonlySet<string | null>,
  now: number,
  paint: Paint,
): string {
  return columns(
    tasks.map((task) => [
      { text: task.id.slice(-6), style: 'bold' as const },
      asking.has(task.id)
        ? { text: 'needs you', style: 'yellow' as const }
        : { text: stateOf(task), style: STATUS_STYLE[task.status] },
      { text: `${task.attempts}/${task.max_attempts}` },
      { text: task.agent },
      { text: task.title },
      { text: ago(task.updated_at, now), style: 'gray' as const },
    ]),
    paint,
  );
}

export function taskText(
  { task, attempts, checks, events, prompts, messages }: TaskDetail,
  now: number,
  paint: Paint,
): string {
  const lines: string[] = [];
  lines.push(
    paint('bold', task.title),
    `${paint(STATUS_STYLE[task.status], stateOf(task))} · attempt ${task.attempts} of ${task.max_attempts} · ${task.agent} · ${ago(task.updated_at, now)}`,
  );
  const waiting = waitingFor(task);
  if (waiting) lines.push(paint('gray', waiting.hint));
  if (task.reason) {
    const { sentence, hint } = reasonText(task.reason);
    lines.push(
      '',
      sentence,
      ...(task.reason_detail ? task.reason_detail.split('\n').map((line) => `  ${line}`) : []),
      paint('gray', hint),
    );
  }
  lines.push(
    '',
    columns(
      [
        ['id', task.id],
        ['branch', task.branch],
        ['base', task.base ?? task.base_sha?.slice(0, 10) ?? ''],
        ['repository', task.repo],
        ['worktree', task.worktree ?? ''],
        ['check', task.checks.provider === 'local' ? task.checks.command : task.checks.provider],
        ['session', task.thread_id ?? ''],
        ['cost', task.cost_usd === null ? '' : `$${task.cost_usd.toFixed(2)}`],
        ['pull request', task.pr_url ?? ''],
        ['merged', task.merged_at ?? ''],
        ['flags', task.flags.join(', ')],
      ]
        .filter(([, value]) => value)
        .map(([name, value]) => [{ text: name!, style: 'gray' as const }, { text: value! }]),
      paint,
    ),
  );
  lines.push('', paint('bold', 'Asked'), indent(task.request));
  if (prompts.length > 0)
    lines.push('', paint('yellow', 'Waits for you'), ...prompts.map((prompt) => indent(questionText(prompt))));
  for (const attempt of attempts) {
    lines.push(
      '',
      `${paint('bold', `Attempt ${attempt.number}`)} ${attempt.outcome ?? 'under way'} · ${ago(attempt.started_at, now)}`,
    );
    if (attempt.summary) lines.push(indent(attempt.summary));
    if (attempt.error) lines.push(indent(attempt.error));
    for (const check of checks.filter((it) => it.attempt === attempt.number)) {
      lines.push(
        `  ${check.state === 'success' ? paint('green', '✓') : check.state === 'running' ? '•' : paint('red', '✗')} ${check.name} ${check.state} at ${check.sha.slice(0, 10)}`,
      );
      if (check.excerpt) lines.push(indent(check.excerpt, 4));
    }
  }
  const undelivered = messages.filter((message) => message.delivered_in === null);
  if (undelivered.length > 0)
    lines.push('', paint('bold', 'Not yet delivered'), ...undelivered.map((message) => indent(message.text)));
  if (task.summary) lines.push('', paint('bold', 'Result'), indent(task.summary));
  lines.push('', paint('bold', 'History'));
  for (const event of events) {
    lines.push(
      `  ${paint('gray', event.at)} ${event.note ?? [event.status, event.phase, event.reason].filter(Boolean).join(' ')}`,
    );
  }
  return lines.join('\n');
}

export function configText(resolved: Resolved, paint: Paint): string {
  const rows = Object.entries<Knob>(KNOBS).map(([name, knob]) => {
    const value = resolved.values[name as KnobName];
    const shown =
      knob.secret && value
        ? '********'
        : value === null || value === ''
          ? ''
          : Array.isArray(value)
            ? value.join(', ')
            : String(value);
    return [
      { text: knob.env, style: 'bold' as const },
      { text: shown },
      { text: resolved.sources[name as KnobName], style: 'gray' as const },
    ];
  });
  return columns(rows, paint);
}

export function configJson(resolved: Resolved): Record<string, { value: unknown; source: string }> {
  return Object.fromEntries(
    Object.entries<Knob>(KNOBS).map(([name, knob]) => {
      const value: unknown = resolved.values[name as KnobName];
      return [
        knob.env,
        { value: knob.secret && value ? '********' : value, source: resolved.sources[name as KnobName] },
      ];
    }),
  );
}

export const doctorText = (checks: readonly DoctorCheck[], paint: Paint): string =>
  checks
    .map(
      (check) =>
        `${check.ok ? paint('green', '✓') : paint('red', '✗')} ${paint('bold', check.name)}: ${check.detail}${check.fix ? `\n    ${paint('yellow', check.fix)}` : ''}`,
    )
    .join('\n');

export const cleanText = (report: CleanReport): string =>
  [
    `Removed ${report.worktrees} worktree${report.worktrees === 1 ? '' : 's'} and ${report.logs} log folder${report.logs === 1 ? '' : 's'}.`,
    ...report.kept.map((kept) => `Kept ${kept.id.slice(-6)}: ${kept.why}`),
  ].join('\n');
