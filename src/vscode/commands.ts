/** What each command of the palette does. The table of ids and titles is commandTable.ts. */
import * as vscode from 'vscode';
import { askPerson } from './answering.ts';
import { askIssue } from './askIssue.ts';
import { installAgent, signIn } from './agentTerminals.ts';
import { isActive, type Task } from '../tasks/task.ts';
import { hasDiff, hasLog, hasWorktree, isAbortable, isContinuable, isMergeable } from '../tasks/abilities.ts';
import {
  chooseFolder,
  chooseQuestion,
  chooseTask,
  requireTrust,
  taskIdOf,
  type Chosen,
  type TaskQuestion,
} from './choose.ts';
import type { CommandId } from './commandTable.ts';
import { copyServerAddress } from './copyServer.ts';
import type { Diffs } from './diff.ts';
import type { Documents } from './documents.ts';
import { editFallbackRules } from './fallbackRules.ts';
import type { Folder, Folders } from './folders.ts';
import { doctorPage } from './doctorPage.ts';
import { signInToGitHub } from './githubSession.ts';
import type { Logs } from './logs.ts';
import { stopTelling } from './notifications.ts';
import { openWeb } from './openWeb.ts';
import type { Overview } from './overview.ts';
import { plain, withoutIcons } from './plain.ts';
import type { ReportPage } from './reportPage.ts';
import { createScheduleHandlers } from './scheduleHandlers.ts';
import type { ScheduleTree } from './scheduleTree.ts';
import type { Start, StartArguments } from './startTask.ts';
import { askForSecret, type StoredSecrets } from './storedSecrets.ts';
import { stateSentence, stateWords, wishOf } from './taskRows.ts';
import { nextNeeding, parseElement } from './tasksModel.ts';
import { testNotification } from './testNotification.ts';
import type { TasksTree } from './tasksTree.ts';
import type { Unread } from './unread.ts';
import { whatNow } from './whatNow.ts';
import type { WrittenTasks } from './writtenTasks.ts';

export interface CommandDeps {
  folders: Folders;
  overview: Overview;
  unread: Unread;
  documents: Documents;
  secrets: StoredSecrets;
  start: Start;
  openTask(id: string, folder: Folder): Promise<void>;
  /** Parts that may have failed to come up; they throw then. */
  tree(): TasksTree;
  written(): WrittenTasks;
  logs(): Logs;
  diffs(): Diffs;
  scheduleTree(): ScheduleTree;
  report(): ReportPage;
}

const NO_TASK = 'There are no tasks yet.';

export type Handler = (...args: unknown[]) => Promise<unknown>;

export function createHandlers(deps: CommandDeps): Record<CommandId, Handler> {
  const { folders, overview, unread, documents, start, openTask, tree, written, logs, diffs } = deps;
  let lastShown: string | null = null;

  /** Runs an action on the given or chosen task; whoever acts on a task has looked at it. */
  const onTask =
    (question: TaskQuestion, act: (chosen: Chosen, given: unknown) => Promise<unknown>): Handler =>
    async (given) => {
      if (!(await requireTrust())) return undefined;
      const chosen = await chooseTask(folders, overview, given, question);
      if (!chosen) return undefined;
      unread.markRead(chosen.id);
      return act(chosen, given);
    };
  const showTask = async ({ id, folder }: Chosen): Promise<void> => {
    lastShown = id;
    await openTask(id, folder);
  };
  const firstQuestion = (id: string): string | null => {
    const [question] = overview.questions(id);
    return question ? wishOf(question) : null;
  };

  return {
    ...createScheduleHandlers(deps),
    'ampa.startTask': (given) => start(isStart(given) ? given : {}),
    'ampa.startFromIssue': async () => {
      const issue = await askIssue();
      if (issue !== undefined) await start({ prompt: '', issue });
    },
    'ampa.writeTask': async () => {
      if (!(await requireTrust())) return;
      const folder = await chooseFolder(folders, 'Write a Longer Task');
      if (folder) await written().open('', folder);
    },
    'ampa.startWritten': async (page) =>
      written().start(page instanceof vscode.Uri ? page : undefined, (prompt, folder) => start({ prompt }, folder)),

    'ampa.showTask': onTask(
      { title: 'Show Task', ask: 'Select a task to show', none: NO_TASK, suits: () => true },
      showTask,
    ),
    'ampa.nextTask': async () => {
      if (!(await requireTrust())) return;
      await folders.wake();
      const id = nextNeeding(overview.layout(), unread.ids(), lastShown);
      if (id === null) void vscode.window.showInformationMessage('Nothing needs you.');
      else if (id.startsWith('prompt:')) {
        lastShown = id;
        await vscode.commands.executeCommand('ampa.answerTask' satisfies CommandId, id);
      } else await vscode.commands.executeCommand('ampa.showTask' satisfies CommandId, id);
    },
    'ampa.showLog': onTask(
      { title: 'Show Log', ask: 'Select the task whose log to show', none: 'No task has a log yet.', suits: hasLog },
      async ({ folder, task }, given) => {
        const element = typeof given === 'string' ? parseElement(given) : undefined;
        if (element?.kind === 'check')
          return vscode.commands.executeCommand('ampa.showCheck' satisfies CommandId, given);
        const attempt = element && 'attempt' in element ? element.attempt : undefined;
        return logs().open(await folder.app(), task, attempt);
      },
    ),
    'ampa.showCheck': async (given) => {
      const element = typeof given === 'string' ? parseElement(given) : undefined;
      const folder = element?.kind === 'check' ? folders.of(element.task) : undefined;
      if (element?.kind !== 'check' || !folder) return;
      const { checks } = await (await folder.app()).show(element.task);
      const check = checks.findLast((it) => it.attempt === element.attempt && it.name === element.name);
      if (check?.url) await openWeb(check.url);
      else if (check?.log_path)
        await vscode.window.showTextDocument(vscode.Uri.file(check.log_path), { preview: true });
      else void vscode.window.showInformationMessage('This check has not printed anything yet.');
    },
    'ampa.showDiff': onTask(
      {
        title: 'Show Diff',
        ask: 'Select the task whose changes to show',
        none: 'No task has changed anything yet.',
        suits: hasDiff,
      },
      async ({ folder, task }) => diffs().openAll(await folder.app(), task),
    ),
    'ampa.openPullRequest': onTask(
      {
        title: 'Open Pull Request',
        ask: 'Select the task whose pull request to open',
        none: 'No task has a pull request yet.',
        suits: (task) => task.pr_url !== null,
      },
      async ({ task }) => openWeb(task.pr_url!),
    ),
    'ampa.openWorktree': onTask(
      {
        title: 'Open Worktree',
        ask: 'Select the task whose worktree to open',
        none: 'No task has a worktree.',
        suits: hasWorktree,
      },
      ({ task }) => openWorktree(task),
    ),

    'ampa.continueTask': onTask(
      {
        title: 'Continue Task',
        ask: 'Select a task to continue',
        none: 'There is no task to continue.',
        suits: (task) => isContinuable(task) && task.status !== 'queued',
      },
      ({ folder, task }) => continueTask(folder, task, firstQuestion(task.id)),
    ),
    'ampa.answerTask': async (given) => {
      if (!(await requireTrust())) return;
      const asked = await chooseQuestion(folders, overview, given);
      if (!asked) return;
      const { prompt, folder } = asked;
      unread.markRead(prompt.task_id ?? `prompt:${prompt.id}`);
      const task = prompt.task_id === null ? undefined : overview.task(prompt.task_id);
      await askPerson(folder, prompt, task ? `“${task.title}” ${wishOf(prompt)}` : prompt.summary, documents);
    },
    'ampa.editFallbackRules': async () => {
      const folder = (await requireTrust()) ? await chooseFolder(folders, 'Edit Fallback Rules') : undefined;
      if (folder) await editFallbackRules(folder);
    },
    'ampa.abortTask': onTask(
      {
        title: 'Abort Task',
        ask: 'Select a task to abort',
        none: 'There is no task to abort.',
        suits: (task, asks) => isAbortable(task) && (asks || task.status !== 'success'),
      },
      ({ folder, task }) => abortTask(folder, task),
    ),
    'ampa.mergeTask': onTask(
      {
        title: 'Merge Task',
        ask: 'Select a task to merge',
        none: 'No task has finished work to merge.',
        suits: isMergeable,
      },
      ({ folder, task }) => mergeTask(folder, task),
    ),
    'ampa.cleanUp': async () => {
      const folder = (await requireTrust()) ? await chooseFolder(folders, 'Clean Up Ended Tasks') : undefined;
      if (folder) await cleanUp(folder, overview);
    },
    'ampa.copyBranch': onTask(
      { title: 'Copy Branch Name', ask: 'Select the task whose branch name to copy', none: NO_TASK, suits: () => true },
      async ({ task }) => {
        await vscode.env.clipboard.writeText(task.branch);
        vscode.window.setStatusBarMessage(`$(copy) Copied ${withoutIcons(task.branch)}`, 3000);
      },
    ),
    'ampa.copyTaskId': onTask(
      { title: 'Copy Task ID', ask: 'Select the task whose ID to copy', none: NO_TASK, suits: () => true },
      async ({ id }) => {
        await vscode.env.clipboard.writeText(id);
        vscode.window.setStatusBarMessage(`$(copy) Copied ${id}`, 3000);
      },
    ),

    'ampa.signIn': async (given) => {
      const folder = (await requireTrust()) ? await folderFor(folders, given, 'Sign In to Agent') : undefined;
      if (folder) await signIn(await folder.app(), overview.task(taskIdOf(given) ?? '')?.agent);
    },
    'ampa.signInToGitHub': async () => {
      if (await requireTrust()) await signInToGitHub();
    },
    'ampa.installAgent': async () => {
      const folder = (await requireTrust()) ? await chooseFolder(folders, 'Install an Agent') : undefined;
      if (folder) await installAgent(await folder.app());
    },
    'ampa.doctor': async () => {
      const folder = (await requireTrust()) ? await chooseFolder(folders, 'Check Setup') : undefined;
      if (!folder) return;
      const checks = await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Window, title: 'AMPA: checking the setup' },
        async () => (await folder.app()).doctor(),
      );
      await documents.show('AMPA Setup', doctorPage(folder.uri.fsPath, checks));
    },
    'ampa.showReport': async () => {
      const folder = (await requireTrust()) ? await chooseFolder(folders, 'Show Report') : undefined;
      if (folder) await deps.report().open(folder.uri);
    },
    'ampa.copyServerAddress': async () => {
      const folder = (await requireTrust()) ? await chooseFolder(folders, 'Copy Local Server Address') : undefined;
      if (folder) await copyServerAddress(folder);
    },
    'ampa.openSettings': async () => vscode.commands.executeCommand('workbench.action.openSettings', '@ext:ampa.ampa'),
    'ampa.storeSecret': async () => askForSecret(deps.secrets, folders),
    'ampa.manageTrust': async () => vscode.commands.executeCommand('workbench.trust.manage'),
    'ampa.whatNow': () => whatNow(overview),
    'ampa.testNotification': () => testNotification(folders),
    'ampa.muteNotifications': stopTelling,
    'ampa.showMore': async (given) => {
      const element = typeof given === 'string' ? parseElement(given) : undefined;
      if (element?.kind === 'more') tree().showMore(element.parent);
    },
  };
}

const isStart = (given: unknown): given is StartArguments =>
  typeof given === 'object' && given !== null && 'prompt' in given;

const folderFor = async (folders: Folders, given: unknown, title: string): Promise<Folder | undefined> => {
  const id = taskIdOf(given);
  return (id === undefined ? undefined : folders.of(id)) ?? chooseFolder(folders, title);
};

async function openWorktree(task: Task): Promise<void> {
  if (task.worktree === null) return;
  const uri = vscode.Uri.file(task.worktree);
  const items = [
    { label: '$(empty-window) In a New Window', where: 'window' },
    { label: '$(terminal) In a Terminal', where: 'terminal' },
  ];
  const chosen = await vscode.window.showQuickPick(items, { title: task.title, placeHolder: task.worktree });
  if (chosen?.where === 'window')
    await vscode.commands.executeCommand('vscode.openFolder', uri, { forceNewWindow: true });
  if (chosen?.where === 'terminal') vscode.window.createTerminal({ name: task.title, cwd: uri }).show();
}

async function continueTask(folder: Folder, task: Task, question: string | null): Promise<void> {
  const active = isActive(task.status);
  const text = await vscode.window.showInputBox({
    title: active ? `A message for “${task.title}”` : `Continue “${task.title}”`,
    prompt: active ? 'The agent receives it with its next turn.' : plain(withoutIcons(stateSentence(task, question))),
    placeHolder: active
      ? 'What should the agent know?'
      : 'What should the agent do next? Leave empty to go on where it stopped',
    ignoreFocusOut: true,
    validateInput: (value) => (active && value.trim() === '' ? 'Enter a message.' : null),
  });
  if (text === undefined) return;
  const app = await folder.engage();
  const { as } = await app.continue(task.id, text.trim() === '' ? null : text.trim());
  const said = {
    requeued: 'continues',
    message: 'gets your message with its next turn',
    appended: 'starts with your words added',
  }[as];
  vscode.window.setStatusBarMessage(`$(debug-continue) “${withoutIcons(task.title)}” ${said}`, 5000);
}

async function abortTask(folder: Folder, task: Task): Promise<void> {
  if (task.status === 'running' || task.status === 'retrying') {
    const chosen = await vscode.window.showWarningMessage(
      `Abort “${task.title}”?`,
      {
        modal: true,
        detail:
          'The agent and everything it started are stopped. The work so far stays on the branch, and Continue picks it up again.',
      },
      'Abort Task',
    );
    if (!chosen) return;
  }
  const app = await folder.engage();
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: `AMPA: stopping “${withoutIcons(task.title)}”` },
    () => app.abort(task.id),
  );
}

async function mergeTask(folder: Folder, task: Task): Promise<void> {
  const base = task.base ?? 'its base';
  const items = [
    { label: 'Merge', description: 'keeps the commits and adds a merge commit', method: 'merge' as const },
    { label: 'Squash', description: 'combines everything into one commit', method: 'squash' as const },
    { label: 'Rebase', description: 'puts the commits on top of the base', method: 'rebase' as const },
  ].flatMap((it) => [
    { ...it, deleteBranch: false },
    { ...it, label: `${it.label} and Delete the Branch`, deleteBranch: true },
  ]);
  const chosen = await vscode.window.showQuickPick(items, {
    title: `Merge “${task.title}” into ${base}`,
    placeHolder:
      task.status === 'needs_review'
        ? `The checks are not green (${stateWords(task, false)}). Merge anyway?`
        : `${task.branch} into ${base}`,
  });
  if (!chosen) return;
  const app = await folder.engage();
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: `AMPA: merging “${withoutIcons(task.title)}”` },
    () => app.merge(task.id, { method: chosen.method, deleteBranch: chosen.deleteBranch }),
  );
  vscode.window.setStatusBarMessage(`$(git-merge) “${withoutIcons(task.title)}” is in ${withoutIcons(base)}`, 5000);
}

async function cleanUp(folder: Folder, overview: Overview): Promise<void> {
  const items = [
    { label: 'Ended Two Weeks Ago or Earlier', days: 14, force: false },
    { label: 'Ended a Week Ago or Earlier', days: 7, force: false },
    { label: 'All Ended Tasks', days: 0, force: false },
    {
      label: 'All Ended Tasks, Including Unsaved Work',
      description: 'discards what is not committed or pushed',
      days: 0,
      force: true,
    },
  ];
  const chosen = await vscode.window.showQuickPick(items, {
    title: 'Clean Up Ended Tasks',
    placeHolder: 'Removes worktrees and logs; branches and the task list are kept',
  });
  if (!chosen) return;
  if (chosen.force) {
    const detail = 'The worktrees of ended tasks are removed, with everything in them that is not committed or pushed.';
    if (!(await vscode.window.showWarningMessage('Remove unsaved work too?', { modal: true, detail }, 'Remove')))
      return;
  }
  const app = await folder.app();
  const report = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: 'AMPA: cleaning up' },
    () => app.clean({ olderThanDays: chosen.days, force: chosen.force }),
  );
  const count = (n: number, one: string): string => `${n} ${one}${n === 1 ? '' : 's'}`;
  const kept = report.kept.map(({ id, why }) => `${overview.task(id)?.title ?? id}: ${why}`);
  void vscode.window.showInformationMessage(
    plain(
      `Removed ${count(report.worktrees, 'worktree')} and ${count(report.logs, 'log')}.${kept.length > 0 ? ` Kept: ${kept.slice(0, 3).join('; ')}${kept.length > 3 ? ` and ${kept.length - 3} more` : ''}.` : ''}`,
    ),
  );
}
