/** The status bar item. */
import * as vscode from 'vscode';
import type { GitHubState, HostInfo } from '../app/api.ts';
import { describeError } from '../errors.ts';
import type { CommandId } from './commandTable.ts';
import type { Folders } from './folders.ts';
import type { Overview } from './overview.ts';
import { elementId } from './tasksModel.ts';
import { githubLines, statusText, statusTooltip, type StatusInput } from './statusText.ts';
import type { Group } from './abilities.ts';

/** As often as hosts beat. */
const REFRESH_MS = 15_000;

export function createStatusBar(
  folders: Folders,
  overview: Overview,
  notices: () => readonly string[],
  onError: (error: unknown) => void,
): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('ampa.status', vscode.StatusBarAlignment.Left, 10);
  item.name = 'AMPA';
  item.command = 'ampa.whatNow' satisfies CommandId;
  let hosts: HostInfo[] = [];
  let github: (GitHubState | null)[] = [];
  let timer: NodeJS.Timeout | undefined;

  const input = (): StatusInput => {
    const count = (group: Group): number => overview.layout().counts.get(elementId({ kind: 'group', group })) ?? 0;
    return { running: count('running'), queued: count('queued'), needs: count('needs'), problems: problems() };
  };
  const problems = (): string[] => {
    const broken = folders
      .all()
      .filter((it) => it.state === 'failed' || it.state === 'readonly')
      .map((it) => `${it.name}: ${describeError(it.error)}`);
    const stalled = hosts.some((host) => host.kind === 'vscode' && host.pid === process.pid && !host.live);
    return stalled ? [...broken, 'The engine of this window has stalled: its last beat is too old.'] : broken;
  };
  const draw = (): void => {
    const now = input();
    const { text, warning, label } = statusText(now);
    item.text = text;
    item.backgroundColor = warning ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    item.accessibilityInformation = { label, role: 'button' };
    const more = githubLines(github, Date.now());
    item.tooltip = new vscode.MarkdownString(statusTooltip(now, hosts, notices(), Date.now(), more), true);
  };
  const running = () => folders.all().filter((it) => it.state === 'running');
  /** Only while an engine runs: a guest room has no timer. */
  const refresh = async (): Promise<void> => {
    timer = undefined;
    try {
      const lists = await Promise.all(running().map(async (folder) => (await folder.app()).hosts()));
      hosts = lists.flat();
      github = await Promise.all(running().map(async (folder) => (await folder.app()).github()));
      draw();
    } catch (error) {
      onError(error);
    }
    schedule(REFRESH_MS);
  };
  const schedule = (ms: number): void => {
    if (timer === undefined && running().length > 0) timer = setTimeout(() => void refresh(), ms);
  };
  const subscriptions = [
    item,
    overview.onDidChange(() => {
      draw();
      schedule(500);
    }),
  ];
  draw();
  item.show();
  return {
    dispose() {
      clearTimeout(timer);
      for (const subscription of subscriptions) subscription.dispose();
    },
  };
}
