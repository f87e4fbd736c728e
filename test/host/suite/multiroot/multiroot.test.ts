import assert from 'node:assert/strict';
import path from 'node:path';
import * as vscode from 'vscode';
import { activate, until } from '../host.ts';

describe('With two repositories in one workspace', () => {
  it('each has its engine, and a row says whose task it is', async () => {
    const { folders, overview, tree } = await activate();
    const [one, two] = folders.all();
    assert.deepEqual([one?.name, two?.name], ['one', 'two']);
    const app = await two!.engage();
    const task = await app.start({ prompt: 'Note something in two', permissions: 'all' });
    await until('the task', () => overview.task(task.id) !== undefined);
    assert.equal(folders.of(task.id), two);
    assert.equal(one?.state, 'guest', 'the other folder stays as it was');
    const item = await tree!.provider.getTreeItem(`task:${task.id}`);
    assert.match(String(item.description), / · two$/);
    await until('its end', () => !['queued', 'running', 'retrying'].includes(overview.task(task.id)?.status ?? ''));
  });

  it('a folder inside one of the repositories shares its engine', async () => {
    const { folders } = await activate();
    const two = folders.all().find((it) => it.name === 'two');
    const inside = vscode.Uri.file(path.join(two!.uri.fsPath, 'src'));
    vscode.workspace.updateWorkspaceFolders(2, 0, { uri: inside, name: 'inside' });
    await until('the folder', () => folders.of(inside) !== undefined);
    const folder = folders.of(inside);
    assert.equal(await folder?.app(), await two?.app());
    assert.deepEqual(
      folders.all().map((it) => it.name),
      ['one', 'two'],
    );
    assert.equal(folders.of(inside), two);
  });

  it('a folder whose engine was that of another goes on when the other leaves the window', async () => {
    const { folders } = await activate();
    const two = folders.all().find((it) => it.name === 'two');
    const inside = vscode.Uri.file(path.join(two!.uri.fsPath, 'src'));
    vscode.workspace.updateWorkspaceFolders(1, 1);
    await until('the folder is its own', () => folders.all().some((it) => it.name === 'inside'));
    const app = await folders.of(inside)!.engage();
    assert.equal((await app.list({})).total, 1);
  });
});
