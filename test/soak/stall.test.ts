/** An engine that stands still is seen on the status bar within a minute, and so is one that works again. */
import assert from 'node:assert/strict';
import path from 'node:path';
import Database from 'better-sqlite3';
import type { Page } from 'playwright-core';
import { openActivity, runCommand, screenshot, statusBarItem, waitFor } from '../host/workbench.ts';
import { openSession, type Session } from '../e2e/session.ts';

describe('The status bar, when the engine stalls', function () {
  this.timeout(180_000);
  let session: Session;
  let page: Page;
  before(async () => {
    session = await openSession();
    ({ page } = session);
    await openActivity(page, 'AMPA');
    await runCommand(page, 'AMPA: Enable Scheduler');
    await page.locator('.welcome-view-content').getByText('Add Scheduled Command').waitFor();
  });
  after(() => session?.close());

  it('says so within 60 s and takes it back', async () => {
    const item = statusBarItem(page, 'AMPA').first();
    /** The tooltip, which is drawn anew every few seconds, once it says so. */
    const tells = async (wanted: RegExp): Promise<void> => {
      const tip = page.locator('.monaco-hover:visible').filter({ hasText: wanted });
      await waitFor(async () => {
        await page.mouse.move(600, 400);
        await item.hover();
        return tip.waitFor({ timeout: 2000 }).then(
          () => true,
          () => false,
        );
      }, `a tooltip with ${wanted.source}`);
    };
    await tells(/Editor window \(process \d+\), last seen/);
    await screenshot(page, 'status-hosts');
    await page.mouse.move(600, 400);

    // Somebody keeps the store from everyone else: the engine can neither beat nor claim.
    const database = new Database(path.join(session.sample.folder, '.worklog/ampa/ampa.db'));
    const begun = Date.now();
    database.exec('begin immediate');
    try {
      await statusBarItem(page, 'not working').waitFor({ timeout: 60_000 });
      assert.ok(Date.now() - begun <= 60_000);
      assert.match((await item.getAttribute('class')) ?? '', /warning-kind/);
      await tells(/The engine of this window has stalled: it gave no sign of life for \d+ s/);
      await screenshot(page, 'status-stalled');
      await page.mouse.move(600, 400);
    } finally {
      database.exec('rollback');
      database.close();
    }
    await waitFor(async () => !/not working/.test(await item.innerText()), 'the engine to work again', 40_000);
    assert.doesNotMatch((await item.getAttribute('class')) ?? '', /warning-kind/);
  });
});
