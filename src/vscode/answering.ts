/** Answering questions of agents and scripts from the editor. The first answer counts, wherever it comes from. */
import os from 'node:os';
import * as vscode from 'vscode';
import { choiceLabel, isRecommended } from '../conversations/choices.ts';
import type { OpenPrompt } from '../conversations/prompt.ts';
import { AmpaError } from '../errors.ts';
import type { Documents } from './documents.ts';
import type { Folder } from './folders.ts';
import { plain, withoutIcons } from './plain.ts';
import { lateWords, questionPage } from './questionWords.ts';
import { cut } from './taskRows.ts';

/** Who answers here, for whoever comes later. */
const me = (): string => `${os.userInfo().username} (VS Code)`;

/** Answers a question. Throws an `AmpaError` in a person's words where somebody else was faster, or it is closed. */
export async function giveAnswer(folder: Folder, promptId: string, response: string): Promise<void> {
  const app = await folder.engage();
  try {
    await app.respond({ promptId, response, by: me() });
  } catch (error) {
    if (error instanceof AmpaError) throw new AmpaError(error.code, lateWords(error, Date.now()), '', error);
    throw error;
  }
}

/** The same, and what is wrong with it is told. */
export async function answer(folder: Folder, prompt: OpenPrompt, response: string): Promise<void> {
  try {
    await giveAnswer(folder, prompt.id, response);
  } catch (error) {
    if (!(error instanceof AmpaError)) throw error;
    void vscode.window.showInformationMessage(plain(error.message));
  }
}

/** Puts a question to the person as a list: its answers, words of their own, and the whole of it to read. */
export async function askPerson(
  folder: Folder,
  prompt: OpenPrompt,
  title: string,
  documents: Documents,
): Promise<void> {
  interface Item extends vscode.QuickPickItem {
    response?: string;
    act?: 'words' | 'read';
  }
  const items: Item[] = [
    ...prompt.choices.map((choice) => ({
      label: withoutIcons(choiceLabel(prompt, choice)),
      description: isRecommended(prompt, choice) ? 'recommended' : '',
      response: choice,
    })),
    { label: '', kind: vscode.QuickPickItemKind.Separator },
    { label: '$(edit) Answer in Your Own Words…', act: 'words' },
    { label: '$(book) Read the Whole Question', description: 'opens a page', act: 'read' },
  ];
  const chosen = await vscode.window.showQuickPick(items, {
    title: cut(title, 120),
    placeHolder: cut(prompt.detail.replace(/\s+/g, ' ').trim() || prompt.summary, 200),
    ignoreFocusOut: true,
  });
  if (chosen?.act === 'read') return documents.show(`Question ${prompt.id.slice(-6)}`, questionPage(prompt, title));
  const response = chosen?.act === 'words' ? await askWords(prompt, title) : chosen?.response;
  if (response !== undefined) await answer(folder, prompt, response);
}

const askWords = (prompt: OpenPrompt, title: string): Thenable<string | undefined> =>
  vscode.window.showInputBox({
    title: cut(title, 120),
    prompt:
      prompt.asks === 'permission'
        ? 'The request is refused, and the agent is told this.'
        : plain(withoutIcons(prompt.summary)),
    placeHolder: 'Your answer',
    ignoreFocusOut: true,
    validateInput: (text) => (text.trim() === '' ? 'Enter an answer.' : null),
  });
