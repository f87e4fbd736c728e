import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { App } from '../../../../src/app/api.ts';
import { AmpaError } from '../../../../src/errors.ts';
import { createFolders, type LoadApp } from '../../../../src/vscode/folders.ts';
import { until } from '../../../support/until.ts';

/** An engine where only what the folder asks of it is real. */
const appOf = (root: vscode.Uri, over: Partial<App>): App =>
  ({
    workspace: { root: root.fsPath, isGit: true },
    hasStore: () => true,
    startEngine: async () => undefined,
    watch: () => () => undefined,
    onNotice: () => () => undefined,
    notices: () => [],
    list: async () => ({ tasks: [], total: 0 }),
    prompts: async () => [],
    close: async () => undefined,
    ...over,
  }) as unknown as App;

describe('A folder in which a task is started from the terminal of its window', () => {
  it('is woken when that command has ended, for no window has gained the focus', async function () {
    // The shell has to be one that the editor is told by when a command ends.
    if (process.platform === 'win32') return this.skip();
    const root = vscode.workspace.workspaceFolders![0]!.uri;
    let store = false;
    const secrets = new vscode.EventEmitter<void>();
    const folders = createFolders({
      load: async () => appOf(root, { hasStore: () => store }),
      report: (_folder, problem) => assert.fail(String(problem)),
      notice: () => undefined,
      onSecrets: secrets.event,
    });
    const terminal = vscode.window.createTerminal({ name: 'start', shellPath: '/bin/bash' });
    try {
      const folder = folders.of(root)!;
      await folder.app();
      await folders.wake();
      assert.equal(folder.state, 'guest');
      await until('the shell is there', () => terminal.shellIntegration !== undefined);
      store = true;
      terminal.shellIntegration!.executeCommand('true');
      await until('it works on the folder', () => folder.state === 'running');
    } finally {
      terminal.dispose();
      folders.dispose();
      secrets.dispose();
    }
  });
});

describe('A folder that another machine works on', () => {
  it('is only read, until that machine has gone and somebody comes back to the window', async () => {
    const root = vscode.workspace.workspaceFolders![0]!.uri;
    let foreign = true;
    let broken = false;
    const reported: string[] = [];
    let starts = 0;
    // The other machine is the one part that cannot be had.
    const app = appOf(root, {
      async startEngine() {
        starts++;
        if (broken) throw new Error('the disk is gone');
        if (foreign) throw new AmpaError('read_only', 'a host on elsewhere is working on this folder', 'Do it there.');
      },
    });
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

describe('A folder whose engine cannot even be loaded', () => {
  const open = (load: LoadApp) => {
    const secrets = new vscode.EventEmitter<void>();
    const reported: string[] = [];
    const report = (_folder: unknown, problem: unknown): number => reported.push(String(problem));
    const folders = createFolders({ load, report, notice: () => undefined, onSecrets: secrets.event });
    const folder = folders.of(vscode.workspace.workspaceFolders![0]!.uri)!;
    return { folder, reported, close: () => (folders.dispose(), secrets.dispose()) };
  };

  it('is starting from the first moment, and says what it waits for', async () => {
    const keyring = Promise.withResolvers<never>();
    const { folder, reported, close } = open((_uri, waitsFor) => {
      waitsFor('the keyring');
      return keyring.promise;
    });
    try {
      const before = Date.now();
      assert.deepEqual([folder.state, folder.starting], ['guest', null]);
      const engaged = folder.engage();
      assert.equal(folder.state, 'starting');
      assert.equal(folder.starting?.waitsFor, 'the keyring');
      assert.ok(folder.starting.since >= before);
      keyring.reject(new Error('the keyring is gone'));
      await assert.rejects(engaged, /the keyring is gone/);
      assert.deepEqual([folder.state, folder.starting], ['failed', null]);
      assert.deepEqual(reported, ['Error: the keyring is gone']);
    } finally {
      close();
    }
  });

  it('is starting while somebody who only looks waits for it, and a guest room again after that', async () => {
    const keyring = Promise.withResolvers<never>();
    const { folder, reported, close } = open((_uri, waitsFor) => {
      waitsFor('the keyring');
      return keyring.promise;
    });
    try {
      const looking = folder.app();
      assert.deepEqual([folder.state, folder.starting?.waitsFor], ['starting', 'the keyring']);
      keyring.reject(new Error('the keyring is gone'));
      await assert.rejects(looking, /the keyring is gone/);
      assert.deepEqual([folder.state, folder.starting], ['guest', null]);
      assert.deepEqual(reported, [], 'whoever looked is told');
    } finally {
      close();
    }
  });
});
