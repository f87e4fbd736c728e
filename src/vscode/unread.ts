/** What needs a person and was not looked at yet, tasks and questions: remembered for the workspace, outside the folder. */
import * as vscode from 'vscode';
import { stateKey } from './abilities.ts';
import type { Overview } from './overview.ts';
import { elementId, needOf } from './tasksModel.ts';

const KEY = 'ampa.read';

export interface Unread extends vscode.Disposable {
  /** What needs a person and was not opened since it does: ids of tasks, and `prompt:ID` of questions without one. */
  ids(): ReadonlySet<string>;
  markRead(id: string): void;
  onDidChange(listener: () => void): vscode.Disposable;
}

export function createUnread(memory: vscode.Memento, overview: Overview): Unread {
  const emitter = new vscode.EventEmitter<void>();
  let read = memory.get<Record<string, string>>(KEY, {});
  let unread = new Set<string>();

  const keyOf = (id: string): string | null => {
    // A question does not change: read once, it is read.
    if (id.startsWith('prompt:')) return overview.question(id.slice('prompt:'.length)) ? 'asked' : null;
    const task = overview.task(id);
    return task
      ? stateKey(
          task,
          overview.questions(id).map((it) => it.id),
        )
      : null;
  };
  const needing = (): string[] =>
    (overview.layout().children.get(elementId({ kind: 'group', group: 'needs' })) ?? []).map(needOf);
  const update = (): void => {
    const next = new Set(needing().filter((id) => read[id] !== keyOf(id)));
    const same = next.size === unread.size && [...next].every((id) => unread.has(id));
    unread = next;
    if (!same) emitter.fire();
  };
  const subscription = overview.onDidChange(update);
  update();
  return {
    ids: () => unread,
    markRead(id) {
      const key = keyOf(id);
      if (key === null || read[id] === key) return;
      const current = new Set(needing());
      // What no longer needs a person is forgotten, so that the memory stays as small as the group.
      read = Object.fromEntries([...Object.entries(read).filter(([other]) => current.has(other)), [id, key]]);
      void memory.update(KEY, read);
      update();
    },
    onDidChange: (listener) => emitter.event(listener),
    dispose() {
      subscription.dispose();
      emitter.dispose();
    },
  };
}
