/** "AMPA: Edit Fallback Rules": the file of rules, made from a template where there is none. */
import fs from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { codeOf } from '../errors.ts';
import { FALLBACK_TEMPLATE } from './fallbackTemplate.ts';
import type { Folder } from './folders.ts';
import { plain } from './plain.ts';

export async function editFallbackRules(folder: Folder): Promise<void> {
  // The rules lie with the rest of our state: it is made, with the file that keeps it out of git.
  const app = await folder.engage();
  const { file, warnings } = await app.fallbackRules();
  try {
    await fs.promises.mkdir(path.dirname(file), { recursive: true });
    await fs.promises.writeFile(file, FALLBACK_TEMPLATE, { flag: 'wx' });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  await vscode.window.showTextDocument(vscode.Uri.file(file), { preview: false });
  for (const warning of warnings) void vscode.window.showWarningMessage(plain(warning));
}
