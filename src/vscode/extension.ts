/**
 * The editor's entry. It registers what the manifest promises and returns; the engine's code is
 * loaded when a folder first needs it (folders.ts).
 */
import * as vscode from 'vscode';
import { createHandlers, type Pages } from './commands.ts';
import { registerDiff } from './diff.ts';
import { createDocuments } from './documents.ts';
import { createFolders, type Folders } from './folders.ts';
import { createLinkHandler } from './linkHandler.ts';
import { loadApp } from './load.ts';
import { createLogs } from './logs.ts';
import { createNotifications } from './notifications.ts';
import { createOverview, type Overview } from './overview.ts';
import { createProblems } from './problems.ts';
import { createStart } from './startTask.ts';
import { createStatusBar } from './statusBar.ts';
import { registerTaskPage } from './taskPage.ts';
import { createTasksTree, type TasksTree } from './tasksTree.ts';
import { createUnread, type Unread } from './unread.ts';
import { createWelcome } from './welcome.ts';
import { createWrittenTasks } from './writtenTasks.ts';

/** For the tests inside the extension host; not an interface for other extensions. */
export interface Internals {
  folders: Folders;
  overview: Overview;
  unread: Unread;
  tree: TasksTree;
  /** How long `activate` took, ms. */
  activationMs: number;
}

export function activate(context: vscode.ExtensionContext): Internals {
  const begun = performance.now();
  const output = vscode.window.createOutputChannel('AMPA', { log: true });
  const documents = createDocuments();
  const { version } = context.extension.packageJSON as { version: string };
  const problems = createProblems(output, documents, version);
  const notices: string[] = [];
  const folders = createFolders({
    load: (uri) => loadApp(context, uri),
    report: (folder, error) => problems.show(`Starting in ${folder.name}`, error),
    notice: (folder, text) => {
      notices.push(text);
      output.info(`${folder.name}: ${text}`);
    },
  });
  const overview = createOverview(folders);
  const unread = createUnread(context.workspaceState, overview);
  const tree = createTasksTree(folders, overview, unread, (error) => problems.show('Reading a task', error));
  context.subscriptions.push(output, documents, folders, overview, unread, tree);

  /** One part that cannot be made is reported, and the others are there. */
  const contribute = (what: string, make: () => vscode.Disposable | readonly vscode.Disposable[]): void => {
    try {
      const made = make();
      context.subscriptions.push(...(Array.isArray(made) ? (made as vscode.Disposable[]) : [made as vscode.Disposable]));
    } catch (error) {
      problems.show(what, error);
    }
  };
  const log = (what: string) => (error: unknown) => problems.log(what, error);
  const pages = createPages(context, folders);

  contribute('The status bar item', () => createStatusBar(folders, overview, () => notices, log('status bar')));
  contribute('The welcome view', () => createWelcome(folders, overview, tree.view, log('welcome view')));
  contribute('Notifications', () => createNotifications(overview, log('notification')));
  contribute('The commands', () => {
    const written = createWrittenTasks();
    const start = createStart({
      folders,
      write: (text, folder) => written.open(text, folder),
      log: (text) => output.info(text),
      async started(task, first) {
        vscode.window.setStatusBarMessage(`$(rocket) Task started on ${task.branch}`, 5000);
        // The first one shows where tasks live; after that nobody is taken away from what they look at.
        if (first) await vscode.commands.executeCommand('ampa.tasks.focus');
        if (tree.view.visible) await tree.reveal(task.id);
      },
    });
    const handlers = createHandlers({ folders, overview, unread, tree, documents, written, start, pages });
    return [
      written,
      ...Object.entries(handlers).map(([id, handler]) =>
        vscode.commands.registerCommand(id, (...args: unknown[]) =>
          handler(...args).catch((error: unknown) => problems.show(id.replace('ampa.', ''), error)),
        ),
      ),
    ];
  });
  contribute('Links', () => {
    const links = createLinkHandler(context.globalState, folders, async (id, folder) => {
      unread.markRead(id);
      await pages.openTask(id, folder);
    });
    links.resume().catch(log('opening a link'));
    return vscode.window.registerUriHandler({
      handleUri: (uri) => Promise.resolve(links.handleUri(uri)).catch((error: unknown) => problems.show('The link', error)),
    });
  });
  void folders.wake();
  return { folders, overview, unread, tree, activationMs: performance.now() - begun };
}

function createPages(context: vscode.ExtensionContext, folders: Folders): Pages {
  const diffs = registerDiff(folders);
  const logs = createLogs();
  const page = registerTaskPage(context, folders, diffs);
  context.subscriptions.push(diffs, logs, page);
  return {
    openTask: (id, folder) => page.open(id, folder.uri),
    openLog: (app, task, attempt) => logs.open(app, task, attempt),
    openDiff: (app, task) => diffs.openAll(app, task),
  };
}

/** Tasks go on in their carriers; subscriptions are disposed of by the editor. */
export function deactivate(): void {}
