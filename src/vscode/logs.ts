/**
 * Logs follow in a terminal of ours: the last megabyte, then what comes. Nothing that an agent
 * prints can do more to that terminal than colour it, and nothing runs in it.
 */
import * as vscode from 'vscode';
import type { App } from '../app/api.ts';
import { describeError } from '../errors.ts';
import type { Task } from '../tasks/task.ts';
import { cutTitle } from './diffQuery.ts';
import { followTask, ownLine } from './followTask.ts';

export interface Logs extends vscode.Disposable {
  /** Shows the log of one attempt (0 is the preparation), or follows the task from its current attempt on. */
  open(app: App, task: Task, attempt?: number): Promise<void>;
}

export function createLogs(): Logs {
  const open = new Map<string, vscode.Terminal>();
  const closed = vscode.window.onDidCloseTerminal((terminal) => {
    for (const [key, it] of open) if (it === terminal) open.delete(key);
  });
  return {
    async open(app, task, attempt) {
      const key = `${task.id} ${attempt ?? ''}`;
      const terminal =
        open.get(key) ??
        vscode.window.createTerminal({
          name: `${cutTitle(task.title)}${attempt === undefined ? '' : attempt === 0 ? ' (preparation)' : ` (attempt ${attempt})`}`,
          pty: logTerminal(app, task.id, attempt),
          iconPath: new vscode.ThemeIcon('output'),
          isTransient: true,
        });
      open.set(key, terminal);
      terminal.show(true);
    },
    dispose() {
      closed.dispose();
      // Nothing would follow in them any more.
      for (const terminal of open.values()) terminal.dispose();
    },
  };
}

function logTerminal(app: App, taskId: string, only: number | undefined): vscode.Pseudoterminal {
  const written = new vscode.EventEmitter<string>();
  const stop = new AbortController();
  return {
    onDidWrite: written.event,
    open() {
      followTask({ app, taskId, only, write: (text) => written.fire(text), signal: stop.signal }).catch(
        (error: unknown) => {
          if (!stop.signal.aborted) written.fire(ownLine('31', describeError(error)));
        },
      );
    },
    close() {
      stop.abort();
      written.dispose();
    },
  };
}
