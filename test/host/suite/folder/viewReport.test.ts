/** The report page in a real extension host; what it shows is tried in test/pages. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { activate, until } from '../host.ts';

const pages = (): vscode.Tab[] =>
  vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .filter((tab) => tab.input instanceof vscode.TabInputWebview && tab.input.viewType.endsWith('ampa.report'));

describe('The report', () => {
  after(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

  it('is one page, which comes back to the front', async () => {
    await activate();
    await vscode.commands.executeCommand('ampa.showReport');
    await until('the page', () => pages().length === 1);
    assert.equal(pages()[0]?.label, 'AMPA Report');
    await vscode.commands.executeCommand('ampa.openSettings');
    await until('another editor', () => pages()[0]?.isActive === false);
    await vscode.commands.executeCommand('ampa.showReport');
    await until('the page in front', () => pages()[0]?.isActive === true);
    assert.equal(pages().length, 1);
  });

  it('has what the tasks of this window and its commands did', async () => {
    const { folders, overview } = await activate();
    const app = await folders.all()[0]!.engage();
    await app.schedule.add('fails', { title: 'Fails', command: 'echo why; exit 7', cron: '0 3 1 1 *' });
    await app.schedule.run('fails', { signal: new AbortController().signal });
    const report = await app.report({ range: 'day', timeZone: 'Europe/Berlin' });
    assert.deepEqual(
      report.failures.map((it) => [it.title, it.exit_code]),
      [['Fails', 7]],
    );
    const green = [...overview.tasks()].filter((it) => it.status === 'success').length;
    assert.ok(green > 0);
    assert.equal(report.tasks.success, green);
    await vscode.commands.executeCommand('ampa.scheduleHistory', {
      folder: folders.all()[0]!.uri.toString(),
      command: 'fails',
    });
    await until(
      'its runs',
      () => vscode.window.tabGroups.activeTabGroup.activeTab?.label.startsWith('Runs of fails') === true,
    );
    await app.schedule.remove('fails');
  });
});
