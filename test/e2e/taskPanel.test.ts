/** The task page where it lives: a webview of the real workbench, with a real task. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
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
import { root } from '../host/server.ts';
import { openSession, type Session } from './session.ts';

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

describe('An agent that asks, on the task page', () => {
  let session: Session;
  let page: Page;
  let scripts: string;
  before(async () => {
    scripts = fs.mkdtempSync(path.join(os.tmpdir(), 'ampa-script-'));
    const script = path.join(scripts, 'script');
    const steps = [
      'say I will look **closely** before I change anything.',
      'think Is it safe?',
      'write src/note.mjs // noted',
      'run echo allowed > ran.txt && echo done',
    ];
    fs.writeFileSync(script, steps.map((step) => `AGENT:${step}`).join('\n'));
    const agent = path.join(root, 'test/support/acpAgent.ts');
    session = await openSession({
      height: 1000,
      env: { AMPA_AGENT_TYPE: 'acp', AMPA_AGENT_COMMAND: `'${process.execPath}' '${agent}'`, ACP_AGENT_SCRIPT: script },
    });
    ({ page } = session);
    await runCommand(page, 'AMPA: Start Task…');
    await answerInput(page, 'Leave a note');
    await pick(page, 'It may edit files in its own worktree');
    await openTaskPage(page, 'Leave a note');
  });
  after(async () => {
    await session?.close();
    fs.rmSync(scripts, { recursive: true, force: true });
  });

  it('shows the exact command, and goes on when it is allowed', async () => {
    const frame = await webviewFrame(page, '.prompt');
    await frame.locator('.prompt .detail').getByText('echo allowed > ran.txt').waitFor();
    assert.match(await frame.locator('.badge').innerText(), /Needs you/);
    await frame.locator('.said strong').getByText('closely').waitFor();
    await screenshot(page, 'task-page-prompt');
    await frame.getByRole('button', { name: 'Allow', exact: true }).click();
    await waitFor(async () => (await frame.locator('.prompt').count()) === 0, 'the question to go');
    await waitFor(async () => /Success|Needs review/.test(await frame.locator('.badge').innerText()), 'an end', 60_000);
    await frame.locator('.file-name').getByText('ran.txt').waitFor();
    await screenshot(page, 'task-page-conversation');
  });
});
