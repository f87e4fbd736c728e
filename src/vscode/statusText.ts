/** What the status bar says. Pure: each part of the tooltip is a function of its own. */
import type { HostInfo } from '../app/hosts.ts';
import type { ChannelInfo, GitHubState } from '../app/api.ts';
import { dueWords, resultWords } from './scheduleRows.ts';
import { duration, span } from '../webview/duration.ts';
import { escapeMarkdown } from './taskRows.ts';
import type { ScheduledCommand } from '../app/scheduleApi.ts';

export interface StatusInput {
  running: number;
  queued: number;
  needs: number;
  /** What each engine waits for that is being started. */
  starting: readonly string[];
  /** The engine cannot do its work: one sentence for each reason. */
  problems: readonly string[];
}

export interface StatusText {
  text: string;
  /** Only where a person is needed or the engine does not work. */
  warning: boolean;
  /** For screen readers, without icons. */
  label: string;
}

export function statusText({ running, queued, needs, starting, problems }: StatusInput): StatusText {
  const parts = [
    running > 0 ? `${running} running` : '',
    running === 0 && queued > 0 ? `${queued} queued` : '',
    needs > 0 ? `${needs} ${needs === 1 ? 'needs' : 'need'} you` : '',
    problems.length > 0 ? 'not working' : starting.length > 0 ? 'starting' : '',
  ].filter(Boolean);
  const icon =
    problems.length > 0 ? '$(warning)' : running > 0 ? '$(sync~spin)' : needs > 0 ? '$(bell-dot)' : '$(pulse)';
  const said = parts.join(' · ');
  return {
    text: `${icon} ${said === '' || (running === 0 && needs === 0) ? ['AMPA', said].filter(Boolean).join(' ') : said}`,
    warning: needs > 0 || problems.length > 0,
    label: `AMPA: ${said || 'idle'}`,
  };
}

/** A way out of the editor that does not take what it is given. */
export interface FailingChannel {
  title: string;
  error: string;
}

/** Those that are set up and fail. */
export const failingChannels = (channels: readonly ChannelInfo[]): FailingChannel[] =>
  channels.flatMap(({ configured, state, title, error, depth }) => {
    if (!configured || state === 'ok') return [];
    const waiting = depth > 0 ? ` (${depth} ${depth === 1 ? 'message waits' : 'messages wait'})` : '';
    return [{ title, error: `${error ?? 'it fails'}${waiting}` }];
  });

export interface StatusDetails extends StatusInput {
  hosts: readonly HostInfo[];
  commands: readonly ScheduledCommand[];
  channels: readonly FailingChannel[];
  /** Lines of other parts, as markdown. */
  more: readonly string[];
  notices: readonly string[];
  /** ms since the epoch. */
  now: number;
}

/** The tooltip, as markdown. */
export const statusTooltip = (it: StatusDetails): string =>
  [
    countsLine(it),
    ...it.problems.map(warningLine),
    ...it.starting.map(startingLine),
    hostLines(it.hosts, it.now),
    nextLine(it.commands, it.now),
    failingLine(it.commands),
    ...it.channels.map(channelLine),
    ...new Set(it.more),
    ...[...new Set(it.notices)].slice(-MAX_NOTICES).map(noticeLine),
  ]
    .filter((line) => line !== null)
    .join('\n\n');

const countsLine = ({ running, queued, needs }: StatusInput): string =>
  `**AMPA** ${[`${running} running`, `${queued} queued`, `${needs} waiting for you`].join(' · ')}`;

/** The newest say the most. */
const MAX_NOTICES = 3;

const warningLine = (problem: string): string => `$(warning) ${escapeMarkdown(problem)}`;
const startingLine = (waitsFor: string): string => `$(watch) Starting: it waits for ${escapeMarkdown(waitsFor)}`;
const noticeLine = (notice: string): string => `$(info) ${escapeMarkdown(notice)}`;

const KINDS: Record<HostInfo['kind'], string> = {
  vscode: 'Editor window',
  cli: 'Command line',
  daemon: 'Daemon',
  carrier: 'Task',
};

/** Who we are on GitHub, what is left of the hour, and what is not visible. */
export function githubLines(state: GitHubState | null, now: number): string[] {
  if (!state) return [];
  const { identity, login, budget, lacks } = state;
  const left = budget
    ? `; ${budget.remaining.toLocaleString('en')} of ${budget.limit.toLocaleString('en')} requests left, more in ${duration(budget.resetsAt - now)}`
    : '';
  return [
    `$(github) ${escapeMarkdown(`GitHub: ${login === null ? identity : `${login}, by ${identity}`}${left}`)}`,
    ...(lacks.length > 0 ? [warningLine(`Not visible on GitHub: ${lacks.join(', ')}`)] : []),
  ];
}

/** A host that is gone is news for so long, ms. */
const GONE_NEWS_MS = 600_000;

/** Who works on the folder, and the last sign of life of each; a daemon that went without a word, too. */
function hostLines(hosts: readonly HostInfo[], now: number): string | null {
  const named = ({ kind, pid, lastBeat }: HostInfo): string =>
    `${KINDS[kind]} (process ${pid}), last seen ${span(now - lastBeat)} ago`;
  const live = hosts.filter((host) => host.live).map((host) => `- ${named(host)}`);
  const gone = hosts
    .filter((host) => !host.live && host.kind === 'daemon' && now - host.lastBeat < GONE_NEWS_MS)
    .map(named);
  const parts = [
    live.length > 0 ? `Working on this folder:\n\n${live.join('\n')}` : '',
    gone.length > 0 ? `$(debug-disconnect) Stopped responding: ${gone.join('; ')}` : '',
  ].filter(Boolean);
  return parts.length > 0 ? parts.join('\n\n') : null;
}

/** The scheduled command that is due first, running ones aside. */
function nextLine(commands: readonly ScheduledCommand[], now: number): string | null {
  const running = commands.filter((it) => it.running).map((it) => `${escapeMarkdown(it.title)} is running`);
  const [next] = commands
    .filter((it) => it.next_due !== null && it.enabled && !it.running && it.waits_for === null)
    .toSorted((a, b) => Date.parse(a.next_due ?? '') - Date.parse(b.next_due ?? ''));
  const due = next ? `next: ${escapeMarkdown(next.title)} ${dueWords(next, now)}` : '';
  const said = [...running.slice(0, 3), due].filter(Boolean).join('; ');
  return said === '' ? null : `$(clock) ${said[0]?.toUpperCase()}${said.slice(1)}`;
}

/** How many failing commands are named. */
const MAX_FAILING = 3;

/** Scheduled commands whose last run failed: they fail outside of office hours, and nobody asks them. */
function failingLine(commands: readonly ScheduledCommand[]): string | null {
  const failing = commands.filter(
    ({ enabled, last_status }) => enabled && (last_status === 'failed' || last_status === 'timed_out'),
  );
  if (failing.length === 0) return null;
  const named = failing
    .slice(0, MAX_FAILING)
    .map((it) =>
      escapeMarkdown(`${it.title} ${resultWords({ status: it.last_status!, exit_code: it.last_exit_code })}`),
    );
  const more = failing.length > MAX_FAILING ? [`${failing.length - MAX_FAILING} more`] : [];
  return `$(error) In the schedule: ${[...named, ...more].join(', ')}`;
}

const channelLine = ({ title, error }: FailingChannel): string =>
  `$(bell-slash) ${escapeMarkdown(title)}: ${escapeMarkdown(error)}`;
