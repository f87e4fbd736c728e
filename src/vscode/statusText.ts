/** What the status bar says. Pure. */
import type { GitHubState, HostInfo } from '../app/api.ts';
import { duration, escapeMarkdown } from './taskRows.ts';

export interface StatusInput {
  running: number;
  queued: number;
  needs: number;
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

export function statusText({ running, queued, needs, problems }: StatusInput): StatusText {
  const parts = [
    running > 0 ? `${running} running` : '',
    running === 0 && queued > 0 ? `${queued} queued` : '',
    needs > 0 ? `${needs} ${needs === 1 ? 'needs' : 'need'} you` : '',
    problems.length > 0 ? 'not working' : '',
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

const KINDS: Record<HostInfo['kind'], string> = {
  vscode: 'Editor window',
  cli: 'Command line',
  daemon: 'Daemon',
  carrier: 'Task',
};

/** Who we are on GitHub and what is left of the hour, for the tooltip. */
export function githubLines(states: readonly (GitHubState | null)[], now: number): string[] {
  const lines = states.flatMap((state) => {
    if (!state) return [];
    const { identity, login, budget, lacks } = state;
    const left = budget
      ? `, ${budget.remaining} of ${budget.limit} requests left for ${duration(budget.resetsAt - now)}`
      : '';
    return [
      `$(github) ${escapeMarkdown(`${login ?? 'GitHub'} by ${identity}${left}`)}`,
      ...(lacks.length > 0 ? [`$(warning) ${escapeMarkdown(`Not visible on GitHub: ${lacks.join(', ')}`)}`] : []),
    ];
  });
  return [...new Set(lines)];
}

/** The tooltip, as markdown. `now` in ms since the epoch. */
export function statusTooltip(
  input: StatusInput,
  hosts: readonly HostInfo[],
  notices: readonly string[],
  now: number,
  more: readonly string[] = [],
): string {
  const { running, queued, needs, problems } = input;
  const counts = [`${running} running`, `${queued} queued`, `${needs} waiting for you`].join(' · ');
  const beats = hosts
    .filter((host) => host.live)
    .map((host) => `- ${KINDS[host.kind]} ${host.pid}, beat ${duration(now - host.lastBeat)} ago`);
  return [
    `**AMPA** ${counts}`,
    ...problems.map((problem) => `$(warning) ${escapeMarkdown(problem)}`),
    ...(beats.length > 0 ? [`Working on this folder:\n\n${beats.join('\n')}`] : []),
    ...more,
    ...notices.map((notice) => `$(info) ${escapeMarkdown(notice)}`),
  ].join('\n\n');
}
