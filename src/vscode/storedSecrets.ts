/** Secrets that the editor keeps for the person, by the names that the environment has for them. */
import * as vscode from 'vscode';
import { KNOBS, type Knob, type KnobName } from '../config/knobs.ts';
import { STORED_SECRETS } from '../config/resolve.ts';
import { AmpaError, describeError } from '../errors.ts';
import type { Folders } from './folders.ts';

export interface StoredSecrets extends vscode.Disposable {
  /** Resolves when they are read; asks the editor on the first call. That some cannot be read is reported once. */
  ready(): Promise<void>;
  get(env: string): string | undefined;
  /** Empty text removes it. */
  store(env: string, value: string): Promise<void>;
  /** Another value is in force, whichever window stored it. */
  readonly onDidChange: vscode.Event<void>;
}

const secretKnobs = (): Knob[] => Object.values<Knob>(KNOBS).filter((knob) => knob.secret);

const unreadable = (error: unknown): AmpaError =>
  new AmpaError(
    'external',
    `the editor cannot read the secrets that it keeps: ${describeError(error)}`,
    'Unlock the keyring of this machine and reload the window, or put them into `.worklog/ampa/.env`.',
    error,
  );

export function createStoredSecrets(storage: vscode.SecretStorage, onError: (error: unknown) => void): StoredSecrets {
  const names = new Set<string>(secretKnobs().map((knob) => knob.env));
  const values = new Map<string, string>();
  const changed = new vscode.EventEmitter<void>();
  let reading: Promise<void> | null = null;

  async function read(env: string): Promise<void> {
    const value = await storage.get(env);
    if (value === undefined) values.delete(env);
    else values.set(env, value);
  }
  const readAll = async (): Promise<void> => {
    const failed = (await Promise.allSettled([...names].map(read))).find((it) => it.status === 'rejected');
    // They all lie in one place.
    if (failed) onError(unreadable(failed.reason));
  };
  const ready = (): Promise<void> => (reading ??= readAll());
  const refresh = async (env: string): Promise<void> => {
    // Not before somebody wanted them.
    if (reading === null) return;
    await reading;
    const before = values.get(env);
    await read(env).catch((error: unknown) => onError(unreadable(error)));
    if (values.get(env) !== before) changed.fire();
  };
  const subscription = storage.onDidChange(({ key }) => {
    if (names.has(key)) void refresh(key);
  });
  return {
    ready,
    get: (env) => values.get(env),
    async store(env, value) {
      await ready();
      if (value === '') await storage.delete(env);
      else await storage.store(env, value);
      await refresh(env);
    },
    onDidChange: changed.event,
    dispose() {
      subscription.dispose();
      changed.dispose();
    },
  };
}

/** Where the folders of this window have a value from that goes before a stored one; null: from nowhere. */
async function elsewhere(folders: Folders, env: string): Promise<string | null> {
  const name = Object.entries<Knob>(KNOBS).find(([, knob]) => knob.env === env)?.[0] as KnobName;
  const apps = await Promise.all(
    folders
      .all()
      .filter((it) => it.state === 'running')
      .map((it) => it.app()),
  );
  // A `.env` file tells nobody that it has changed.
  await Promise.all(apps.map((app) => app.reloadConfig()));
  const sources = apps.map((app) => app.config().sources[name]);
  const first = sources.find((it) => it !== 'default' && it !== STORED_SECRETS) ?? null;
  return first === 'environment' ? 'the environment' : first;
}

/** "Store a Secret…": which, and its value. */
export async function askForSecret(secrets: StoredSecrets, folders: Folders): Promise<void> {
  await secrets.ready();
  const items = secretKnobs().map(({ env, description }) => ({
    label: env,
    detail: description,
    env,
    description: secrets.get(env) === undefined ? '' : 'stored',
  }));
  const title = 'Store a Secret';
  const placeHolder = 'Select a secret; the editor keeps it, outside of every folder';
  const chosen = await vscode.window.showQuickPick(items, { title, placeHolder, matchOnDetail: true });
  if (!chosen) return;
  const [known, first] = [secrets.get(chosen.env) !== undefined, await elsewhere(folders, chosen.env)];
  const typed = await vscode.window.showInputBox({
    title: chosen.env,
    prompt: `${chosen.detail} It is kept by the editor, outside of every folder.${first === null ? '' : ` The value from ${first} takes precedence.`}${known ? ' Leave empty to remove it.' : ''}`,
    password: true,
    ignoreFocusOut: true,
  });
  const value = typed?.trim();
  if (value === undefined || (value === '' && !known)) return;
  await secrets.store(chosen.env, value);
  const said = value === '' ? 'was removed' : 'was stored';
  vscode.window.setStatusBarMessage(`$(key) ${chosen.env} ${said}`, 5000);
}
