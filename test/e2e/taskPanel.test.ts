/** The task page where it lives: a webview of the real workbench, with a real task. */
import assert from 'node:assert/strict';
import type { Frame, Page } from 'playwright-core';
import {
  answerInput,
  pick,
  reloadWindow,
  runCommand,
  screenshot,
  openTaskPage,
  treeRows,
  waitFor,
  webviewFrame,
} from '../host/workbench.ts';
import { openSession, pictureFailure, type Session } from './session.ts';

describe('The task page in the workbench', () => {
  let session: Session;
  let page: Page;
  const problems: string[] = [];
  before(async () => {
    session = await openSession({ env: { DEMO_PAUSE_MS: '1200' }, height: 1000 });
    ({ page } = session);
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) problems.push(`${message.location().url}: ${message.text()}`);
    });
    await runCommand(page, 'AMPA: Start Task…');
    await answerInput(page, 'Give total a discount');
    await pick(page, 'It may do everything');
    await openTaskPage(page, 'Give total a discount');
  });
  after(() => session?.close());
  afterEach(function () {
    return pictureFailure(page, this.currentTest);
  });

  const task = (): Promise<Frame> => webviewFrame(page, '.header h1');
  const state = async (wanted: RegExp): Promise<void> => {
    const frame = await task();
    await waitFor(async () => wanted.test(await frame.locator('.badge').innerText()), `the state ${wanted}`, 60_000);
  };

  it('shows the agent at work with its log', async () => {
    const frame = await task();
    assert.equal(await frame.locator('h1').innerText(), 'Give total a discount');
    await state(/Running/);
    await frame.locator('.log').getByText('I was asked: Give total a discount').first().waitFor();
    await screenshot(page, 'task-page-running');
  });

  it('comes back after a reload in the middle of a turn, with what was typed', async () => {
    await (await task()).getByRole('textbox').fill('Keep the name of the function');
    await reloadWindow(page);
    assert.equal(await (await task()).getByRole('textbox').inputValue(), 'Keep the name of the function');
  });

  it('turns red and green as the checks do', async () => {
    await state(/Success/);
    const frame = await task();
    assert.deepEqual(await frame.locator('.attempt-label').allInnerTexts(), [
      'worktree ready',
      'checks red',
      'checks green',
    ]);
    await frame.getByRole('button', { name: 'Attempt 1' }).click();
    await frame.locator('.excerpt').getByText('AssertionError').first().waitFor();
    await screenshot(page, 'task-page-success');
  });

  it('opens the diff of a file, and of all of them', async () => {
    await (await task()).locator('.file .row').first().click();
    await page.locator('.tab.active[aria-label*="total.mjs"]').waitFor();
    await page.locator('.view-lines').getByText('discount').first().waitFor();
    await treeRows(page, 'Tasks').filter({ hasText: 'Give total a discount' }).click();
    await (await task()).getByRole('toolbar').getByRole('button', { name: 'Diff' }).click();
    await page.locator('.tab.active[aria-label*="Changes: Give total a discount"]').waitFor();
    await screenshot(page, 'task-diff');
  });

  it('continues the task with words', async () => {
    await treeRows(page, 'Tasks').filter({ hasText: 'Give total a discount' }).click();
    const box = (await task()).getByRole('textbox');
    await box.press('Control+Enter');
    await state(/Queued|Running/);
    await (await task()).getByRole('button', { name: 'Attempt 3' }).waitFor({ timeout: 60_000 });
    assert.equal(await box.inputValue(), '');
  });

  it('breaks no rule of its own policy', () => {
    assert.deepEqual(problems, []);
  });
});
