/** An agent that has to ask: the question reaches a person, is answered once, and a late click hears so. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { Page } from 'playwright-core';
import {
  answerInput,
  notifications,
  openActivity,
  openTaskPage,
  pick,
  runCommand,
  screenshot,
  statusBarItem,
  treeRows,
  waitFor,
  webviewFrame,
} from '../host/workbench.ts';
import { until } from '../support/until.ts';
import { openSession, pictureFailure, type Session } from './session.ts';

describe('A question of an agent', () => {
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
    const agent = `'${process.execPath}' '${path.resolve(import.meta.dirname, '../support/acpAgent.ts')}'`;
    session = await openSession({
      env: {
        AMPA_AGENT_TYPE: 'acp',
        AMPA_AGENT_COMMAND: agent,
        AMPA_CHECKS_COMMAND: 'true',
        // For a task that says nothing to the agent itself.
        ACP_AGENT_SCRIPT: script,
      },
    });
    ({ page } = session);
    await openActivity(page, 'AMPA');
  });
  after(async () => {
    await session?.close();
    fs.rmSync(scripts, { recursive: true, force: true });
  });
  afterEach(function () {
    return pictureFailure(page, this.currentTest);
  });

  const row = (it: Page, text: string) => treeRows(it, 'Tasks').filter({ hasText: text });
  const question = (it: Page) => notifications(it).filter({ hasText: 'wants to run:' });

  it('is a notification, and its task needs the person', async () => {
    await runCommand(page, 'AMPA: Start Task…');
    await answerInput(page, 'AGENT:run echo hello > made.txt', /What should the agent do/);
    await pick(page, 'It may edit files in its own worktree');
    await row(page, 'AGENT:run').filter({ hasText: 'has a question' }).waitFor();
    await row(page, 'Needs you').waitFor();
    await statusBarItem(page, '1 needs you').waitFor();
    await question(page).getByText('echo hello').waitFor();
    await screenshot(page, 'question');
  });

  it('is answered in another window, and a late click hears so', async () => {
    const other = await session.openWindow();
    await openActivity(other, 'AMPA');
    await row(other, 'has a question').waitFor();
    await runCommand(other, 'AMPA: Answer Question…');
    // The only task with a question is picked from a list of one.
    await pick(other, 'AGENT:run echo hello > made.txt');
    await other.locator('.quick-input-widget:visible').getByText('wants to run: echo hello').waitFor();
    await screenshot(other, 'question-answer');
    await other.keyboard.press('Enter');
    await row(other, 'AGENT:run').filter({ hasText: 'green' }).waitFor({ timeout: 60_000 });
    await other.close();
    // The toast may have gone to the centre by now.
    await runCommand(page, 'Notifications: Show Notifications');
    const centre = page.locator('.notifications-center .notification-list-item');
    // Its middle may be a link.
    await centre.filter({ hasText: 'wants to run:' }).click({ position: { x: 60, y: 12 } });
    await centre
      .filter({ hasText: 'wants to run:' })
      .locator('.monaco-button')
      .getByText('Allow', { exact: true })
      .click();
    await page
      .getByText(/This question was answered by \w+ \(VS Code\) at \d\d:\d\d/)
      .first()
      .waitFor();
    await page.keyboard.press('Escape');
    await runCommand(page, 'Notifications: Clear All Notifications');
  });

  it('that is refused stops the command, not the window', async () => {
    await runCommand(page, 'AMPA: Start Task…');
    await answerInput(page, 'AGENT:run echo second > other.txt', /What should the agent do/);
    const asked = question(page).filter({ hasText: 'echo second' });
    await asked.locator('.monaco-button').getByText('Refuse').click();
    await row(page, 'echo second')
      .filter({ hasText: /permission denied|no changes/ })
      .waitFor({ timeout: 60_000 });
    await screenshot(page, 'question-refused');
  });

  it('is shown as the text that it is, and can be the last one that is', async () => {
    await runCommand(page, 'AMPA: Start Task…');
    const link = '[all of it](command:workbench.action.files.newUntitledFile)';
    await answerInput(page, `AGENT:run echo '${link}' "$(date)" > third.txt`, /What should the agent do/);
    const asked = question(page).filter({ hasText: 'all of it' });
    await asked.waitFor();
    assert.ok((await asked.innerText()).replaceAll('\u200b', '').includes(link));
    await screenshot(page, 'question-text');
    assert.deepEqual(await asked.locator('a:not(.monaco-button):not(.action-label)').allInnerTexts(), [
      "Don't Show Again",
    ]);
    for (const title of ['Allow', 'Refuse', 'Always Allow in This Task', 'Open…'])
      assert.ok(await asked.locator('.monaco-button').getByText(title, { exact: true }).isVisible(), title);
    // In a list, too: `$(date)` is the name of no icon.
    await runCommand(page, 'AMPA: Answer Question…');
    const listed = page.locator('.quick-input-widget:visible .monaco-list-row').filter({ hasText: 'wants to run:' });
    await listed.waitFor();
    assert.ok((await listed.innerText()).replaceAll('\u200b', '').includes('"$(date)" > third.txt'));
    await screenshot(page, 'question-list');
    // The notification may have gone by now.
    await listed.click();
    await pick(page, 'Refuse');
    await row(page, 'all of it')
      .filter({ hasText: /permission denied|no changes/ })
      .waitFor({ timeout: 60_000 });
  });

  it('of a script, without a task, is a row of its own, and is answered there', async () => {
    const cli = path.join(session.extension, 'dist/cli.js');
    const ask = ['ask', 'release', 'Deploy to production now?', '--choice', 'Yes', '--choice', 'After lunch'];
    const script = spawn(process.execPath, [cli, ...ask, '--workspace', session.sample.folder, '--wait'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...session.env },
    });
    const said = text(script.stdout);
    await row(page, 'Deploy to production now?').filter({ hasText: 'release' }).waitFor();
    await notifications(page).filter({ hasText: 'Deploy to production now?' }).waitFor();
    await screenshot(page, 'question-script');
    await row(page, 'Deploy to production now?').click();
    await page.locator('.quick-input-widget:visible').getByText('Answer in Your Own Words…').waitFor();
    await screenshot(page, 'question-script-answer');
    await pick(page, 'After lunch');
    assert.match(await said, /After lunch/);
    await row(page, 'Deploy to production now?').waitFor({ state: 'detached' });
  });

  it('is a row alone once a person wants no notifications', async () => {
    const cli = path.join(session.extension, 'dist/cli.js');
    const ask = (question: string) =>
      spawn(process.execPath, [cli, 'ask', 'release', question, '--workspace', session.sample.folder], {
        stdio: 'ignore',
        env: { ...process.env, ...session.env },
      });
    ask('The first?');
    await notifications(page).filter({ hasText: 'The first?' }).getByText("Don't Show Again").click();
    await row(page, 'The first?').waitFor();
    const settings = path.join(session.dir, 'server/data/User/settings.json');
    await until('it is written', () => /"ampa.notifications": false/.test(fs.readFileSync(settings, 'utf8')));
    await runCommand(page, 'Notifications: Clear All Notifications');
    ask('The second?');
    await row(page, 'The second?').waitFor();
    // What is shown comes in order: a notice of the question would be there before this one.
    await runCommand(page, 'AMPA: Send Test Notification');
    await notifications(page).filter({ hasText: 'No channel is configured' }).waitFor();
    assert.equal(await notifications(page).filter({ hasText: 'The second?' }).count(), 0);
  });

  it('is on the page of its task with the exact command, and the task goes on when it is allowed', async () => {
    await runCommand(page, 'AMPA: Start Task…');
    await answerInput(page, 'Leave a note');
    await openTaskPage(page, 'Leave a note');
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
