import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { App } from '../../../../src/app/api.ts';
import { AmpaError } from '../../../../src/errors.ts';
import { createFolders } from '../../../../src/vscode/folders.ts';

describe('A folder that another machine works on', () => {
  it('is only read, until that machine has gone and somebody comes back to the window', async () => {
    const root = vscode.workspace.workspaceFolders![0]!.uri;
    let foreign = true;
    let broken = false;
    const reported: string[] = [];
    let starts = 0;
    // The other machine is the one part that cannot be had.
    const app = {
      workspace: { root: root.fsPath, isGit: true },
      hasStore: () => true,
      async startEngine() {
        starts++;
        if (broken) throw new Error('the disk is gone');
        if (foreign) throw new AmpaError('read_only', 'a host on elsewhere is working on this folder', 'Do it there.');
      },
      watch: () => () => undefined,
      onNotice: () => () => undefined,
      notices: () => [],
      list: async () => ({ tasks: [], total: 0 }),
      prompts: async () => [],
      close: async () => undefined,
    } as unknown as App;
    const secrets = new vscode.EventEmitter<void>();
    const folders = createFolders({
      load: async () => app,
      report: (_folder, problem) => reported.push(String(problem)),
      notice: () => undefined,
      onSecrets: secrets.event,
    });
    try {
      const folder = folders.of(root)!;
      await folder.engage();
      assert.equal(folder.state, 'readonly');
      await folders.wake();
      assert.equal(folder.state, 'readonly');
      assert.deepEqual(reported, []);
      broken = true;
      await folders.wake();
      assert.deepEqual([folder.state, ...reported], ['readonly', 'Error: the disk is gone']);
      [foreign, broken] = [false, false];
      await folders.wake();
      assert.equal(folder.state, 'running');
      const before = starts;
      await folders.wake();
      await folder.engage();
      assert.equal(starts, before, 'what runs is left alone');
    } finally {
      folders.dispose();
      secrets.dispose();
    }
  });
});
