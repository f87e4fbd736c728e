/** What of the editor can go along with a task: the selection, the problem under the cursor. */
import * as vscode from 'vscode';
import { fenced } from '../tasks/prompts.ts';

export interface Attachment {
  kind: 'selection' | 'problem';
  /** `src/a.ts:10–20` */
  where: string;
  /** For the agent. */
  text: string;
}

/** More than this belongs into the agent's own reading of the file. */
const MAX_SELECTION = 20_000;

export function attachments(editor: vscode.TextEditor | undefined): Attachment[] {
  if (!editor || editor.document.uri.scheme !== 'file') return [];
  const file = vscode.workspace.asRelativePath(editor.document.uri, false);
  const found: Attachment[] = [];
  const { selection, document } = editor;
  if (!selection.isEmpty) {
    // A selection that ends before the first character of a line does not hold that line.
    const last = selection.end.character === 0 ? selection.end.line : selection.end.line + 1;
    const lines = `${selection.start.line + 1}–${last}`;
    const text = document.getText(selection).slice(0, MAX_SELECTION);
    found.push({
      kind: 'selection',
      where: `${file}:${lines}`,
      text: `From \`${file}\`, lines ${lines}:\n\n${fenced(text)}`,
    });
  }
  const problem = vscode.languages.getDiagnostics(document.uri).find((it) => it.range.contains(selection.active));
  if (problem) {
    const line = problem.range.start.line;
    const source = [problem.source, typeof problem.code === 'object' ? problem.code.value : problem.code]
      .filter(Boolean)
      .join(' ');
    found.push({
      kind: 'problem',
      where: `${file}:${line + 1}`,
      text:
        `The problem at \`${file}\`, line ${line + 1}${source ? ` (${source})` : ''}: ${problem.message}\n\n` +
        fenced(document.lineAt(line).text.trim()),
    });
  }
  return found;
}
