/** What a row of the Tasks tree says. Pure. */
import type { OpenPrompt } from '../conversations/prompt.ts';
import { waitingFor } from '../tasks/capabilities.ts';
import { reasonText } from '../tasks/reasons.ts';
import { isActive, type Attempt, type Check, type CheckState, type Phase, type Task } from '../tasks/task.ts';
import { CHECK_STATES } from '../webview/attempts.ts';
import { dateTime } from '../webview/clock.ts';
import { duration } from '../webview/duration.ts';
import { money } from '../webview/money.ts';
import { tokensOf, type Group, type Token } from './abilities.ts';

export interface Row {
  label: string;
  description: string;
  icon: { id: string; color?: string } | null;
  tokens: readonly Token[];
  /** Markdown; texts of others are escaped. */
  tooltip: string;
  collapsible: 'none' | 'collapsed' | 'expanded';
  /** What a screen reader says in place of label and description. */
  spoken?: string;
  /** Command that a click runs, with the row's element. */
  command: string | null;
}

const GROUPS: Record<Group, string> = { needs: 'Needs you', running: 'Running', queued: 'Queued', done: 'Done' };
/** In a row, which is narrow, and in a sentence. */
const PHASES: Record<Phase, { word: string; sentence: string }> = {
  preparing: { word: 'preparing', sentence: 'Its worktree is being prepared.' },
  agent: { word: 'agent', sentence: 'The agent is at work.' },
  committing: { word: 'committing', sentence: 'The work is being committed.' },
  pushing: { word: 'pushing', sentence: 'The branch is being pushed.' },
  opening_pr: { word: 'opening PR', sentence: 'The pull request is being opened.' },
  checks: { word: 'checks', sentence: 'The checks are running.' },
};

/** Where a reason's own name would not say it. */
const REASON_WORDS: Partial<Record<string, string>> = {
  internal: 'AMPA failed',
  max_attempts: 'still red',
  agent_auth: 'not signed in',
  push_auth: 'push refused',
  budget_time: 'out of time',
  budget_cost: 'too expensive',
};

/** What a task does or how it ended, in two or three words; what it waits for, in some more. */
export function stateWords(task: Task, asks: boolean): string {
  if (asks) return 'has a question';
  if (task.merged_at) return 'merged';
  const waiting = waitingFor(task);
  if (waiting) return waiting.text;
  switch (task.status) {
    case 'queued':
      return 'waiting';
    case 'running':
      return task.phase ? PHASES[task.phase].word : 'starting';
    case 'retrying':
      return 'fixing';
    case 'success':
      return 'green';
    case 'aborted':
      return 'aborted';
    case 'needs_review':
    case 'error':
      return REASON_WORDS[task.reason ?? ''] ?? (task.reason ?? task.status).replaceAll('_', ' ');
  }
}

const WISHES: Partial<Record<string, string>> = {
  execute: 'wants to run',
  edit: 'wants to edit',
  delete: 'wants to delete',
  move: 'wants to move',
  read: 'wants to read',
  search: 'wants to search',
  fetch: 'wants to fetch',
};

/** What an agent asks for, after its task's title: "wants to run: npm install". */
export const wishOf = (prompt: Pick<OpenPrompt, 'kind' | 'summary'>): string =>
  `${WISHES[prompt.kind] ?? 'asks'}: ${prompt.summary}`;

/** The same as a sentence, with what a person can do. `question`: the open one, as `wishOf` says it. */
export function stateSentence(task: Task, question: string | null): string {
  if (question !== null) return `The agent ${question}`;
  if (task.merged_at) return `Merged into ${task.base ?? 'its base'}.`;
  const waiting = waitingFor(task);
  if (waiting) return `W${waiting.text.slice(1)}. ${waiting.hint}`;
  switch (task.status) {
    case 'queued':
      return 'Waits for a free slot.';
    case 'running':
      return task.phase ? PHASES[task.phase].sentence : 'It is being started.';
    case 'retrying':
      return 'The checks were red; the agent is fixing them.';
    case 'success':
      return 'The checks are green.';
    case 'aborted':
    case 'needs_review':
    case 'error': {
      const { sentence, hint } = reasonText(task.reason ?? task.status);
      return hint ? `${sentence} ${hint}` : sentence;
    }
  }
}

export function taskIcon(task: Task, asks: boolean): NonNullable<Row['icon']> {
  if (asks) return { id: 'question', color: 'problemsWarningIcon.foreground' };
  if (task.merged_at) return { id: 'git-merge', color: 'charts.purple' };
  switch (task.status) {
    case 'queued':
      return { id: 'clock', color: 'descriptionForeground' };
    case 'running':
    case 'retrying':
      return { id: 'sync~spin', color: 'charts.blue' };
    case 'success':
      return { id: 'pass', color: 'testing.iconPassed' };
    case 'aborted':
      return { id: 'circle-slash', color: 'descriptionForeground' };
    case 'needs_review':
      return { id: 'warning', color: 'problemsWarningIcon.foreground' };
    case 'error':
      return { id: 'error', color: 'problemsErrorIcon.foreground' };
  }
}

/** Attempts as `2/3`; before the first turn nothing is known to count. */
const attemptsOf = (task: Task): string => (task.attempts === 0 ? '' : `${task.attempts}/${task.max_attempts}`);

const attemptWords = (task: Task): string =>
  task.attempts === 0 ? '' : `attempt ${task.attempts} of ${task.max_attempts}`;

/** A question that belongs to no task: of a script. */
export function questionRow(prompt: OpenPrompt, folder: string | null): Row {
  return {
    label: prompt.summary,
    description: [prompt.work_item ?? prompt.session, folder].filter(Boolean).join(' · '),
    icon: { id: 'question', color: 'problemsWarningIcon.foreground' },
    tokens: ['question', 'asks'],
    tooltip: [`**${escapeMarkdown(prompt.session)}** asks`, escapeMarkdown(prompt.prompt_text.slice(0, 1000))].join(
      '\n\n',
    ),
    collapsible: 'none',
    command: 'ampa.answerTask',
  };
}

export function taskRow(task: Task, question: string | null, folder: string | null): Row {
  const asks = question !== null;
  return {
    label: task.title,
    description: [stateWords(task, asks), attemptsOf(task), task.agent, folder].filter(Boolean).join(' · '),
    spoken: [task.title, stateWords(task, asks), attemptWords(task), task.agent, folder].filter(Boolean).join(', '),
    icon: taskIcon(task, asks),
    tokens: tokensOf(task, asks),
    tooltip: taskTooltip(task, question),
    collapsible: task.attempts > 0 ? 'collapsed' : 'none',
    command: 'ampa.showTask',
  };
}

function taskTooltip(task: Task, question: string | null): string {
  const facts: [string, string | null][] = [
    ['Agent', task.agent],
    ['Attempts', attemptsOf(task)],
    ['Branch', `${task.branch}${task.base ? ` from ${task.base}` : ''}`],
    [
      'Checks',
      task.checks.provider === 'local' ? task.checks.command : task.checks.provider === 'none' ? 'none' : 'GitHub',
    ],
    ['Pull request', task.pr_number === null ? null : `#${task.pr_number}`],
    ['Cost', task.cost_usd === null ? null : money(task.cost_usd)],
    ['Started', dateTime(Date.parse(task.created_at))],
    ['Ended', isActive(task.status) ? null : dateTime(Date.parse(task.merged_at ?? task.updated_at))],
    ['Look at', task.flags.length > 0 ? task.flags.join(', ') : null],
  ];
  return [
    `**${escapeMarkdown(task.title)}**`,
    escapeMarkdown(stateSentence(task, question)),
    ...(task.reason_detail && question === null ? [escapeMarkdown(cut(task.reason_detail, 400))] : []),
    facts
      .filter(([, value]) => value)
      .map(([name, value]) => `${name}: ${escapeMarkdown(value ?? '')}`)
      .join('  \n'),
    ...(task.summary ? ['---', escapeMarkdown(cut(task.summary, 400))] : []),
  ].join('\n\n');
}

export function groupRow(group: Group, count: number): Row {
  return plain(GROUPS[group], String(count), 'expanded', ['group']);
}

/** Today is open; the other days are folded away. */
export function dayRow(day: string, count: number, today: string, yesterday: string): Row {
  const label = day === today ? 'Today' : day === yesterday ? 'Yesterday' : longDay(day);
  return plain(label, String(count), day === today ? 'expanded' : 'collapsed', ['day']);
}

/** "Tue 13 Jan 2026"; the calendar day is what counts, not the hour. */
const longDay = (day: string): string =>
  new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' })
    .format(new Date(`${day}T12:00:00`))
    .replace(/^(\w+),/, '$1');

export function moreRow(left: number): Row {
  return {
    ...plain(`Show more (${left} left)`, '', 'none', ['more']),
    icon: { id: 'ellipsis' },
    command: 'ampa.showMore',
  };
}

/** Rows below a task. The last attempt is open: it is the one that people look for. */
export function attemptRow(attempt: Attempt, task: Task, last: boolean, now: number): Row {
  const running = attempt.ended_at === null && last && task.phase === 'agent';
  const outcome = attempt.outcome ?? (running ? 'running' : 'interrupted');
  const icons: Record<string, NonNullable<Row['icon']>> = {
    running: { id: 'sync~spin', color: 'charts.blue' },
    completed: { id: 'pass' },
    failed: { id: 'error', color: 'problemsErrorIcon.foreground' },
    stalled: { id: 'watch', color: 'problemsWarningIcon.foreground' },
    cancelled: { id: 'circle-slash' },
    interrupted: { id: 'debug-disconnect' },
  };
  const time = attempt.ended_at ? duration(Date.parse(attempt.ended_at) - Date.parse(attempt.started_at)) : '';
  return {
    label: `Attempt ${attempt.number}`,
    description: [outcome === 'completed' ? 'agent finished' : `agent ${outcome}`, time].filter(Boolean).join(' · '),
    icon: icons[outcome] ?? null,
    tokens: ['attempt', 'hasLog'],
    tooltip: [
      `**Attempt ${attempt.number}**, started ${escapeMarkdown(dateTime(Date.parse(attempt.started_at)))}` +
        (running ? `, running for ${duration(now - Date.parse(attempt.started_at))}` : ''),
      ...(attempt.error ? [escapeMarkdown(cut(attempt.error, 400))] : []),
      ...(attempt.summary ? [escapeMarkdown(cut(attempt.summary, 400))] : []),
    ].join('\n\n'),
    collapsible: last ? 'expanded' : 'collapsed',
    command: null,
  };
}

const CHECK_ICONS: Record<CheckState, NonNullable<Row['icon']>> = {
  queued: { id: 'clock' },
  running: { id: 'sync~spin', color: 'charts.blue' },
  success: { id: 'pass', color: 'testing.iconPassed' },
  failure: { id: 'error', color: 'testing.iconFailed' },
  timed_out: { id: 'error', color: 'testing.iconFailed' },
  cancelled: { id: 'circle-slash' },
  stale: { id: 'circle-slash' },
  action_required: { id: 'warning', color: 'problemsWarningIcon.foreground' },
  startup_failure: { id: 'warning', color: 'problemsWarningIcon.foreground' },
  skipped: { id: 'debug-step-over' },
  neutral: { id: 'circle-outline' },
};

export function checkRow(check: Check): Row {
  const words = CHECK_STATES[check.state].label;
  const time =
    check.started_at && check.ended_at ? duration(Date.parse(check.ended_at) - Date.parse(check.started_at)) : '';
  return {
    label: check.name,
    description: [words, time].filter(Boolean).join(' · '),
    icon: CHECK_ICONS[check.state],
    tokens: ['check', ...(check.log_path || check.url ? (['hasLog'] as const) : [])],
    tooltip: [
      `**${escapeMarkdown(check.name)}** ${words}`,
      ...(check.excerpt ? [code(cut(check.excerpt, 1500))] : []),
    ].join('\n\n'),
    collapsible: 'none',
    command: 'ampa.showCheck',
  };
}

export const logRow = (): Row => ({
  ...plain('Log', '', 'none', ['log', 'hasLog']),
  icon: { id: 'output' },
  command: 'ampa.showLog',
});

export const diffRow = (): Row => ({
  ...plain('Changes', '', 'none', ['diff', 'hasDiff']),
  icon: { id: 'diff-multiple' },
  command: 'ampa.showDiff',
});

const plain = (label: string, description: string, collapsible: Row['collapsible'], tokens: Token[]): Row => ({
  label,
  description,
  collapsible,
  tokens,
  icon: null,
  tooltip: '',
  command: null,
});

export const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1).trimEnd()}…`;

/** Makes a text of somebody else's show as itself. */
export const escapeMarkdown = (text: string): string =>
  text
    .replace(/[\\`*_{}[\]()#+\-!|<>~&$]/g, (char) => (char === '<' ? '&lt;' : char === '&' ? '&amp;' : `\\${char}`))
    .replace(/\r?\n/g, '  \n');

/** A fence that nothing inside can close. */
function code(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}
