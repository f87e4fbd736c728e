/** Opens links to tasks, also those of a folder that has to be opened first. */
import * as vscode from 'vscode';
import { requireTrust } from './choose.ts';
import type { Folder, Folders } from './folders.ts';
import { parseLink } from './links.ts';
import { plain } from './plain.ts';

const KEY = 'ampa.link';
/** A link that waits for its folder is not remembered for longer. */
const WAIT_MS = 10 * 60_000;

interface Waiting {
  id: string;
  folder: string;
  at: number;
}

export interface LinkHandler {
  open(uri: vscode.Uri): Promise<void>;
  /** Opens the task that this window was opened for, if it was. */
  resume(): Promise<void>;
}

export function createLinkHandler(
  memory: vscode.Memento,
  folders: Folders,
  openTask: (id: string, folder: Folder) => Promise<void>,
): LinkHandler {
  /** The folder that has the task; those that have a store are started first. */
  const find = async (id: string): Promise<Folder | undefined> => {
    await folders.wake();
    return folders.of(id);
  };
  const elsewhere = async (id: string, folder: string): Promise<void> => {
    const uri = vscode.Uri.parse(folder);
    const chosen = await vscode.window.showInformationMessage(
      plain(`This task belongs to ${uri.fsPath}.`),
      'Open in New Window',
      'Open Here',
    );
    if (!chosen) return;
    const waiting: Waiting = { id, folder: uri.toString(), at: Date.now() };
    await memory.update(KEY, waiting);
    await vscode.commands.executeCommand('vscode.openFolder', uri, { forceNewWindow: chosen === 'Open in New Window' });
  };
  return {
    async open(uri) {
      const link = parseLink(uri.path, uri.query);
      if (link.kind === 'invalid') {
        await vscode.window.showWarningMessage(plain(link.why));
        return;
      }
      if (!(await requireTrust())) return;
      const folder = await find(link.id);
      if (folder) return openTask(link.id, folder);
      const isHere = link.folder === null || folders.of(vscode.Uri.parse(link.folder)) !== undefined;
      if (isHere) await vscode.window.showWarningMessage(plain(`There is no task ${link.id} in this window.`));
      else await elsewhere(link.id, link.folder ?? '');
    },
    async resume() {
      const waiting = memory.get<Waiting>(KEY);
      if (!waiting || Date.now() - waiting.at > WAIT_MS) return;
      const here = folders.of(vscode.Uri.parse(waiting.folder));
      if (!here || !vscode.workspace.isTrusted) return;
      await memory.update(KEY, undefined);
      const folder = await find(waiting.id);
      if (folder) await openTask(waiting.id, folder);
    },
  };
}
