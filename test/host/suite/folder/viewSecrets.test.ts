import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { askForSecret, createStoredSecrets } from '../../../../src/vscode/storedSecrets.ts';
import { describeError } from '../../../../src/errors.ts';
import { activate, root, until } from '../host.ts';

describe('A secret that the editor keeps', () => {
  it('is a setting of its folders at once, is masked, and goes again', async () => {
    const { folders, secrets } = await activate();
    const app = await folders.all()[0]!.app();
    const source = (): string => app.config().sources.ntfyToken;
    assert.equal(source(), 'default');
    await secrets.store('AMPA_NTFY_TOKEN', 'kept-by-the-editor');
    await until('it is read', () => source() === 'SecretStorage');
    assert.equal(app.config().values.ntfyToken, 'kept-by-the-editor');
    assert.ok(app.secrets().includes('kept-by-the-editor'));
    await secrets.store('AMPA_NTFY_TOKEN', '');
    await until('it is forgotten', () => source() === 'default');
    assert.equal(app.config().values.ntfyToken, '');
  });

  it('that cannot be read is told, once for all of them, and the others are there', async () => {
    const errors: unknown[] = [];
    const storage = {
      get: async (name: string) => {
        if (name !== 'AMPA_NTFY_URL') throw new Error('the keyring is locked');
        return 'https://ntfy.example/x';
      },
      onDidChange: () => ({ dispose() {} }),
    } as unknown as vscode.SecretStorage;
    const secrets = createStoredSecrets(storage, (error) => errors.push(error));
    await secrets.ready();
    assert.equal(secrets.get('AMPA_NTFY_URL'), 'https://ntfy.example/x');
    assert.equal(errors.length, 1);
    assert.match(describeError(errors[0]), /the keyring is locked.*Unlock the keyring/);
    secrets.dispose();
  });

  it('is asked for with a word about what goes before it, and removed by nothing that is empty', async () => {
    const { folders, secrets } = await activate();
    await folders.all()[0]!.engage();
    const dotenv = path.join(root(), '.worklog/ampa/.env');
    const before = fs.existsSync(dotenv) ? fs.readFileSync(dotenv, 'utf8') : '';
    const window = vscode.window as unknown as Record<'showQuickPick' | 'showInputBox', unknown>;
    const { showQuickPick, showInputBox } = window;
    const prompts: string[] = [];
    window.showQuickPick = async (items: { label: string }[]) => items.find((it) => it.label === 'AMPA_NTFY_TOKEN');
    window.showInputBox = async ({ prompt }: vscode.InputBoxOptions) => {
      prompts.push(prompt ?? '');
      return prompts.length === 2 ? 'kept' : '  ';
    };
    try {
      await askForSecret(secrets, folders);
      fs.writeFileSync(dotenv, `${before}\nAMPA_NTFY_TOKEN=of-the-file\n`);
      await askForSecret(secrets, folders);
      await until('it is kept', () => secrets.get('AMPA_NTFY_TOKEN') === 'kept');
      fs.writeFileSync(dotenv, before);
      await askForSecret(secrets, folders);
      await until('it is removed', () => secrets.get('AMPA_NTFY_TOKEN') === undefined);
    } finally {
      Object.assign(window, { showQuickPick, showInputBox });
      fs.writeFileSync(dotenv, before);
      await folders
        .all()[0]!
        .app()
        .then((app) => app.reloadConfig());
    }
    const said = prompts.map((it) => [
      / (The value from .* takes precedence)\./.exec(it)?.[1],
      / Leave empty to remove it\./.test(it),
    ]);
    assert.deepEqual(said, [
      [undefined, false],
      ['The value from .worklog/ampa/.env takes precedence', false],
      [undefined, true],
    ]);
  });
});
