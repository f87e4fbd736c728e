import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { activate, rowsOf, until } from '../host.ts';

describe('The Schedule view', () => {
  it('shows every command, runs it, and follows what happens', async () => {
    const { folders, schedule } = await activate();
    assert.ok(schedule, 'the view was made');
    const [folder] = folders.all();
    const app = await folder!.engage();
    assert.deepEqual(await rowsOf(schedule.provider), []);
    await app.schedule.add('hello', { title: 'Says hello', command: 'echo hello there', cron: '0 3 1 1 *' });
    await until('the row', () => schedule.commands().length === 1);
    const [element] = (await schedule.provider.getChildren()) ?? [];
    let [row] = await rowsOf(schedule.provider);
    assert.equal(row?.label, 'Says hello');
    assert.match(String(row?.description), /^in \d+ (days|h|min|s)$/);
    assert.match(row?.contextValue ?? '', /\bscheduled\b.*\bswitchedOn\b.*\bcanRun\b/);

    await vscode.commands.executeCommand('ampa.scheduleRun', element);
    await until('the result', async () => {
      [row] = await rowsOf(schedule.provider);
      return /succeeded/.test(String(row?.description));
    });
    const [run] = await rowsOf(schedule.provider, element);
    assert.match(String(run?.description), /^succeeded after <?\d+(?:\.\d)? s$/);
    const [runElement] = (await schedule.provider.getChildren(element)) ?? [];
    assert.equal(schedule.of(runElement!)?.command.id, 'hello');

    await vscode.commands.executeCommand('ampa.scheduleDisable', element);
    [row] = await rowsOf(schedule.provider);
    assert.match(row?.contextValue ?? '', /\bswitchedOff\b/);
    assert.match(String(row?.description), /^paused · succeeded/);
    await vscode.commands.executeCommand('ampa.scheduleEnable', element);
    await vscode.commands.executeCommand('ampa.scheduleHistory', element);
    await until(
      'the page',
      () => vscode.window.tabGroups.activeTabGroup.activeTab?.label.startsWith('Runs of hello') === true,
    );
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('runs what is due by itself, and is gone with the last command', async () => {
    const { folders, schedule } = await activate();
    const app = await folders.all()[0]!.app();
    // The run by hand has begun the pause between two starts.
    fs.writeFileSync(path.join(app.workspace.stateDir, '.env'), 'AMPA_SCHEDULER_GLOBAL_MIN_INTERVAL_SECONDS=0\n');
    await app.reloadConfig();
    await app.schedule.add('now', { command: 'true', frequency_minutes: 60 });
    await until('a run', () =>
      schedule!.commands().some((it) => it.command.id === 'now' && it.command.last_status === 'succeeded'),
    );
    await app.schedule.remove('now');
    await app.schedule.remove('hello');
    await until('an empty view', () => schedule!.commands().length === 0);
  });
});
