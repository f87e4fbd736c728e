/** The task page's registration: light, so that activation stays instant. What it does is taskPanel.ts. */
import * as vscode from 'vscode';
import type { Diffs } from './diff.ts';
import type { Folders } from './folders.ts';
import type { Panels } from './taskPanel.ts';

/** Type of the panels; the manifest activates the extension for it. */
const TASK_VIEW = 'ampa.task';

export interface TaskPage extends vscode.Disposable {
  /** Shows the page of a task; the one that is open, if it is. */
  open(taskId: string, folder: vscode.Uri): Promise<void>;
}

export function registerTaskPage(context: vscode.ExtensionContext, folders: Folders, diffs: Diffs): TaskPage {
  let loading: Promise<Panels> | null = null;
  const panels = (): Promise<Panels> => {
    loading ??= import('./taskPanel.ts').then(({ createPanels }) =>
      createPanels(TASK_VIEW, context.extensionUri, folders, diffs),
    );
    return loading;
  };
  const serializer = vscode.window.registerWebviewPanelSerializer(TASK_VIEW, {
    async deserializeWebviewPanel(panel, state: unknown) {
      (await panels()).restore(panel, state);
    },
  });
  return {
    async open(taskId, folder) {
      (await panels()).open(taskId, folder);
    },
    dispose() {
      serializer.dispose();
      // A failure to load was reported to whoever asked for the page.
      loading?.then((it) => it.dispose()).catch(() => undefined);
    },
  };
}
