/** Pages for tasks that need more than a line: untitled markdown with a button that starts them. */
import * as vscode from 'vscode';
import type { Task } from '../tasks/task.ts';
import { CONTEXT_KEYS, type CommandId } from './commandTable.ts';
import type { Folder, Folders } from './folders.ts';

export interface WrittenTasks extends vscode.Disposable {
  /** Opens a page with a first text. Without a folder it is asked for at the start. */
  open(text: string, folder?: Folder): Promise<void>;
  /** Starts what the page says and closes it. */
  start(
    page: vscode.Uri | undefined,
    start: (prompt: string, folder: Folder | undefined) => Promise<Task | undefined>,
  ): Promise<void>;
}

const KEY = 'ampa.pages';

/** `memory` outlives a reload, and so do the pages, which the editor brings back. */
export function createWrittenTasks(memory: vscode.Memento, folders: Folders): WrittenTasks {
  const tabs = new Set(
    vscode.window.tabGroups.all.flatMap(({ tabs: all }) =>
      all.flatMap(({ input }) => (input instanceof vscode.TabInputText ? [input.uri.toString()] : [])),
    ),
  );
  // The name of a page that was closed meanwhile may be somebody else's by now.
  const kept = Object.entries(memory.get<Record<string, string>>(KEY, {})).filter(([page]) => tabs.has(page));
  /** Pages, and the folder that each is for. */
  const pages = new Map<string, vscode.Uri | undefined>(
    kept.map(([page, folder]) => [page, folder === '' ? undefined : vscode.Uri.parse(folder)]),
  );
  const changed = new vscode.EventEmitter<void>();
  const tell = (): void => {
    changed.fire();
    void vscode.commands.executeCommand('setContext', CONTEXT_KEYS.pages, [...pages.keys()]);
    const known = [...pages].map(([page, folder]) => [page, folder?.toString() ?? '']);
    void memory.update(KEY, Object.fromEntries(known));
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
  if (pages.size > 0) tell();
  return {
    async open(text, folder) {
      const document = await vscode.workspace.openTextDocument({ language: 'markdown', content: text });
      pages.set(document.uri.toString(), folder?.uri);
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
      const folder = pages.get(document.uri.toString());
      const task = await start(prompt, folder && folders.of(folder));
      if (!task) return;
      // What the page said is the task's request now. An empty page closes without asking.
      const clear = new vscode.WorkspaceEdit();
      clear.delete(document.uri, new vscode.Range(0, 0, document.lineCount, 0));
      await vscode.workspace.applyEdit(clear);
      const open = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
      await vscode.window.tabGroups.close(
        open.filter(
          (tab) => tab.input instanceof vscode.TabInputText && tab.input.uri.toString() === document.uri.toString(),
        ),
      );
    },
    dispose() {
      for (const subscription of subscriptions) subscription.dispose();
    },
  };
}
