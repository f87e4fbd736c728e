/** What the suites inside the extension host share. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { Internals } from '../../../src/vscode/extension.ts';

export async function activate(): Promise<Internals> {
  const extension = vscode.extensions.getExtension<Internals>('ampa.ampa');
  if (!extension) throw new Error('the extension is not installed');
  return extension.activate();
}

/** The first folder of the window. */
export function root(): string {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  if (!folder) throw new Error('the window has no folder');
  return folder.uri.fsPath;
}

export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s for ${what}`);
    await sleep(50);
  }
}

export async function rowsOf(provider: vscode.TreeDataProvider<string>, parent?: string): Promise<vscode.TreeItem[]> {
  const children = (await provider.getChildren(parent)) ?? [];
  return Promise.all(children.map(async (child) => provider.getTreeItem(child)));
}
