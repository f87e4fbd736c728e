import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { activate, until } from '../host.ts';

describe('Without a folder', () => {
  it('the extension activates, shows its view and has no engine', async () => {
    const { folders, tree } = await activate();
    await vscode.commands.executeCommand('ampa.tasks.focus');
    await until('the view', () => tree.view.visible);
    assert.deepEqual(folders.all(), []);
    assert.deepEqual(await tree.provider.getChildren(), []);
  });
});
