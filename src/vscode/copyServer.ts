import * as vscode from 'vscode';
import type { Folder } from './folders.ts';
import { plain } from './plain.ts';

/** Puts the address of the local server on the clipboard, and its token if that is wanted next. */
export async function copyServerAddress(folder: Folder): Promise<void> {
  const address = await (await folder.app()).server();
  if (!address) {
    const chosen = await vscode.window.showInformationMessage(
      plain(
        `No local server is running for ${folder.name}. It runs once a port is set, or under \`ampa daemon --start-scheduler\`.`,
      ),
      'Open Settings',
    );
    if (chosen) await vscode.commands.executeCommand('workbench.action.openSettings', 'ampa.metricsPort');
    return;
  }
  await vscode.env.clipboard.writeText(address.url);
  const token = await vscode.window.showInformationMessage(plain(`${address.url} is on the clipboard.`), 'Copy Token');
  if (token) await vscode.env.clipboard.writeText(address.token);
}
