/** A morning's workspace in every theme, narrow and enlarged: pictures to look at, and nothing cut off. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import {
  filterAndPick,
  notifications,
  openActivity,
  openTaskPage,
  runCommand,
  screenshot,
  treeRows,
  waitFor,
  webviewFrame,
} from '../host/workbench.ts';
import { root } from '../host/server.ts';
import { openSession, pictureFailure, type Session } from './session.ts';

describe('A workspace in the morning', () => {
  let session: Session;
  let page: Page;
  before(async () => {
    const agent = `'${process.execPath}' '${path.join(root, 'test/support/acpAgent.ts')}'`;
    session = await openSession({
      height: 900,
      env: {
        AMPA_AGENT_TYPE: 'acp',
        AMPA_AGENT_COMMAND: agent,
        AMPA_CHECKS_COMMAND: 'true',
        AMPA_PERMISSIONS: 'edits',
        AMPA_SCHEDULER_GLOBAL_MIN_INTERVAL_SECONDS: '0',
      },
    });
    ({ page } = session);
    const cli = path.join(session.extension, 'dist/cli.js');
    const ampa = async (...args: string[]): Promise<void> => {
      const options = { env: { ...process.env, ...session.env } };
      // A command that fails is what some of these are for.
      try {
        await promisify(execFile)(process.execPath, [cli, ...args, '--workspace', session.sample.folder], options);
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error && error.code === 1, String(error));
      }
    };
    await ampa('schedule', 'add', 'backup', 'true', '--cron', '0 2 * * *', '--title', 'Back up the database');
    await ampa('schedule', 'add', 'lint', 'echo 3 problems; exit 2', '--cron', '0 3 * * *', '--title', 'Nightly lint');
    await ampa('schedule', 'add', 'deps', 'true', '--every', '720', '--title', 'Outdated packages');
    await ampa('schedule', 'run', 'lint');
    await ampa('schedule', 'run', 'backup');
    await openActivity(page, 'AMPA');
    await treeRows(page, 'Schedule').filter({ hasText: 'Nightly lint' }).waitFor();
    for (const [title, step] of [
      ['Round totals to cents', 'write src/cents.mjs // cents'],
      ['Remove the unused importer', 'run rm -r src/importer && echo removed'],
    ] as const) {
      await ampa('start', '--task', `${title}\nAGENT:${step}`);
      await treeRows(page, 'Tasks')
        .filter({ hasText: title })
        .filter({ hasText: /green|question/ })
        .waitFor();
    }
    await ampa('ask', 'release', 'Deploy version 2.4 to production?', '--choice', 'Yes', '--choice', 'After lunch');
    await treeRows(page, 'Tasks').filter({ hasText: 'Deploy version 2.4' }).waitFor();
  });
  after(() => session?.close());
  afterEach(function () {
    return pictureFailure(page, this.currentTest);
  });

  const overflow = async (selector: string): Promise<number> =>
    (await webviewFrame(page, selector)).evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );

  it('is pictured in every theme', async () => {
    await notifications(page).first().waitFor();
    await screenshot(page, 'morning-light-notices');
    await runCommand(page, 'Notifications: Clear All Notifications');
    await openTaskPage(page, 'Remove the unused importer');
    await webviewFrame(page, '.prompt');
    for (const theme of ['light', 'dark', 'contrast'] as const) {
      await screenshot(page, `morning-${theme}-task`, { theme });
      assert.ok((await overflow('.prompt')) <= 0);
    }
    await runCommand(page, 'AMPA: Show Report');
    await (await webviewFrame(page, '.ranges')).locator('.failures').waitFor();
    for (const theme of ['contrast', 'dark', 'light'] as const)
      await screenshot(page, `morning-${theme}-report`, { theme });
  });

  it('has a walkthrough of four steps for a newcomer', async () => {
    await runCommand(page, 'Welcome: Open Walkthrough...');
    await filterAndPick(page, 'Get Started with AMPA');
    await page.getByText('From a sentence to green checks.').first().waitFor();
    for (const step of ['Set up an agent', 'Start a task', 'Watch it, or close the window', 'Review and merge'])
      await page.locator('.getting-started-step').filter({ hasText: step }).waitFor();
    await screenshot(page, 'walkthrough');
    await runCommand(page, 'AMPA: Show Report');
  });

  it('is readable at 200 %', async () => {
    // What a window of 1280 x 900 has room for when everything is twice as large.
    await page.setViewportSize({ width: 640, height: 450 });
    await waitFor(async () => (await overflow('.ranges')) <= 0, 'a report that fits');
    await screenshot(page, 'morning-zoom-report');
    await runCommand(page, 'View: Toggle Primary Side Bar Visibility');
    await screenshot(page, 'morning-zoom-report-alone');
    await runCommand(page, 'AMPA: What Now?');
    await page.getByPlaceholder('Select a task or an action').waitFor();
    await screenshot(page, 'morning-zoom-what-now');
    await page.keyboard.press('Escape');
  });
});
