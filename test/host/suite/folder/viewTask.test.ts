/** Page, diff and log of a real task. Runs after tasks.test.ts, which wants an untouched folder. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import * as vscode from 'vscode';
import type { Task } from '../../../../src/tasks/task.ts';
import { activate, root, until } from '../host.ts';

const pages = (): vscode.Tab[] =>
  vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .filter((tab) => tab.input instanceof vscode.TabInputWebview && tab.input.viewType.endsWith('ampa.task'));

describe('Looking at a task', () => {
  let task: Task;
  const current = async (): Promise<Task> => (await activate()).overview.task(task.id)!;

  before(async function () {
    const { overview } = await activate();
    const before = new Set([...overview.tasks()].map((it) => it.id));
    await vscode.commands.executeCommand('ampa.startTask', { prompt: 'Give orders a discount', permissions: 'all' });
    await until('the task', () => [...overview.tasks()].some((it) => !before.has(it.id)));
    task = [...overview.tasks()].find((it) => !before.has(it.id))!;
    await vscode.commands.executeCommand('ampa.showTask', task.id);
    await until('an end', async () => !['queued', 'running', 'retrying'].includes((await current()).status));
    task = await current();
  });

  it('opens one page with the title of the task, and brings it back to the front', async () => {
    await until('the page', () => pages().length === 1);
    await until('its title', () => pages()[0]?.label === task.title);
    await vscode.commands.executeCommand('ampa.showTask', task.id);
    assert.equal(pages().length, 1);
    assert.equal(pages()[0]?.isActive, true);
  });

  it('follows the log in a terminal of its own, one for each task', async () => {
    await vscode.commands.executeCommand('ampa.showLog', task.id);
    await vscode.commands.executeCommand('ampa.showLog', task.id);
    const terminals = vscode.window.terminals.filter((it) => it.name === task.title);
    assert.equal(terminals.length, 1);
    terminals[0]?.dispose();
    await until('the terminal is gone', () => !vscode.window.terminals.some((it) => it.name === task.title));
  });

  it('shows the changes after the worktree is gone, without the git extension', async () => {
    const { folders } = await activate();
    const app = await folders.all()[0]!.app();
    const worktree = task.worktree!;
    assert.ok(fs.existsSync(worktree));
    await app.clean({ olderThanDays: 0, force: true });
    assert.equal(fs.existsSync(worktree), false);
    await vscode.commands.executeCommand('ampa.showDiff', task.id);
    const tab = (): vscode.Tab | undefined => vscode.window.tabGroups.activeTabGroup.activeTab;
    await until('the changes', () => tab()?.label.startsWith('Changes: ') === true);

    const { base, head, files } = await app.changedFiles(task.id);
    assert.ok(files.length > 0);
    const read = async (commit: string | null, path: string): Promise<string> => {
      const query = JSON.stringify({ folder: vscode.Uri.file(root()).toString(), task: task.id, commit });
      const uri = vscode.Uri.from({ scheme: 'ampa-diff', path: `/${path}`, query });
      const { size } = await vscode.workspace.fs.stat(uri);
      const bytes = await vscode.workspace.fs.readFile(uri);
      assert.equal(size, bytes.length);
      return Buffer.from(bytes).toString();
    };
    const git = (commit: string, path: string): string =>
      execFileSync('git', ['-C', root(), 'show', `${commit}:${path}`], { encoding: 'utf8' });
    for (const { path, status } of files) {
      assert.equal(await read(head, path), status === 'deleted' ? '' : git(head, path), path);
      assert.equal(await read(base, path), status === 'added' ? '' : git(base, path), path);
    }
    assert.equal(await read(base, 'src/total.mjs'), git(base, 'src/total.mjs'));
    assert.equal(await read(null, 'src/total.mjs'), '');
    assert.equal(await read(head, 'src/none.mjs'), '', 'a side that does not exist is empty');
  });

  it('lets nobody write there, and reads only commits of tasks', async () => {
    assert.equal(vscode.workspace.fs.isWritableFileSystem('ampa-diff'), false);
    const uri = (query: string) => vscode.Uri.from({ scheme: 'ampa-diff', path: '/src/total.mjs', query });
    for (const query of ['', '{}', JSON.stringify({ folder: 'file:///', task: task.id, commit: '--help' })]) {
      await assert.rejects(async () => vscode.workspace.fs.readFile(uri(query)), query);
    }
  });

  it('closes with its tab', async () => {
    await vscode.window.tabGroups.close(pages());
    assert.equal(pages().length, 0);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });
});
