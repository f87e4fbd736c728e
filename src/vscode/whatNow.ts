import * as vscode from 'vscode';
import type { OpenPrompt } from '../conversations/prompt.ts';
import { isActive, type Task } from '../tasks/task.ts';
import { isMergeable } from '../tasks/abilities.ts';
import { relevantTasks } from './choose.ts';
import type { CommandId } from './commandTable.ts';
import type { Overview } from './overview.ts';
import { withoutIcons } from './plain.ts';
import { stateWords } from './taskRows.ts';

/** The status bar's menu: what makes sense now, the urgent first. */
export async function whatNow(overview: Overview): Promise<void> {
  interface Item extends vscode.QuickPickItem {
    command?: CommandId | 'ampa.tasks.focus';
    id?: string;
  }
  const row = (task: Task): Item => ({
    label: withoutIcons(task.title),
    description: stateWords(task, overview.questions(task.id).length > 0),
    command: overview.questions(task.id).length > 0 ? 'ampa.answerTask' : 'ampa.showTask',
    id: task.id,
  });
  const question = (prompt: OpenPrompt): Item => ({
    label: withoutIcons(prompt.summary),
    description: withoutIcons(prompt.session),
    command: 'ampa.answerTask',
    id: `prompt:${prompt.id}`,
  });
  const section = (label: string, items: Item[]): Item[] =>
    items.length === 0 ? [] : [{ label, kind: vscode.QuickPickItemKind.Separator }, ...items];
  const needing = relevantTasks(
    overview,
    (task, asks) => asks || task.status === 'needs_review' || task.status === 'error',
  );
  const active = relevantTasks(overview, (task, asks) => isActive(task.status) && !asks);
  const green = relevantTasks(overview, (task) => task.status === 'success' && isMergeable(task));
  const items: Item[] = [
    ...section('Needs you', [...overview.questions('').map(question), ...needing.map(row)].slice(0, 8)),
    ...section('At work', active.slice(0, 8).map(row)),
    ...section('Green, not merged', green.slice(0, 5).map(row)),
    ...section('AMPA', [
      { label: '$(add) Start Task…', command: 'ampa.startTask' },
      { label: '$(list-tree) Show Tasks', command: 'ampa.tasks.focus' },
      { label: '$(graph) Show Report', command: 'ampa.showReport' },
      { label: '$(checklist) Check Setup', command: 'ampa.doctor' },
      { label: '$(gear) Settings', command: 'ampa.openSettings' },
    ]),
  ];
  const chosen = await vscode.window.showQuickPick(items, { title: 'AMPA', placeHolder: 'What now?' });
  if (chosen?.command) await vscode.commands.executeCommand(chosen.command, ...(chosen.id ? [chosen.id] : []));
}
