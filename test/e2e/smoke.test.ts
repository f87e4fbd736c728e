/** The harness itself: what the other tests here do in the workbench, done to VS Code's own parts. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
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
import { openSession, type Session } from './session.ts';

describe('The workbench', () => {
  let session: Session;
  before(async () => {
    session = await openSession();
  });
  after(() => session?.close());

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
      const file = await screenshot(session.page, `workbench-${theme}`, { theme });
      assert.ok(fs.statSync(file).size > 10_000);
    });
  }
});
