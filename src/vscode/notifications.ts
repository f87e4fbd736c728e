/** Notices in the window that has the focus; the others keep their badge. */
import * as vscode from 'vscode';
import type { OpenPrompt } from '../conversations/prompt.ts';
import type { Task } from '../tasks/task.ts';
import { answer } from './answering.ts';
import type { CommandId } from './commandTable.ts';
import type { Folder } from './folders.ts';
import { noticeFor, promptButtons, promptMessage, summaryOf, type Notice } from './noticeFor.ts';
import type { Overview, OverviewChange } from './overview.ts';
import { plain, withLink } from './plain.ts';

/** Tasks that end within this time of each other are told together, if they are many. */
const GATHER_MS = 400;
const MANY = 3;
const OPEN = 'Open…';
const NEVER = "Don't Show Again";
/** A fifth button would be cut off. */
const NEVER_LINK = `[${NEVER}](command:${'ampa.muteNotifications' satisfies CommandId} "Turns off the setting ampa.notifications")`;

function message(severity: Notice['severity'], words: string, ...buttons: string[]): Thenable<string | undefined> {
  const text = plain(words);
  if (severity === 'error') return vscode.window.showErrorMessage(text, ...buttons);
  return severity === 'warning'
    ? vscode.window.showWarningMessage(text, ...buttons)
    : vscode.window.showInformationMessage(text, ...buttons);
}

/** As the folder's own sources say, a `.env` file among them. */
const enabled = async (folder: Folder): Promise<boolean> => (await folder.app()).config().values.notifications;

export interface Notifications extends vscode.Disposable {
  /** A question has been put to the person of this window. */
  onDidAsk(listener: (prompt: OpenPrompt) => void): vscode.Disposable;
}

export function createNotifications(overview: Overview, onError: (error: unknown) => void): Notifications {
  const didAsk = new vscode.EventEmitter<OpenPrompt>();
  let notices: { notice: Notice; folder: Folder }[] = [];
  const prompts: { prompt: OpenPrompt; folder: Folder }[] = [];
  const told = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  /** A folder that cannot say so takes nothing from the others, and is told. */
  const isWanted = (folder: Folder): Promise<boolean> =>
    enabled(folder).catch((error: unknown) => {
      onError(error);
      return true;
    });
  const flush = async (): Promise<void> => {
    timer = undefined;
    if (!vscode.window.state.focused) return;
    const [ended, asked] = [notices.splice(0), prompts.splice(0)];
    const wanted = new Map<Folder, boolean>();
    for (const { folder } of [...ended, ...asked]) if (!wanted.has(folder)) wanted.set(folder, await isWanted(folder));
    const now = ended.filter((it) => wanted.get(it.folder) && stillTrue(overview.task(it.notice.taskId)));
    const all = now.map((it) => it.notice);
    for (const notice of all.length > MANY ? [summaryOf(all)] : all) tell(notice).catch(onError);
    for (const { prompt, folder } of asked) {
      if (!overview.question(prompt.id) || told.has(prompt.id) || !wanted.get(folder)) continue;
      told.add(prompt.id);
      didAsk.fire(prompt);
      ask(prompt, folder, overview.task(prompt.task_id ?? '')?.title ?? prompt.session).catch(onError);
    }
  };
  /** An agent stands still until its question is answered: that waits for nothing. */
  const soon = (): void => {
    if (prompts.length > 0) clearTimeout(timer);
    else if (timer !== undefined) return;
    timer = setTimeout(() => void flush().catch(onError), prompts.length > 0 ? 0 : GATHER_MS);
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
    onDidAsk: (listener) => didAsk.event(listener),
    dispose() {
      didAsk.dispose();
      clearTimeout(timer);
      for (const subscription of subscriptions) subscription.dispose();
    },
  };
}

/** Nobody has acted on it since. */
const stillTrue = (task: Task | undefined): boolean =>
  task !== undefined &&
  (task.status === 'success' ? task.merged_at === null : ['error', 'needs_review'].includes(task.status));

export const stopTelling = async (): Promise<void> =>
  vscode.workspace.getConfiguration('ampa').update('notifications', false, vscode.ConfigurationTarget.Global);

async function tell(notice: Notice): Promise<void> {
  const chosen = await message(notice.severity, notice.message, ...notice.buttons.map((it) => it.title), NEVER);
  if (chosen === NEVER) return stopTelling();
  const button = notice.buttons.find((it) => it.title === chosen);
  if (button) await vscode.commands.executeCommand(button.command, notice.taskId);
}

/** A question of an agent: what it wants to do, and the two answers. */
async function ask(prompt: OpenPrompt, folder: Folder, title: string): Promise<void> {
  const choices = promptButtons(prompt);
  const titles = [...choices.map((it) => it.title), OPEN];
  const text = withLink(promptMessage(prompt, title), NEVER_LINK);
  const chosen = await vscode.window.showWarningMessage(text, ...titles);
  // A question of a script has no page: it is asked with all its answers.
  const open: [CommandId, string] =
    prompt.task_id === null ? ['ampa.answerTask', `prompt:${prompt.id}`] : ['ampa.showTask', prompt.task_id];
  if (chosen === OPEN) return vscode.commands.executeCommand(...open);
  const it = choices.find(({ title: shown }) => shown === chosen);
  if (it) await answer(folder, prompt, it.choice);
}
