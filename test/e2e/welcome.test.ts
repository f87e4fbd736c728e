/** What the Tasks view says where there is nothing to show yet: each time one main button. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { openActivity, screenshot } from '../host/workbench.ts';
import { openSession, pictureFailure, type Session, type SessionOptions } from './session.ts';

const welcome = (page: Page, view = 'Tasks') =>
  page.locator(`.pane:has(.pane-header[aria-label*="${view}"]) .welcome-view-content`);

async function says(page: Page, text: RegExp, button: string): Promise<void> {
  await openActivity(page, 'AMPA');
  await welcome(page).getByText(text).waitFor();
  assert.deepEqual(await welcome(page).locator('.monaco-button').allInnerTexts(), [button]);
}

describe('The empty Tasks view', () => {
  let session: Session | undefined;
  afterEach(async function () {
    await pictureFailure(session?.page, this.currentTest);
    await session?.close();
    session = undefined;
  });
  const open = async (options: SessionOptions): Promise<Session> => (session = await openSession(options));

  it('asks for trust where there is none', async () => {
    const { page } = await open({
      trustAll: false,
      settings: { 'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.banner': 'never' },
    });
    await says(page, /does nothing until you trust this workspace/, 'Manage Workspace Trust');
    await screenshot(page, 'welcome-untrusted');
  });

  it('names agents where none is found, links to each, and offers git where there is none', async () => {
    const { page, openWindow } = await open({ env: { AMPA_AGENT_COMMAND: '', PATH: '/usr/bin:/bin' } });
    await says(page, /No coding agent was found/, 'Install an Agent');
    assert.deepEqual(
      await welcome(page)
        .locator('a')
        .filter({ hasText: /^(Amp|Claude Code|Codex|OpenCode|Gemini)$/ })
        .allInnerTexts(),
      ['Amp', 'Claude Code', 'Codex', 'OpenCode', 'Gemini'],
    );
    await screenshot(page, 'welcome-no-agent');
    await screenshot(page, 'welcome-no-agent-narrow', { width: 600, height: 700 });

    const plain = fs.mkdtempSync(path.join(os.tmpdir(), 'ampa-plain-'));
    const other = await openWindow(plain);
    await says(other, /has to be a Git repository/, 'Initialize Repository');
    await screenshot(other, 'welcome-no-git');
    assert.deepEqual(fs.readdirSync(plain), [], 'looking left nothing');
    fs.rmdirSync(plain);
  });
});
