/** The main job as a person does it: start, watch, reload, abort, continue, look at what needs them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import type { Task } from '../../src/tasks/task.ts';
import {
  answerInput,
  filterAndPick,
  notifications,
  openActivity,
  pick,
  reloadWindow,
  runCommand,
  screenshot,
  statusBarItem,
  treeRows,
  waitFor,
  webviewFrame,
} from '../host/workbench.ts';
import { openSession, pictureFailure, type Session } from './session.ts';

describe('Tasks in the editor', () => {
  let session: Session;
  let page: Page;
  const hold = path.join(os.tmpdir(), `ampa-hold-${process.pid}`);
  before(async () => {
    fs.writeFileSync(hold, '');
    const agent = `'${process.execPath}' '${path.join(import.meta.dirname, 'heldAgent.mjs')}'`;
    session = await openSession({ env: { AMPA_AGENT_COMMAND: agent, E2E_HOLD: hold, DEMO_PAUSE_MS: '50' } });
    ({ page } = session);
  });
  after(async () => {
    fs.rmSync(hold, { force: true });
    await session?.close();
  });
  afterEach(function () {
    return pictureFailure(page, this.currentTest);
  });

  const row = (text: string | RegExp): Locator => treeRows(page, 'Tasks').filter({ hasText: text });
  const state = (): string => path.join(session.sample.folder, '.worklog/ampa');

  /** What the command line says about the only task with this title. */
  function stored(title: string): Task {
    const cli = [
      path.join(session.extension, 'dist/cli.js'),
      'ls',
      '--all',
      '--json',
      '--workspace',
      session.sample.folder,
    ];
    const { tasks } = JSON.parse(execFileSync(process.execPath, cli, { encoding: 'utf8' })) as { tasks: Task[] };
    const found = tasks.filter((task) => task.title === title);
    assert.equal(found.length, 1, `one task "${title}" among ${tasks.map((task) => task.title).join(', ')}`);
    return found[0]!;
  }

  it('has a welcome view with one button, and has made nothing', async () => {
    await openActivity(page, 'AMPA');
    await page.locator('.welcome-view-content').getByText('Start Task', { exact: true }).waitFor();
    await statusBarItem(page, 'AMPA').waitFor();
    await screenshot(page, 'tasks-welcome');
    await page.locator('.welcome-view-content a').getByText('Take the tour').click();
    await page.locator('.getting-started-step').filter({ hasText: 'Set up an agent' }).waitFor();
    await runCommand(page, 'View: Close All Editors');
    assert.equal(fs.existsSync(path.join(session.sample.folder, '.worklog')), false);
  });

  it('starts a task from the palette, asking once what agents may do', async () => {
    await runCommand(page, 'AMPA: Start Task…');
    await page.locator('.quick-input-widget:visible input').first().fill('Give total a discount');
    await screenshot(page, 'start-task');
    await answerInput(page, 'Give total a discount', /What should the agent do/);
    await page.locator('.quick-input-widget').getByText('What may agents do without asking you?').waitFor();
    await screenshot(page, 'start-permissions');
    await pick(page, 'It may do everything');
    await row('Give total a discount')
      .filter({ hasText: /preparing|agent · 1/ })
      .waitFor();
    await statusBarItem(page, '1 running').waitFor();
    await row('Running').waitFor();
    await screenshot(page, 'tasks-running');
  });

  it('goes on with the same turn when the window is reloaded in its middle', async () => {
    await row('agent · 1/3').waitFor();
    const log = path.join(state(), 'logs', stored('Give total a discount').id, '1.log');
    const turns = (): number =>
      fs.existsSync(log) ? (fs.readFileSync(log, 'utf8').match(/a turn has begun/g)?.length ?? 0) : 0;
    await waitFor(() => turns() === 1, 'the turn');
    assert.equal(stored('Give total a discount').phase, 'agent');
    await reloadWindow(page);
    await row('Give total a discount').filter({ hasText: 'agent · 1/3' }).waitFor();
    assert.equal(stored('Give total a discount').phase, 'agent');
    fs.rmSync(hold);
    await row('Give total a discount').filter({ hasText: 'green · 2/3' }).waitFor({ timeout: 60_000 });
    await statusBarItem(page, /^\s*AMPA\s*$/).waitFor();
    assert.equal(turns(), 1, 'the turn began once');
    assert.equal(stored('Give total a discount').attempts, 2);
  });

  it('tells that the task ended, with what can be done now', async () => {
    const notice = notifications(page).filter({ hasText: 'checks green' });
    await notice.waitFor();
    assert.deepEqual(await notice.locator('.monaco-button').allInnerTexts(), [
      'Show Diff',
      'Merge…',
      'Show Task',
      "Don't Show Again",
    ]);
    await screenshot(page, 'tasks-ended');
    await notice.hover();
    await notice.locator('.codicon-notifications-clear').click();
  });

  it('shows attempts with their checks below the task', async () => {
    await row('Give total a discount').locator('.monaco-tl-twistie').click();
    await row('Attempt 2').waitFor();
    await row('Attempt 1').locator('.monaco-tl-twistie').click();
    await row(/^npm test\s*failed · \d/).waitFor();
    await row(/^npm test\s*passed · \d/).waitFor();
    await screenshot(page, 'tasks-attempts');
    await screenshot(page, 'tasks-attempts-light', { theme: 'light' });
    await screenshot(page, 'tasks-attempts-dark', { theme: 'dark' });
  });

  it('aborts a task after asking', async () => {
    fs.writeFileSync(hold, '');
    await runCommand(page, 'AMPA: Start Task…');
    await answerInput(page, 'Write a note', /What should the agent do/);
    await row('Write a note').filter({ hasText: 'agent · 1/3' }).waitFor();
    await runCommand(page, 'AMPA: Abort Task');
    await pick(page, 'Write a note');
    const dialog = page.locator('.monaco-dialog-box');
    await dialog.getByText('Abort “Write a note”?').waitFor();
    await screenshot(page, 'abort-task');
    await dialog.locator('.monaco-button').getByText('Abort Task').click();
    await row('Write a note').filter({ hasText: 'aborted' }).waitFor();
    assert.equal(stored('Write a note').status, 'aborted');
    fs.rmSync(hold);
  });

  it('continues it where it stopped', async () => {
    await runCommand(page, 'AMPA: Continue Task…');
    await pick(page, 'Write a note');
    await page.locator('.quick-input-widget').getByText('Stopped by a person.').waitFor();
    await screenshot(page, 'continue-task');
    await answerInput(page, '', /What should the agent do next/);
    await row('Write a note').filter({ hasText: 'green' }).waitFor({ timeout: 60_000 });
  });

  it('says what needs a person, in the tree, the status bar and the badge', async () => {
    const settings = {
      'ampa.checksCommand': 'echo "src/total.mjs:3: no discount for Tuesdays"; exit 1',
      'ampa.maxAttempts': 1,
    };
    const file = path.join(session.sample.folder, '.vscode/settings.json');
    fs.mkdirSync(path.dirname(file));
    fs.writeFileSync(file, JSON.stringify(settings));
    await reloadWindow(page);
    await row('Write a note').waitFor();
    await runCommand(page, 'AMPA: Start Task…');
    await answerInput(page, 'No discount on Tuesdays', /What should the agent do/);
    // The new file is not committed: it is named, and the person decides.
    const dialog = page.locator('.monaco-dialog-box');
    await dialog.getByText('.vscode/').waitFor();
    await screenshot(page, 'start-dirty');
    await dialog.locator('.monaco-button').getByText('Start Without Them').click();
    await row('No discount on Tuesdays').filter({ hasText: 'still red · 1/1' }).waitFor({ timeout: 60_000 });
    await row('Needs you').waitFor();
    const status = statusBarItem(page, '1 needs you');
    await status.waitFor();
    await waitFor(
      async () => (await status.getAttribute('class'))?.includes('warning-kind') ?? false,
      'the warning colour',
    );
    await page
      .locator('.part.activitybar .action-item')
      .filter({ has: page.locator('a[aria-label^="AMPA"]') })
      .locator('.badge-content')
      .getByText('1')
      .waitFor();
    await row('No discount on Tuesdays').hover();
    await screenshot(page, 'tasks-needs-you');
    await screenshot(page, 'tasks-needs-you-light', { theme: 'light' });
    await screenshot(page, 'tasks-needs-you-narrow', { theme: 'dark', width: 700, height: 620 });
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  it('offers what makes sense now when the status bar is clicked', async () => {
    await statusBarItem(page, '1 needs you').click();
    await page.locator('.quick-input-widget:visible').getByText('No discount on Tuesdays').waitFor();
    await screenshot(page, 'what-now');
    await page.keyboard.press('Escape');
  });

  it('takes the selection along, and keeps what was typed', async () => {
    await runCommand(page, 'Go to File...');
    await filterAndPick(page, 'README.md');
    await page.locator('.tab.active[aria-label^="README.md"]').waitFor();
    await page.locator('.monaco-editor .view-line').first().click();
    await page.keyboard.press('Control+a');
    await runCommand(page, 'AMPA: Start Task…');
    const box = page.locator('.quick-input-widget:visible');
    await box.locator('input').first().fill('Explain this');
    await box.locator('[aria-label^="Add the selection (README.md:1–"]').click();
    await box.getByText('With README.md:1–6.').waitFor();
    await screenshot(page, 'start-selection');
    await page.keyboard.press('Escape');
    await runCommand(page, 'AMPA: Start Task…');
    assert.equal(await box.locator('input').first().inputValue(), 'Explain this');
    await box.locator('input').first().fill('');
    await page.keyboard.press('Escape');
    await runCommand(page, 'View: Close All Editors');
  });

  it('says more under the pointer', async () => {
    const hover = page.locator('.monaco-hover:visible, .workbench-hover:visible').first();
    await statusBarItem(page, '1 needs you').hover();
    await hover.getByText('1 waiting for you').waitFor();
    await hover.getByText(/Editor window \(process \d+\), last seen/).waitFor();
    await screenshot(page, 'status-tooltip');
    await row('No discount on Tuesdays').hover();
    await hover.getByText('The checks are still red after the last attempt.').waitFor();
    await screenshot(page, 'row-tooltip');
  });

  it('checks the setup on a page', async () => {
    await runCommand(page, 'AMPA: Check Setup');
    await page.locator('.tab.active').filter({ hasText: 'AMPA Setup' }).waitFor();
    const frame = await webviewFrame(page, 'h1#ampa-setup');
    assert.match(await frame.locator('body').innerText(), /Git/);
    await screenshot(page, 'doctor');
  });

  it('opens the page of a task from its row', async () => {
    await row('No discount on Tuesdays').first().click();
    await page.locator('.tab.active').filter({ hasText: 'No discount on Tuesdays' }).waitFor();
    await webviewFrame(page, 'text=no discount for Tuesdays');
    const badge = page
      .locator('.part.activitybar .action-item')
      .filter({ has: page.locator('a[aria-label^="AMPA"]') })
      .locator('.badge-content');
    await waitFor(async () => !(await badge.isVisible()), 'the badge to go: the task was looked at');
    await screenshot(page, 'tasks-and-page');
  });

  it('offers a page for a longer task', async () => {
    await runCommand(page, 'AMPA: Write a Longer Task…');
    await page.locator('.monaco-editor .codelens-decoration').getByText('Start This Task').waitFor();
    await page.keyboard.type('Two things\n\n- the first\n- the second\n');
    await screenshot(page, 'written-task');
    const backups = (): string[] =>
      fs
        .globSync('server/data/User/Backups/*/untitled/*', { cwd: session.dir })
        .map((name) => path.join(session.dir, name));
    await waitFor(() => backups().some((file) => fs.readFileSync(file, 'utf8').includes('the second')), 'a backup');
    await reloadWindow(page);
    await page.locator('.view-line').getByText('the second').waitFor();
    // The lens is drawn anew while the window settles; the button above stays where it is.
    await page.locator('.monaco-editor .codelens-decoration').getByText('Start This Task').waitFor();
    await page.locator('.editor-actions .action-label[aria-label^="Start This Task"]').click();
    await page.locator('.monaco-dialog-box .monaco-button').getByText('Start Without Them').click();
    await row('Two things').waitFor();
    await waitFor(
      async () => (await page.locator('.tab').filter({ hasText: 'Untitled' }).count()) === 0,
      'the page to close',
    );
  });
});
