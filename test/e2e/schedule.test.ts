/** A schedule as a person makes and reads it: the guide, the tree, the report. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Frame, Locator, Page } from 'playwright-core';
import {
  answerInput,
  openActivity,
  pick,
  reloadWindow,
  runCommand,
  screenshot,
  treeRows,
  webviewFrame,
} from '../host/workbench.ts';
import { openSession, pictureFailure, type Session } from './session.ts';

describe('A schedule in the editor', () => {
  let session: Session;
  let page: Page;
  const problems: string[] = [];
  before(async () => {
    session = await openSession({ height: 900, env: { TZ: 'Europe/Berlin' } });
    ({ page } = session);
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) problems.push(message.text());
    });
  });
  after(() => session?.close());
  afterEach(function () {
    return pictureFailure(page, this.currentTest);
  });

  const input = (): Locator => page.locator('.quick-input-widget:visible input').first();
  const quick = (): Locator => page.locator('.quick-input-widget:visible');
  const row = (text: string | RegExp): Locator => treeRows(page, 'Schedule').filter({ hasText: text }).first();
  const report = (): Promise<Frame> => webviewFrame(page, '.ranges');
  const welcome = (): Locator => page.locator('.pane:has(.pane-header[aria-label*="Schedule"]) .welcome-view-content');
  /** Activates a button that shows only on a row under the mouse. */
  const press = async (text: string | RegExp, button: string): Promise<void> => {
    await row(text).hover();
    await row(text).locator(`.action-label[aria-label^="${button}"]`).click();
  };

  it('begins with one button, and a report that invites; nothing is made', async () => {
    await openActivity(page, 'AMPA');
    await welcome()
      .getByText(/AMPA leaves nothing in this folder/)
      .waitFor();
    assert.deepEqual(await welcome().locator('.monaco-button').allInnerTexts(), ['Enable Scheduler']);
    await runCommand(page, 'AMPA: Show Report');
    await (await report()).getByRole('button', { name: 'Add Scheduled Command…' }).waitFor();
    await screenshot(page, 'schedule-welcome');
    assert.equal(fs.existsSync(path.join(session.sample.folder, '.worklog')), false);
    await welcome().locator('.monaco-button').getByText('Enable Scheduler').click();
    await welcome().locator('.monaco-button').getByText('Add Scheduled Command').waitFor();
    assert.ok(fs.existsSync(path.join(session.sample.folder, '.worklog/ampa/ampa.db')));
  });

  it('adds a command step by step, with its next five times before anything is recorded', async () => {
    await (await report()).getByRole('button', { name: 'Add Scheduled Command…' }).click();
    await pick(page, 'A Shell Command');
    await answerInput(page, 'echo checking; echo 3 problems >&2; exit 3', /shell command line/);
    await quick().getByText('Every night at 02:00').waitFor();
    await screenshot(page, 'schedule-when');
    await pick(page, 'Cron Expression…');
    await input().fill('0 2 * *');
    await quick()
      .getByText(/has 4 fields, not five/)
      .waitFor();
    await screenshot(page, 'schedule-bad-cron');
    await input().fill('0 25 * * *');
    await quick()
      .getByText(/is not a cron expression/)
      .waitFor();
    await input().fill('0 2 * * *');
    await quick()
      .getByText(/Every night at 02:00. Next: \w+ \d+ \w+, 02:00/)
      .waitFor();
    await input().press('Enter');
    await quick().locator('.monaco-list-row').filter({ hasText: 'Missed Runs' }).waitFor();
    assert.equal(
      await quick()
        .locator('.monaco-list-row')
        .filter({ hasText: /, 02:00/ })
        .count(),
      5,
    );
    await pick(page, 'Title');
    await answerInput(page, 'Nightly lint', /Title/);
    await pick(page, 'Time Zone');
    await input().fill('Asia/Tokyo');
    await pick(page, 'Asia/Tokyo');
    await quick().getByText(/here$/).first().waitFor();
    await screenshot(page, 'schedule-ready');
    await pick(page, 'Add');
    await row('Nightly lint').waitFor();
  });

  it('adds a nightly agent, and tells bad numbers while they are typed', async () => {
    await runCommand(page, 'AMPA: Add Scheduled Command…');
    await pick(page, 'A Task for an Agent');
    await answerInput(page, 'Update the dependencies', /as in Start Task/);
    await pick(page, 'Every N Minutes…');
    await input().fill('often');
    await quick()
      .getByText(/is not a number of minutes/)
      .waitFor();
    await input().fill('0');
    await quick().getByText('Enter more than 0 minutes.').waitFor();
    await answerInput(page, '1440');
    await quick().locator('.monaco-list-row').filter({ hasText: 'Missed Runs' }).waitFor();
    await screenshot(page, 'schedule-agent-ready');
    await page.keyboard.press('Escape');
    assert.equal(await treeRows(page, 'Schedule').count(), 1, 'a person who thinks better of it has nothing added');
  });

  it('runs it now, and the report says what failed and leads to its output', async () => {
    await press('Nightly lint', 'Run Scheduled Command Now');
    await row(/Nightly lint.*failed \(3\)/).waitFor();
    await page.locator('.tab').filter({ hasText: 'AMPA Report' }).click();
    const frame = await report();
    await frame.locator('.lead').getByText('1 command failed in the last 24 hours.').waitFor();
    await screenshot(page, 'report-workbench');
    await frame.getByRole('button', { name: 'Output of Nightly lint' }).click();
    await page.locator('.tab.active').filter({ hasText: 'Run of nightly-lint' }).waitFor();
    await (await webviewFrame(page, 'h2')).getByText('3 problems').first().waitFor();
    await screenshot(page, 'schedule-output');
  });

  it('the report comes back after a reload, with the range that was chosen', async () => {
    await page.locator('.tab').filter({ hasText: 'AMPA Report' }).click();
    await (await report()).getByRole('button', { name: '7 days' }).click();
    await (
      await report()
    )
      .locator('.lead')
      .getByText(/7 days/)
      .waitFor();
    await reloadWindow(page);
    const frame = await report();
    await frame
      .locator('.lead')
      .getByText(/1 command failed in the last 7 days/)
      .waitFor();
    assert.equal(await frame.getByRole('button', { name: '7 days' }).getAttribute('aria-pressed'), 'true');
  });

  it('changes, pauses and removes it', async () => {
    await openActivity(page, 'AMPA');
    await row('Nightly lint').waitFor();
    await runCommand(page, 'AMPA: Edit Scheduled Command…');
    await pick(page, 'Nightly lint');
    await pick(page, 'When');
    await pick(page, 'Every 15 minutes');
    await pick(page, 'Save');
    await row(/Nightly lint.*in \d+ min/).waitFor();
    await press('Nightly lint', 'Pause Scheduled Command');
    await row(/Nightly lint.*paused/).waitFor();
    await press('Nightly lint', 'Enable Scheduled Command');
    await row(/Nightly lint.*(in|now)/).waitFor();
    await row('Nightly lint').click({ button: 'right' });
    await page.locator('.context-view .action-label').getByText('Remove Scheduled Command…').hover();
    await page.keyboard.press('Enter');
    await page.locator('.monaco-dialog-box').getByText('Remove “Nightly lint”?').waitFor();
    await screenshot(page, 'schedule-remove');
    await page.locator('.monaco-dialog-box .monaco-button').getByText('Remove', { exact: true }).click();
    await welcome()
      .getByText(/Nothing is scheduled/)
      .waitFor();
  });

  it('is drawn in other themes, narrow and enlarged', async () => {
    await page.locator('.tab').filter({ hasText: 'AMPA Report' }).first().click();
    await screenshot(page, 'report-light', { theme: 'light' });
    await screenshot(page, 'report-contrast', { theme: 'contrast' });
    await screenshot(page, 'report-narrow', { theme: 'dark', width: 640 });
  });

  it('breaks no rule of its own policy', () => {
    assert.deepEqual(problems, []);
  });
});
