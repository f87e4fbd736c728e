import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { activate, root, until } from '../host.ts';

describe('In a workspace that is not trusted', () => {
  it('the views are there and nothing runs', async () => {
    const { folders, tree, overview } = await activate();
    await vscode.commands.executeCommand('ampa.tasks.focus');
    await until('the view', () => tree?.view.visible === true);
    assert.equal(vscode.workspace.isTrusted, false);
    await folders.wake();
    assert.deepEqual(
      folders.all().map((it) => it.state),
      ['guest'],
    );
    assert.deepEqual([...overview.tasks()], []);
    await assert.rejects(folders.all()[0]!.app(), /not trusted/);
    await assert.rejects(folders.all()[0]!.engage(), /not trusted/);
  });

  it('a store that came with the folder is not opened', async () => {
    const { folders } = await activate();
    const dir = path.join(root(), '.worklog/ampa');
    fs.mkdirSync(dir, { recursive: true });
    fs.writeFileSync(path.join(dir, 'ampa.db'), 'not a database');
    await folders.wake();
    assert.deepEqual(
      folders.all().map((it) => it.state),
      ['guest'],
    );
    assert.deepEqual(fs.readdirSync(dir), ['ampa.db']);
  });

  it('settings of the folder that name programs or loosen a guard are not read', async () => {
    const values = { 'ampa.agentCommand': 'evil', 'ampa.permissions': 'all', 'ampa.notifications': false };
    fs.mkdirSync(path.join(root(), '.vscode'), { recursive: true });
    fs.writeFileSync(path.join(root(), '.vscode/settings.json'), JSON.stringify(values));
    const read = (name: string): unknown =>
      vscode.workspace.getConfiguration('ampa', vscode.Uri.file(root())).get(name);
    await until('a safe one to arrive', () => read('notifications') === false);
    assert.equal(read('agentCommand'), '');
    assert.equal(read('permissions'), 'edits');
  });
});
