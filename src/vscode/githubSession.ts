/** The editor's own GitHub session: asked silently, but for a click. */
import * as vscode from 'vscode';
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
    void vscode.window.showInformationMessage(plain(`Tasks that start now are ${account.label}'s on GitHub.`));
  } catch (error) {
    // Whoever said no needs no message that says so.
    if (!/did not consent|cancel/i.test(String(error))) throw error;
  }
}
