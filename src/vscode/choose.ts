/** Asking which task or folder is meant. */
import * as vscode from 'vscode';
import type { Task } from '../tasks/task.ts';
import type { Folder, Folders } from './folders.ts';
import type { Asked, Overview } from './overview.ts';
import { stateWords, taskIcon, wishOf } from './taskRows.ts';
import { parseElement } from './tasksModel.ts';
import { groupOf, type Group } from './abilities.ts';
import { plain, withoutIcons } from './plain.ts';

export interface Chosen {
  id: string;
  folder: Folder;
  /** As last seen; it may have changed since. */
  task: Task;
}

/** The task that a command was given: a tree row, an id, or an object with one. */
export function taskIdOf(given: unknown): string | undefined {
  if (typeof given === 'string') {
    const element = parseElement(given);
    return element && 'task' in element ? element.task : given;
  }
  if (typeof given !== 'object' || given === null) return undefined;
  const { id, taskId } = given as { id?: unknown; taskId?: unknown };
  return typeof id === 'string' ? id : typeof taskId === 'string' ? taskId : undefined;
}

const RANK: Record<Group, number> = { needs: 0, running: 1, queued: 2, done: 3 };

/** Those that an action suits, the most urgent first, and the last changed before others. */
export function relevantTasks(overview: Overview, suits: (task: Task, asks: boolean) => boolean): Task[] {
  const rank = (task: Task): number => (overview.questions(task.id).length > 0 ? -1 : RANK[groupOf(task, false)]);
  return [...overview.tasks()]
    .filter((task) => suits(task, overview.questions(task.id).length > 0))
    .sort((a, b) => rank(a) - rank(b) || (a.updated_at < b.updated_at ? 1 : -1));
}

export interface TaskQuestion {
  /** The command: "Abort Task". */
  title: string;
  /** "Select a task to abort" */
  ask: string;
  /** Why there may be nothing to choose: "No task is running." */
  none: string;
  suits: (task: Task, asks: boolean) => boolean;
}

/** The given task, else the one a person picks; undefined when they pick none or there is none. */
export async function chooseTask(
  folders: Folders,
  overview: Overview,
  given: unknown,
  question: TaskQuestion,
): Promise<Chosen | undefined> {
  await folders.wake();
  const id = taskIdOf(given) ?? (await pickTask(overview, question));
  if (id === undefined) return undefined;
  const folder = folders.of(id);
  const task = folder?.snapshot().tasks.get(id);
  if (folder && task) return { id, folder, task };
  await vscode.window.showWarningMessage(plain(`There is no task ${id} in this window.`));
  return undefined;
}

/** A task in a list: its state as an icon, its title, and its state in words. */
export function pickOf(task: Task, overview: Overview): { label: string; description: string; id: string } {
  const asks = overview.questions(task.id).length > 0;
  const { id: icon } = taskIcon(task, asks);
  return { label: `$(${icon}) ${withoutIcons(task.title)}`, description: stateWords(task, asks), id: task.id };
}

async function pickTask(overview: Overview, { title, ask, none, suits }: TaskQuestion): Promise<string | undefined> {
  const tasks = relevantTasks(overview, suits);
  if (tasks.length === 0) {
    void vscode.window.showInformationMessage(none);
    return undefined;
  }
  const items = tasks.map((task) => ({
    ...pickOf(task, overview),
    description: [stateWords(task, overview.questions(task.id).length > 0), task.agent].join(' · '),
    detail: withoutIcons(task.branch),
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    matchOnDescription: true,
    matchOnDetail: true,
    placeHolder: ask,
  });
  return chosen?.id;
}

/** The given question, the first of the given task, the only one there is, or the one a person picks. */
export async function chooseQuestion(folders: Folders, overview: Overview, given: unknown): Promise<Asked | undefined> {
  await folders.wake();
  const element = typeof given === 'string' ? parseElement(given) : undefined;
  const id = taskIdOf(given);
  const known =
    element?.kind === 'prompt' ? element.prompt : id === undefined ? undefined : overview.questions(id)[0]?.id;
  if (given !== undefined) {
    const asked = known === undefined ? undefined : overview.question(known);
    if (!asked) void vscode.window.showInformationMessage('This question is no longer open.');
    return asked;
  }
  const all = ['', ...relevantTasks(overview, (_task, asks) => asks).map((task) => task.id)].flatMap((task) =>
    overview.questions(task),
  );
  if (all.length === 0) void vscode.window.showInformationMessage('There are no open questions.');
  const items = all.map((prompt) => ({
    label: `$(question) ${withoutIcons(overview.task(prompt.task_id ?? '')?.title ?? prompt.summary)}`,
    description: withoutIcons(prompt.task_id === null ? prompt.session : wishOf(prompt)),
    id: prompt.id,
  }));
  const chosen =
    items.length === 0
      ? undefined
      : await vscode.window.showQuickPick(items, {
          title: 'Answer Question',
          placeHolder: 'Select a question to answer',
        });
  return chosen && overview.question(chosen.id);
}

/** The only folder, that of the active editor's file where it is plain, else the one a person picks. */
export async function chooseFolder(folders: Folders, title: string): Promise<Folder | undefined> {
  const all = folders.all();
  if (all.length === 0) {
    const chosen = await vscode.window.showWarningMessage('Open a folder with a Git repository first.', 'Open Folder');
    if (chosen) await vscode.commands.executeCommand('vscode.openFolder');
    return undefined;
  }
  if (all.length === 1) return all[0];
  const active = vscode.window.activeTextEditor?.document.uri;
  const here = active && folders.of(active);
  const items = [...all]
    .sort((a, b) => Number(b === here) - Number(a === here))
    .map((folder) => ({
      label: `$(folder) ${withoutIcons(folder.name)}`,
      description: withoutIcons(folder.uri.fsPath),
      folder,
    }));
  return (await vscode.window.showQuickPick(items, { title, placeHolder: 'Select a folder' }))?.folder;
}

/** Trust, or an offer to give it. */
export async function requireTrust(): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const chosen = await vscode.window.showWarningMessage(
    'AMPA runs agents and checks, so it does nothing until you trust this workspace.',
    'Manage Workspace Trust',
  );
  if (chosen) await vscode.commands.executeCommand('workbench.trust.manage');
  return vscode.workspace.isTrusted;
}
