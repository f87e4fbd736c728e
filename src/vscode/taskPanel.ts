/** Task pages: one panel for each task. Nothing is read for a page that is hidden. */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { App } from '../app/api.ts';
import { AmpaError, describeError, notFound } from '../errors.ts';
import type { Action, HostMessage, PageMessage } from '../webview/protocol.ts';
import { parsePageMessage, parseRemembered } from '../webview/schema.ts';
import { giveAnswer } from './answering.ts';
import type { CommandId } from './commandTable.ts';
import type { Diffs } from './diff.ts';
import { cutTitle } from './diffQuery.ts';
import type { Folder, Folders } from './folders.ts';
import { pause } from './followTask.ts';
import type { RestorablePanels } from './lazyPanels.ts';
import { openWeb } from './openWeb.ts';
import { createFeed, type Feed } from './pageFeed.ts';
import { pageHtml } from './pageHtml.ts';

export interface TaskPanels extends RestorablePanels {
  open(taskId: string, folder: vscode.Uri): void;
}

export function createTaskPanels(
  viewType: string,
  extensionUri: vscode.Uri,
  folders: Folders,
  diffs: Diffs,
): TaskPanels {
  const open = new Map<string, vscode.WebviewPanel>();
  const media = vscode.Uri.joinPath(extensionUri, 'dist', 'webview');

  const attach = (panel: vscode.WebviewPanel, taskId: string, folder: vscode.Uri): void => {
    open.set(taskId, panel);
    panel.onDidDispose(() => {
      if (open.get(taskId) === panel) open.delete(taskId);
    });
    panel.iconPath = vscode.Uri.joinPath(extensionUri, 'media', 'icon.png');
    showTask({ panel, taskId, folder, media, folders, diffs });
  };
  return {
    open(taskId, folder) {
      const known = open.get(taskId);
      if (known) return known.reveal();
      const panel = vscode.window.createWebviewPanel(viewType, 'Task', vscode.ViewColumn.Active, {
        enableScripts: true,
        localResourceRoots: [media],
      });
      attach(panel, taskId, folder);
    },
    restore(panel, state) {
      const remembered = parseRemembered(state);
      // Without a task there is nothing to show; a second page of one task is one too many.
      if (!remembered || open.has(remembered.taskId)) return panel.dispose();
      panel.webview.options = { enableScripts: true, localResourceRoots: [media] };
      attach(panel, remembered.taskId, vscode.Uri.parse(remembered.folder));
    },
    dispose() {
      for (const panel of open.values()) panel.dispose();
    },
  };
}

interface Shown {
  panel: vscode.WebviewPanel;
  taskId: string;
  folder: vscode.Uri;
  media: vscode.Uri;
  folders: Folders;
  diffs: Diffs;
}

function showTask({ panel, taskId, folder: folderUri, media, folders, diffs }: Shown): void {
  const { webview } = panel;
  const subscriptions: vscode.Disposable[] = [];
  let feed: Feed | null = null;
  /** Counts the times the page was drawn anew: what was begun for an older one is dropped. */
  let drawn = 0;
  const post = (message: HostMessage): Thenable<boolean> => webview.postMessage(message);

  const folderOf = (): Folder => {
    const folder = folders.of(folderUri);
    if (folder) return folder;
    throw new AmpaError(
      'not_found',
      `The folder of this task is not open: ${folderUri.fsPath}`,
      'Open it in this window to see the task.',
    );
  };
  const setTitle = (): void => {
    const title = folders.of(folderUri)?.snapshot().tasks.get(taskId)?.title;
    if (title !== undefined && panel.title !== cutTitle(title)) panel.title = cutTitle(title);
  };
  /** The engine of the folder; a folder without a store knows no task, and gets none made. */
  const engine = async (): Promise<App> => {
    const folder = folderOf();
    const app = await folder.app();
    if (!app.hasStore()) throw notFound('task', taskId, 'Its folder has no tasks.');
    return folder.engage();
  };
  let followed: Folder | null = null;
  let prompts = '';
  /** News of the task reach the page. */
  const follow = (folder: Folder): void => {
    if (followed === folder) return;
    followed = folder;
    const change = folder.onDidChange((news) => {
      const now = news.prompts
        .filter((it) => it.task_id === taskId)
        .map((it) => it.id)
        .join(' ');
      if (now === prompts && !news.tasks.some((it) => it.id === taskId)) return;
      prompts = now;
      setTitle();
      feed?.changed();
    });
    subscriptions.push(change);
  };
  const begin = async (watch: Extract<PageMessage, { type: 'ready' }>['watch']): Promise<void> => {
    const mine = ++drawn;
    feed?.stop();
    feed = null;
    try {
      const app = await engine();
      if (mine !== drawn) return;
      follow(folderOf());
      feed = createFeed({ taskId, app, post, now: Date.now, sleep: pause });
      feed.start(watch);
      setTitle();
    } catch (error) {
      if (mine === drawn) void post({ type: 'failed', error: describeError(error) });
    }
  };
  const carryOut = async (id: number, action: Action): Promise<void> => {
    let error: string | null = null;
    try {
      const folder = folderOf();
      await act(action, { taskId, folder, app: await engine(), diffs });
    } catch (problem) {
      error = describeError(problem);
    }
    void post({ type: 'done', id, error });
  };

  webview.onDidReceiveMessage(
    (value: unknown) => {
      const message = parsePageMessage(value);
      switch (message?.type) {
        case 'ready':
          return begin(message.watch);
        case 'watch':
          return feed?.watch(message.watch);
        case 'action':
          return carryOut(message.id, message.action);
        case undefined:
          return undefined;
      }
    },
    undefined,
    subscriptions,
  );
  // A hidden page does not exist: it says `ready` when it is drawn again.
  panel.onDidChangeViewState(
    () => {
      if (panel.visible) return;
      drawn++;
      feed?.stop();
      feed = null;
    },
    undefined,
    subscriptions,
  );
  panel.onDidDispose(() => {
    drawn++;
    feed?.stop();
    for (const it of subscriptions) it.dispose();
  });
  setTitle();
  webview.html = pageHtml({
    title: 'AMPA task',
    nonce: randomBytes(16).toString('base64'),
    cspSource: webview.cspSource,
    script: webview.asWebviewUri(vscode.Uri.joinPath(media, 'taskPage.js')).toString(),
    style: webview.asWebviewUri(vscode.Uri.joinPath(media, 'taskPage.css')).toString(),
    data: { task: taskId, folder: folderUri.toString() },
  });
}

interface Acting {
  taskId: string;
  folder: Folder;
  app: App;
  diffs: Diffs;
}

/** Carries out what a person asked for on the page. What asks back is the same command as everywhere. */
async function act(action: Action, { taskId, folder, app, diffs }: Acting): Promise<void> {
  const run = async (command: CommandId): Promise<void> => void (await vscode.commands.executeCommand(command, taskId));
  switch (action.kind) {
    case 'continue':
      await app.continue(taskId, action.text);
      return;
    case 'abort':
      return run('ampa.abortTask');
    case 'merge':
      return run('ampa.mergeTask');
    case 'worktree':
      return run('ampa.openWorktree');
    case 'openLog':
      return run('ampa.showLog');
    case 'doctor':
      return run('ampa.doctor');
    case 'signIn':
      return run('ampa.signIn');
    case 'start':
      await vscode.commands.executeCommand('ampa.startTask' satisfies CommandId);
      return;
    case 'diff':
      if (action.path === null) return run('ampa.showDiff');
      return diffs.openFile(app, await app.find(taskId), action.path);
    case 'pr': {
      const { pr_url: url } = await app.find(taskId);
      if (url === null) throw new AmpaError('not_found', 'This task has no pull request', '');
      return openWeb(url);
    }
    case 'openExternal':
      return openWeb(action.url);
    case 'openCheckLog': {
      const { checks } = await app.show(taskId);
      const check = checks.findLast((it) => it.attempt === action.attempt && it.name === action.name);
      if (!check?.log_path) throw new AmpaError('not_found', 'This check has no output of its own', '');
      await vscode.window.showTextDocument(vscode.Uri.file(check.log_path), { preview: true });
      return;
    }
    case 'openFile': {
      const { worktree } = await app.find(taskId);
      if (worktree === null)
        throw new AmpaError('not_found', 'The worktree no longer exists', 'Look at the file with Diff.');
      await vscode.window.showTextDocument(vscode.Uri.joinPath(vscode.Uri.file(worktree), action.path), {
        preview: true,
      });
      return;
    }
    case 'answerPrompt':
      return giveAnswer(folder, action.id, action.response);
  }
}
