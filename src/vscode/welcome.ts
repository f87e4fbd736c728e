/** What the empty Tasks view says. Looks only while it is looked at, and makes nothing. */
import * as vscode from 'vscode';
import { coalesce } from '../tasks/coalesce.ts';
import { CONTEXT_KEYS, type Welcome } from './commandTable.ts';
import type { Folders } from './folders.ts';
import type { Overview } from './overview.ts';

export function createWelcome(
  folders: Folders,
  overview: Overview,
  view: vscode.TreeView<string>,
  onError: (error: unknown) => void,
): vscode.Disposable {
  let said: Welcome | undefined;
  let needs = false;

  const say = (welcome: Welcome): void => {
    if (said === welcome) return;
    said = welcome;
    void vscode.commands.executeCommand('setContext', CONTEXT_KEYS.welcome, welcome);
  };
  const look = coalesce(async () => {
    if (!view.visible || !vscode.workspace.isTrusted) return;
    try {
      if (!hasTasks(overview) && said === undefined) say('loading');
      await folders.wake();
      say(hasTasks(overview) ? '' : await decide(folders));
    } catch (error) {
      say('failed');
      onError(error);
    }
  });
  const subscriptions = [
    view.onDidChangeVisibility(() => void look()),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void look()),
    vscode.workspace.onDidChangeWorkspaceFolders(() => void look()),
    vscode.window.onDidChangeWindowState((state) => {
      if (state.focused && !hasTasks(overview)) void look();
    }),
    overview.onDidChange(() => {
      const layout = overview.layout();
      if (needs !== layout.counts.has('group:needs')) {
        needs = !needs;
        void vscode.commands.executeCommand('setContext', CONTEXT_KEYS.needsPerson, needs);
      }
      if (hasTasks(overview)) say('');
      else if (said === '' || said === 'noGit') void look();
    }),
  ];
  void look();
  return {
    dispose() {
      for (const subscription of subscriptions) subscription.dispose();
    },
  };
}

const hasTasks = (overview: Overview): boolean => !overview.tasks()[Symbol.iterator]().next().done;

/** With several folders one that works is enough. */
async function decide(folders: Folders): Promise<Welcome> {
  const all = folders.all();
  if (all.length > 0 && all.every((it) => it.state === 'failed')) return 'failed';
  const apps = await Promise.all(all.map((it) => it.app()));
  const usable = apps.filter((app) => app.workspace.isGit);
  if (usable.length === 0) return 'noGit';
  for (const app of usable) {
    if (app.config().values.agentCommand !== '' || (await app.agents()).some((agent) => agent.found)) return 'noTask';
  }
  return 'noAgent';
}
