/** The task page's registration: light, so that activation stays instant. What it does is taskPanel.ts. */
import type * as vscode from 'vscode';
import type { Diffs } from './diff.ts';
import type { Folders } from './folders.ts';
import { registerLazyPanels } from './lazyPanels.ts';

/** Type of the panels; the manifest activates the extension for it. */
const TASK_VIEW = 'ampa.task';

export interface TaskPage extends vscode.Disposable {
  /** Shows the page of a task; the one that is open, if it is. */
  open(taskId: string, folder: vscode.Uri): Promise<void>;
}

export function registerTaskPage(context: vscode.ExtensionContext, folders: Folders, diffs: Diffs): TaskPage {
  const { panels, dispose } = registerLazyPanels(TASK_VIEW, async () => {
    const { createTaskPanels } = await import('./taskPanel.ts');
    return createTaskPanels(TASK_VIEW, context.extensionUri, folders, diffs);
  });
  return {
    async open(taskId, folder) {
      (await panels()).open(taskId, folder);
    },
    dispose,
  };
}
