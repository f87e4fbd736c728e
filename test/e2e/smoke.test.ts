/** The harness itself: what the other tests here do in the workbench, done to VS Code's own parts. */
import assert from 'node:assert/strict';
import {
  filterAndPick,
  openActivity,
  reloadWindow,
  runCommand,
  screenshot,
  statusBar,
  treeRows,
  webviewFrame,
} from '../host/workbench.ts';
import { openSession, pictureFailure, type Session } from './session.ts';

describe('The workbench', () => {
  let session: Session;
  before(async () => {
    session = await openSession();
  });
  after(() => session?.close());
  afterEach(function () {
    return pictureFailure(session?.page, this.currentTest);
  });

  it('opens on the sample repository', async () => {
    await openActivity(session.page, 'Explorer');
    await treeRows(session.page, 'demo-shop').filter({ hasText: 'README.md' }).waitFor();
    assert.ok((await statusBar(session.page)).length > 0);
  });

  it('opens a file by its name and shows it in a webview', async () => {
    const { page } = session;
    await runCommand(page, 'Go to File...');
    await filterAndPick(page, 'README.md');
    await page.locator('.tab.active[aria-label^="README.md"]').waitFor();
    await runCommand(page, 'Markdown: Open Preview');
    const frame = await webviewFrame(page, 'h1#demo-shop');
    assert.equal(await frame.locator('h1').innerText(), 'Demo shop');
  });

  it('comes back after a reload with what was open', async () => {
    await reloadWindow(session.page);
    await webviewFrame(session.page, 'h1#demo-shop');
  });

  for (const theme of ['light', 'contrast', 'dark'] as const) {
    it(`is drawn in the ${theme} theme`, async () => {
      await screenshot(session.page, `workbench-${theme}`, { theme });
      assert.ok((await session.page.screenshot()).length > 10_000);
    });
  }

  it('has a walkthrough of four steps for a newcomer', async () => {
    const { page } = session;
    await openActivity(page, 'AMPA');
    await page.locator('.welcome-view-content a').getByText('Take the tour').click();
    await page.getByText('From a sentence to green checks.').first().waitFor();
    for (const step of ['Set up an agent', 'Start a task', 'Watch it, or close the window', 'Review and merge']) {
      await page.locator('.getting-started-step').filter({ hasText: step }).waitFor();
    }
    await screenshot(page, 'walkthrough');
  });
});
