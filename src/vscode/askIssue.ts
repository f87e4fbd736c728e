/** Which issue a task is started from. */
import * as vscode from 'vscode';

/** The number of an issue, typed or as part of its address. */
export async function askIssue(): Promise<number | undefined> {
  const number = (text: string): string | undefined => /(?:^#?|\/issues\/)(\d+)\s*$/.exec(text.trim())?.[1];
  const typed = await vscode.window.showInputBox({
    title: 'Start Task from GitHub Issue',
    prompt: 'Number or URL of an issue in this repository. Its text becomes the task; the pull request closes it.',
    placeHolder: '#12',
    ignoreFocusOut: true,
    validateInput: (text) => (text.trim() === '' || number(text) ? null : 'Enter the number or the URL of an issue.'),
  });
  const found = typed === undefined ? undefined : number(typed);
  return found === undefined ? undefined : Number(found);
}
