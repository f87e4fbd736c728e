/** All folders' tasks as one: what the tree, the status bar and the notices are drawn from. */
import * as vscode from 'vscode';
import type { OpenPrompt } from '../conversations/prompt.ts';
import type { Task } from '../tasks/task.ts';
import type { Folder, Folders } from './folders.ts';
import { layOut, touched, type Layout } from './tasksModel.ts';

export interface Asked {
  prompt: OpenPrompt;
  folder: Folder;
}

export interface OverviewChange {
  tasks: { before: Task | undefined; after: Task; folder: Folder }[];
  /** Questions that are new. */
  asked: Asked[];
  /** Rows of the tree to draw again. */
  rows: 'root' | string[];
}

export interface Overview extends vscode.Disposable {
  task(id: string): Task | undefined;
  tasks(): Iterable<Task>;
  /** Open questions of a task, oldest first; those that belong to no task under the empty id. */
  questions(id: string): readonly OpenPrompt[];
  /** An open question with the folder that it is asked in. */
  question(id: string): Asked | undefined;
  layout(): Layout;
  onDidChange(listener: (change: OverviewChange) => void): vscode.Disposable;
}

/** Many rows change within moments of each other; the views are drawn once. */
const COALESCE_MS = 80;

export function createOverview(folders: Folders): Overview {
  const emitter = new vscode.EventEmitter<OverviewChange>();
  let seen = new Map<string, Task>();
  let questions = new Map<string, OpenPrompt[]>();
  let open = new Map<string, Asked>();
  let layout = layOut([], new Set());
  let timer: NodeJS.Timeout | undefined;

  const read = (): void => {
    timer = undefined;
    const now = new Map<string, Task>();
    const asking = new Map<string, OpenPrompt[]>();
    const all = new Map<string, Asked>();
    const change: OverviewChange = { tasks: [], asked: [], rows: [] };
    for (const folder of folders.all()) {
      const { tasks, prompts } = folder.snapshot();
      for (const [id, task] of tasks) {
        now.set(id, task);
        const before = seen.get(id);
        if (before?.rev !== task.rev) change.tasks.push({ before, after: task, folder });
      }
      for (const prompt of prompts) {
        const of = prompt.task_id ?? '';
        all.set(prompt.id, { prompt, folder });
        if (!open.has(prompt.id)) change.asked.push({ prompt, folder });
        asking.set(of, [...(asking.get(of) ?? []), prompt]);
      }
    }
    const scripts = (asking.get('') ?? []).map((it) => it.id);
    const next = layOut(now.values(), new Set(asking.keys()), scripts);
    const redraw = new Set(change.tasks.map((it) => it.after.id));
    for (const id of [...asking.keys(), ...questions.keys()]) {
      if (asking.get(id)?.length !== questions.get(id)?.length) redraw.add(id);
    }
    change.rows = touched(layout, next, redraw);
    seen = now;
    questions = asking;
    open = all;
    layout = next;
    emitter.fire(change);
  };
  const subscription = folders.onDidChange(() => {
    timer ??= setTimeout(read, COALESCE_MS);
  });
  return {
    task: (id) => seen.get(id),
    tasks: () => seen.values(),
    questions: (id) => questions.get(id) ?? [],
    question: (id) => open.get(id),
    layout: () => layout,
    onDidChange: (listener) => emitter.event(listener),
    dispose() {
      clearTimeout(timer);
      subscription.dispose();
      emitter.dispose();
    },
  };
}
