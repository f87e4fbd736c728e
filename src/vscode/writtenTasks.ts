/** Pages for tasks that need more than a line: untitled markdown with a button that starts them. */
import * as vscode from 'vscode';
import type { Task } from '../tasks/task.ts';
import { CONTEXT_KEYS, type CommandId } from './commandTable.ts';
import type { Folder } from './folders.ts';

export interface WrittenTasks extends vscode.Disposable {
  /** Opens a page with a first text. Without a folder it is asked for at the start. */
  open(text: string, folder?: Folder): Promise<void>;
  /** Starts what the page says and closes it. */
  start(
    page: vscode.Uri | undefined,
    start: (prompt: string, folder: Folder | undefined) => Promise<Task | undefined>,
  ): Promise<void>;
}

export function createWrittenTasks(): WrittenTasks {
  const pages = new Map<string, Folder | undefined>();
  const changed = new vscode.EventEmitter<void>();
  const tell = (): void => {
    changed.fire();
    void vscode.commands.executeCommand('setContext', CONTEXT_KEYS.pages, [...pages.keys()]);
  };
  const subscriptions = [
    changed,
    vscode.workspace.onDidCloseTextDocument((document) => {
      if (pages.delete(document.uri.toString())) tell();
    }),
    vscode.languages.registerCodeLensProvider(
      { scheme: 'untitled' },
      {
        onDidChangeCodeLenses: changed.event,
        provideCodeLenses(document) {
          if (!pages.has(document.uri.toString())) return [];
          const command = {
            title: '$(play) Start This Task',
            command: 'ampa.startWritten' satisfies CommandId,
            arguments: [document.uri],
          };
          return [new vscode.CodeLens(new vscode.Range(0, 0, 0, 0), command)];
        },
      },
    ),
  ];
  return {
    async open(text, folder) {
      const document = await vscode.workspace.openTextDocument({ language: 'markdown', content: text });
      pages.set(document.uri.toString(), folder);
      tell();
      const editor = await vscode.window.showTextDocument(document, { preview: false });
      const end = document.positionAt(text.length);
      editor.selection = new vscode.Selection(end, end);
    },
    async start(page, start) {
      const uri = page ?? vscode.window.activeTextEditor?.document.uri;
      const document = vscode.workspace.textDocuments.find((it) => it.uri.toString() === uri?.toString());
      const prompt = document?.getText().trim();
      if (!document || !prompt) {
        await vscode.window.showWarningMessage('The page is empty: write what the agent should do.');
        return;
      }
      const task = await start(prompt, pages.get(document.uri.toString()));
      if (!task) return;
      // What the page said is the task's request now. An empty page closes without asking.
      const clear = new vscode.WorkspaceEdit();
      clear.delete(document.uri, new vscode.Range(0, 0, document.lineCount, 0));
      await vscode.workspace.applyEdit(clear);
      const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
      await vscode.window.tabGroups.close(
        tabs.filter(
          (tab) => tab.input instanceof vscode.TabInputText && tab.input.uri.toString() === document.uri.toString(),
        ),
      );
    },
    dispose() {
      for (const subscription of subscriptions) subscription.dispose();
    },
  };
}
