/** The editor's own GitHub session: asked silently, but for a click. */
import * as vscode from 'vscode';
import { AmpaError, describeError } from '../errors.ts';
import { plain } from './plain.ts';

const SCOPES = ['repo', 'workflow'];

/** Its token, asked silently: a person signs in by a click, never because a task starts. */
export async function githubSession(host: string): Promise<string | null> {
  if (host !== 'github.com') return null;
  const session = await vscode.authentication.getSession('github', SCOPES, { silent: true });
  return session?.accessToken ?? null;
}

/** Asks the person to sign in, or to let AMPA use the account they are signed in with. */
export async function signInToGitHub(): Promise<void> {
  const detail = 'AMPA opens pull requests and reads checks with your account.';
  try {
    const { account } = await vscode.authentication.getSession('github', SCOPES, { createIfNone: { detail } });
    const said = `Signed in to GitHub as ${account.label}. AMPA uses this account from the next task on, unless a GitHub App is set up.`;
    void vscode.window.showInformationMessage(plain(said));
  } catch (error) {
    // Whoever said no needs no message that says so.
    if (/did not consent|cancel/i.test(String(error))) return;
    const hint = 'Run `gh auth login` in a terminal instead, or set GITHUB_TOKEN.';
    throw new AmpaError('external', `the editor did not sign in to GitHub: ${describeError(error)}`, hint, error);
  }
}
