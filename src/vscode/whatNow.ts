import * as vscode from 'vscode';
import type { OpenPrompt } from '../conversations/prompt.ts';
import { isActive, type Task } from '../tasks/task.ts';
import { isMergeable } from '../tasks/abilities.ts';
import { pickOf, relevantTasks } from './choose.ts';
import type { CommandId } from './commandTable.ts';
import type { Overview } from './overview.ts';
import { withoutIcons } from './plain.ts';

/** The status bar's menu: what makes sense now, the urgent first. */
export async function whatNow(overview: Overview): Promise<void> {
  interface Item extends vscode.QuickPickItem {
    command?: CommandId | 'ampa.tasks.focus';
    id?: string;
  }
  const row = (task: Task): Item => ({
    ...pickOf(task, overview),
    command: overview.questions(task.id).length > 0 ? 'ampa.answerTask' : 'ampa.showTask',
  });
  const question = (prompt: OpenPrompt): Item => ({
    label: `$(question) ${withoutIcons(prompt.summary)}`,
    description: withoutIcons(prompt.session),
    command: 'ampa.answerTask',
    id: `prompt:${prompt.id}`,
  });
  /** What is left out is said, and leads to the view that has it. */
  const section = (label: string, items: Item[], most = items.length): Item[] =>
    items.length === 0
      ? []
      : [
          { label, kind: vscode.QuickPickItemKind.Separator },
          ...items.slice(0, most),
          ...(items.length > most
            ? [{ label: `$(ellipsis) ${items.length - most} More…`, command: 'ampa.tasks.focus' as const }]
            : []),
        ];
  const needing = relevantTasks(
    overview,
    (task, asks) => asks || task.status === 'needs_review' || task.status === 'error',
  );
  const active = relevantTasks(overview, (task, asks) => isActive(task.status) && !asks);
  const green = relevantTasks(overview, (task) => task.status === 'success' && isMergeable(task));
  const items: Item[] = [
    ...section('Needs you', [...overview.questions('').map(question), ...needing.map(row)], 8),
    ...section('Running and queued', active.map(row), 8),
    ...section('Ready to merge', green.map(row), 5),
    ...section('AMPA', [
      { label: '$(add) Start Task…', command: 'ampa.startTask' },
      { label: '$(list-tree) Show Tasks', command: 'ampa.tasks.focus' },
      { label: '$(graph) Show Report', command: 'ampa.showReport' },
      { label: '$(checklist) Check Setup', command: 'ampa.doctor' },
      { label: '$(gear) Open Settings', command: 'ampa.openSettings' },
    ]),
  ];
  const chosen = await vscode.window.showQuickPick(items, { title: 'AMPA', placeHolder: 'Select a task or an action' });
  if (chosen?.command) await vscode.commands.executeCommand(chosen.command, ...(chosen.id ? [chosen.id] : []));
}
