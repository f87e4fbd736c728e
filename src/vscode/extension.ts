/**
 * The editor's entry. It registers what the manifest promises and returns; the engine's code is
 * loaded when a folder first needs it (folders.ts).
 */
import * as vscode from 'vscode';
import { AmpaError } from '../errors.ts';
import { createHandlers } from './commands.ts';
import { registerDiff } from './diff.ts';
import { createDocuments } from './documents.ts';
import { createFolders, type Folder, type Folders } from './folders.ts';
import { createLinkHandler } from './linkHandler.ts';
import { loadApp } from './load.ts';
import { createLogs } from './logs.ts';
import { createNotifications, type Notifications } from './notifications.ts';
import { createOverview, type Overview } from './overview.ts';
import { withoutIcons } from './plain.ts';
import { createProblems } from './problems.ts';
import { registerReportPage } from './reportPage.ts';
import { createScheduleTree, type ScheduleTree } from './scheduleTree.ts';
import { createStart } from './startTask.ts';
import { createStatusBar } from './statusBar.ts';
import { createStoredSecrets, type StoredSecrets } from './storedSecrets.ts';
import { failingChannels, githubLines } from './statusText.ts';
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
  tree: TasksTree | undefined;
  schedule: ScheduleTree | undefined;
  notifications: Notifications | undefined;
  secrets: StoredSecrets;
  openLink(uri: vscode.Uri): Promise<void>;
  /** How long `activate` took by the clock, and how much processor time the process spent meanwhile. */
  activation: { ms: number; cpuMs: number };
}

export function activate(context: vscode.ExtensionContext): Internals {
  const begun = { at: performance.now(), cpu: process.cpuUsage() };
  const output = vscode.window.createOutputChannel('AMPA', { log: true });
  const documents = createDocuments();
  const { version } = context.extension.packageJSON as { version: string };
  // Of every engine that there was: words of one that is gone may still come up.
  const hidden: (readonly string[])[] = [];
  const problems = createProblems(output, documents, version, () => hidden.flat());
  const log = (what: string) => (error: unknown) => problems.log(what, error);
  const notices: string[] = [];
  const secrets = createStoredSecrets(context.secrets, (error) => problems.show('Reading stored secrets', error));
  const folders = createFolders({
    async load(uri, waitsFor) {
      const app = await loadApp(context, secrets, uri, waitsFor);
      hidden.push(app.secrets());
      return app;
    },
    onSecrets: secrets.onDidChange,
    report: (folder, error) => problems.show(`Starting in ${folder.name}`, error),
    notice: (folder, text) => {
      notices.push(text);
      output.info(`${folder.name}: ${text}`);
    },
  });
  const overview = createOverview(folders);
  const unread = createUnread(context.workspaceState, overview);
  context.subscriptions.push(output, documents, secrets, folders, overview, unread);

  /** A part that cannot be made is reported, and the others are there. */
  const contribute = <T extends vscode.Disposable>(what: string, make: () => T): T | undefined => {
    try {
      const made = make();
      context.subscriptions.push(made);
      return made;
    } catch (error) {
      problems.show(what, error);
      return undefined;
    }
  };
  const tree = contribute('The Tasks view', () =>
    createTasksTree(folders, overview, unread, (error) => problems.show('Reading a task', error)),
  );
  const scheduleTree = contribute('The Schedule view', () =>
    createScheduleTree(folders, (error) => problems.show('Reading the schedule', error)),
  );
  contribute('The status bar item', () =>
    createStatusBar({
      folders,
      overview,
      notices: () => notices,
      onError: log('status bar'),
      scheduled: () => scheduleTree?.commands() ?? [],
      channels: async (folder) => failingChannels(await (await folder.app()).channels()),
      more: async (folder) => githubLines(await (await folder.app()).github(), Date.now()),
    }),
  );
  if (tree) contribute('The welcome view', () => createWelcome(folders, overview, tree.view, log('welcome view')));
  const notifications = contribute('Notifications', () => createNotifications(overview, log('notification')));
  const diffs = contribute('The diff', () => registerDiff(folders));
  const logs = contribute('The log view', () => createLogs());
  const page = diffs && contribute('The task page', () => registerTaskPage(context, folders, diffs));
  const report = contribute('The report page', () => registerReportPage(context, folders, documents));
  const written = contribute('Pages for longer tasks', () => createWrittenTasks(context.workspaceState, folders));

  const openTask = async (id: string, folder: Folder): Promise<void> => {
    unread.markRead(id);
    await present(page, 'The task page').open(id, folder.uri);
  };
  const start = createStart({
    folders,
    write: (text, folder) => present(written, 'The page for longer tasks').open(text, folder),
    log: (text) => output.info(text),
    async started(task, first) {
      vscode.window.setStatusBarMessage(`$(rocket) Task started on ${withoutIcons(task.branch)}`, 5000);
      // The first one shows where tasks live; after that nobody is taken away from what they look at.
      if (first) await vscode.commands.executeCommand('ampa.tasks.focus');
      if (tree?.view.visible) await tree.reveal(task.id);
    },
  });
  const handlers = createHandlers({
    folders,
    overview,
    unread,
    documents,
    secrets,
    start,
    openTask,
    tree: () => present(tree, 'The Tasks view'),
    written: () => present(written, 'The page for longer tasks'),
    logs: () => present(logs, 'The log view'),
    diffs: () => present(diffs, 'The diff'),
    report: () => present(report, 'The report page'),
    scheduleTree: () => present(scheduleTree, 'The Schedule view'),
  });
  for (const [id, handler] of Object.entries(handlers)) {
    const name = id.replace('ampa.', '');
    const run = (...args: unknown[]) => handler(...args).catch((error: unknown) => problems.show(name, error));
    contribute(`The command ${name}`, () => vscode.commands.registerCommand(id, run));
  }
  const links = createLinkHandler(context.globalState, folders, openTask);
  const handleUri = (uri: vscode.Uri) => links.open(uri).catch((error: unknown) => problems.show('The link', error));
  contribute('Links', () => vscode.window.registerUriHandler({ handleUri }));

  void folders.wake();
  links.resume().catch(log('opening a link'));
  return {
    folders,
    overview,
    unread,
    tree,
    schedule: scheduleTree,
    notifications,
    secrets,
    openLink: links.open,
    activation: cost(begun),
  };
}

function cost(begun: { at: number; cpu: NodeJS.CpuUsage }): Internals['activation'] {
  const { user, system } = process.cpuUsage(begun.cpu);
  return { ms: performance.now() - begun.at, cpuMs: (user + system) / 1000 };
}

/** A part of the extension, which may have failed to come up. */
function present<T>(part: T | undefined, what: string): T {
  if (part === undefined)
    throw new AmpaError(
      'external',
      `${what} could not be made`,
      'See the AMPA output channel for the reason; reload the window to try again.',
    );
  return part;
}

/** Tasks go on in their carriers; subscriptions are disposed of by the editor. */
export function deactivate(): void {}
