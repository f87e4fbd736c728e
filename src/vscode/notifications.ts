/** Notices in the window that has the focus; the others keep their badge. */
import os from 'node:os';
import * as vscode from 'vscode';
import type { OpenPrompt } from '../conversations/prompt.ts';
import { choiceLabel } from '../conversations/choices.ts';
import { AmpaError, describeError } from '../errors.ts';
import type { Task } from '../tasks/task.ts';
import type { Folder } from './folders.ts';
import { noticeFor, promptMessage, summaryOf, type Notice } from './noticeFor.ts';
import type { Overview, OverviewChange } from './overview.ts';

/** Tasks that end within this time of each other are told together, if they are many. */
const GATHER_MS = 400;
const MANY = 3;
const NEVER = "Don't Show Again";

function message(severity: Notice['severity'], text: string, ...buttons: string[]): Thenable<string | undefined> {
  if (severity === 'error') return vscode.window.showErrorMessage(text, ...buttons);
  return severity === 'warning'
    ? vscode.window.showWarningMessage(text, ...buttons)
    : vscode.window.showInformationMessage(text, ...buttons);
}

/** As the folder's own sources say, a `.env` file among them. */
const enabled = async (folder: Folder): Promise<boolean> => (await folder.app()).config().values.notifications;

export function createNotifications(overview: Overview, onError: (error: unknown) => void): vscode.Disposable {
  let notices: { notice: Notice; folder: Folder }[] = [];
  const prompts: { prompt: OpenPrompt; folder: Folder }[] = [];
  const told = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  const flush = async (): Promise<void> => {
    timer = undefined;
    if (!vscode.window.state.focused) return;
    const [ended, asked] = [notices.splice(0), prompts.splice(0)];
    const wanted = new Map<Folder, boolean>();
    for (const { folder } of [...ended, ...asked]) if (!wanted.has(folder)) wanted.set(folder, await enabled(folder));
    const now = ended.filter((it) => wanted.get(it.folder) && stillTrue(overview.task(it.notice.taskId)));
    const all = now.map((it) => it.notice);
    for (const notice of all.length > MANY ? [summaryOf(all)] : all) tell(notice).catch(onError);
    for (const { prompt, folder } of asked) {
      const open = overview.questions(prompt.task_id ?? '').some((it) => it.id === prompt.id);
      if (!open || told.has(prompt.id) || !wanted.get(folder)) continue;
      told.add(prompt.id);
      ask(prompt, folder, overview.task(prompt.task_id ?? '')?.title ?? prompt.session).catch(onError);
    }
  };
  const soon = (): void => {
    timer ??= setTimeout(() => void flush().catch(onError), GATHER_MS);
  };
  const gather = (change: OverviewChange): void => {
    for (const { before, after, folder } of change.tasks) {
      const notice = noticeFor(before, after);
      if (notice) notices = [...notices.filter((it) => it.notice.taskId !== after.id), { notice, folder }];
    }
    prompts.push(...change.asked);
    if (notices.length > 0 || prompts.length > 0) soon();
  };
  const subscriptions = [
    overview.onDidChange(gather),
    // What happened meanwhile is told when somebody comes back, if it is still so.
    vscode.window.onDidChangeWindowState((state) => {
      if (state.focused) soon();
    }),
  ];
  return {
    dispose() {
      clearTimeout(timer);
      for (const subscription of subscriptions) subscription.dispose();
    },
  };
}

/** Nobody has acted on it since. */
const stillTrue = (task: Task | undefined): boolean =>
  task !== undefined &&
  (task.status === 'success' ? task.merged_at === null : ['error', 'needs_review'].includes(task.status));

const stopTelling = (): Thenable<void> =>
  vscode.workspace.getConfiguration('ampa').update('notifications', false, vscode.ConfigurationTarget.Global);

async function tell(notice: Notice): Promise<void> {
  const chosen = await message(notice.severity, notice.message, ...notice.buttons.map((it) => it.title), NEVER);
  if (chosen === NEVER) return stopTelling();
  const button = notice.buttons.find((it) => it.title === chosen);
  if (button) await vscode.commands.executeCommand(button.command, notice.taskId);
}

/** A question of an agent: what it wants to do, and the two answers. */
async function ask(prompt: OpenPrompt, folder: Folder, title: string): Promise<void> {
  const choices = prompt.choices.slice(0, 3).map((choice) => ({ choice, title: choiceLabel(prompt, choice) }));
  const open = prompt.task_id === null ? [] : ['Open…'];
  const titles = [...choices.map((it) => it.title), ...open, NEVER];
  const chosen = await vscode.window.showWarningMessage(promptMessage(prompt, title), ...titles);
  if (chosen === NEVER) return stopTelling();
  if (chosen === 'Open…') return vscode.commands.executeCommand('ampa.showTask', prompt.task_id);
  const it = choices.find(({ title: shown }) => shown === chosen);
  if (it) await answer(folder, prompt, it.choice);
}

/** Answers a question, and says so where somebody else was faster. */
export async function answer(folder: Folder, prompt: OpenPrompt, response: string): Promise<void> {
  const app = await folder.app();
  try {
    await app.respond({ promptId: prompt.id, response, by: `${os.userInfo().username} (VS Code)` });
  } catch (error) {
    if (!(error instanceof AmpaError)) throw error;
    void vscode.window.showInformationMessage(describeError(error));
  }
}
