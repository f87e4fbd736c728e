import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { activate, until } from '../host.ts';

describe('Without a folder', () => {
  it('a part that cannot be made does not stop the others', async () => {
    assert.equal(vscode.extensions.getExtension('ampa.ampa')?.isActive, false, 'it is not needed here yet');
    const taken = vscode.commands.registerCommand('ampa.copyTaskId', () => undefined);
    const { tree } = await activate();
    taken.dispose();
    assert.ok(tree);
    const known = await vscode.commands.getCommands(true);
    assert.ok(known.includes('ampa.startTask') && known.includes('ampa.whatNow'));
  });

  it('the extension activates, shows its view and has no engine', async () => {
    const { folders, tree } = await activate();
    await vscode.commands.executeCommand('ampa.tasks.focus');
    await until('the view', () => tree?.view.visible === true);
    assert.deepEqual(folders.all(), []);
    assert.deepEqual(await tree!.provider.getChildren(), []);
  });
});
