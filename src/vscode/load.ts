/** Makes the engine's facade of a folder. The engine's code is loaded here, on first need, and nowhere else. */
import * as vscode from 'vscode';
import type { App } from '../app/api.ts';
import type { SettingsReader } from '../config/sources.ts';
import { githubSession } from './githubSession.ts';
import { withEditorProxy } from './proxyEnv.ts';
import type { StoredSecrets } from './storedSecrets.ts';

/** What the person set for a folder; values that the workspace's own files carry are kept apart. */
function editorSettings(folder: vscode.Uri): SettingsReader {
  const inspect = (setting: string) => vscode.workspace.getConfiguration(undefined, folder).inspect(setting);
  return {
    workspace(setting) {
      const found = inspect(setting);
      return found?.workspaceFolderValue ?? found?.workspaceValue;
    },
    user: (setting) => inspect(setting)?.globalValue,
  };
}

/** The proxy that the person has set, never one of the folder's: everything that is sent would go through it. */
function proxied(env: NodeJS.ProcessEnv): Readonly<Record<string, string | undefined>> {
  const http = vscode.workspace.getConfiguration('http');
  if (http.get('proxySupport') === 'off') return env;
  const proxy = http.inspect<string>('proxy')?.globalValue ?? '';
  return withEditorProxy(env, proxy, http.inspect<string[]>('noProxy')?.globalValue ?? []);
}

/** Carriers run on the editor's own Node, so that they need nothing installed. */
export async function loadApp(
  context: vscode.ExtensionContext,
  secrets: StoredSecrets,
  folder: vscode.Uri,
  waitsFor: (what: string) => void,
): Promise<App> {
  const stored = secrets.ready();
  waitsFor('its own code');
  const { createApp } = await import('../app/createApp.ts');
  waitsFor('the secrets that the editor keeps: the keyring of this machine may have to be unlocked');
  await stored;
  waitsFor('git, which says what repository the folder is');
  return createApp({
    folder: folder.fsPath,
    kind: 'vscode',
    env: proxied(process.env),
    settings: () => editorSettings(folder),
    trusted: true,
    editorToken: githubSession,
    storedSecret: secrets.get,
    asks: true,
    place: { scheme: vscode.env.uriScheme, folder: folder.toString() },
    carrier: {
      execPath: process.execPath,
      args: [context.asAbsolutePath('dist/cli.js')],
      env: { ELECTRON_RUN_AS_NODE: '1' },
    },
  });
}
