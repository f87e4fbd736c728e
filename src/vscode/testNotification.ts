/** "AMPA: Send Test Notification": says for each channel what happened. */
import * as vscode from 'vscode';
import { requireTrust, chooseFolder } from './choose.ts';
import type { CommandId } from './commandTable.ts';
import type { Folders } from './folders.ts';
import { plain } from './plain.ts';
import { testSummary } from './testSummary.ts';

export async function testNotification(folders: Folders): Promise<void> {
  const folder = (await requireTrust()) ? await chooseFolder(folders, 'Send Test Notification') : undefined;
  if (!folder) return;
  const app = await folder.app();
  const told = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: 'AMPA: sending a test notification' },
    () => app.testNotification(),
  );
  const names = new Map((await app.channels()).map(({ name, title }) => [name, title]));
  const { text, good } = testSummary(told, names);
  const store = 'Store a Secret…';
  const settings = told.length === 0 ? [store, 'How to Set Up'] : [];
  const chosen = await (good ? vscode.window.showInformationMessage : vscode.window.showWarningMessage)(
    plain(text),
    ...settings,
  );
  if (chosen === store) await vscode.commands.executeCommand('ampa.storeSecret' satisfies CommandId);
  else if (chosen) await vscode.commands.executeCommand('extension.open', 'ampa.ampa');
}
