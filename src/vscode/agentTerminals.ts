/** Agents that are installed and signed in to in a terminal, by the person. */
import * as vscode from 'vscode';
import type { App } from '../app/api.ts';
import type { CommandId } from './commandTable.ts';

/** Opens the login of the agent with this name, else of one that the person picks. */
export async function signIn(app: App, name: string | undefined): Promise<void> {
  const found = (await app.agents()).filter((it) => it.found);
  if (found.length === 0) {
    const install = 'Install an Agent…';
    const chosen = await vscode.window.showWarningMessage('No coding agent was found on PATH.', install);
    if (chosen) await vscode.commands.executeCommand('ampa.installAgent' satisfies CommandId);
    return;
  }
  const items = found.map((agent) => ({ label: agent.title, description: agent.login, agent }));
  const agent =
    found.find((it) => it.name === name) ??
    (
      await vscode.window.showQuickPick(items, {
        title: 'Sign In to Agent',
        placeHolder: 'Select an agent; its login opens in a terminal',
      })
    )?.agent;
  if (!agent) return;
  const terminal = vscode.window.createTerminal({ name: `Sign in to ${agent.title}` });
  terminal.show();
  terminal.sendText(agent.login);
}

/** The command is put into a terminal; the person runs it. */
export async function installAgent(app: App): Promise<void> {
  const items = (await app.agents()).map((agent) => ({
    label: agent.title,
    description: agent.found ? `installed: ${agent.path}` : agent.install,
    agent,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: 'Install an Agent',
    placeHolder: 'Select an agent; its command is put into a terminal for you to run',
  });
  if (!chosen) return;
  const terminal = vscode.window.createTerminal({ name: `Install ${chosen.agent.title}` });
  terminal.show();
  terminal.sendText(chosen.agent.install, false);
}
