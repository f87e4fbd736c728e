/** The workbench in a browser: opening it, and what a person does in it. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, errors, type Browser, type Frame, type Locator, type Page } from 'playwright-core';
import { root, type Server } from './server.ts';
import { findChromium } from './setup.ts';

export type Theme = 'dark' | 'light' | 'contrast';
const THEMES: Record<Theme, { label: string; css: string }> = {
  dark: { label: 'Dark Modern', css: '.vs-dark' },
  light: { label: 'Light Modern', css: '.vs' },
  contrast: { label: 'Dark High Contrast', css: '.hc-black' },
};
/** Where pictures go, which git ignores. */
const screenshots = path.join(root, 'test-results/screenshots');
/** Pictures are for people: the tests look by themselves and take them only for `npm run pictures`. */
export const picturesWanted = (): boolean => process.env['AMPA_TEST_PICTURES'] === '1';

export async function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (!executablePath) throw new Error('no Chromium: node test/host/setup.ts');
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Folders of the server's machine that the workbench treats as under development. */
export interface Development {
  extension: string;
  tests?: string;
}

export interface OpenOptions {
  /** A folder, or a .code-workspace file; without one the window is empty. */
  folder?: string;
  development?: Development;
  width?: number;
  height?: number;
  /** Called on the page before it loads. */
  prepare?: (page: Page) => Promise<void>;
}

/** The effect of --extensionDevelopmentPath and --extensionTestsPath, put into the page's own configuration. */
function developmentScript(port: number, { extension, tests }: Development): string {
  const uri = (file: string): object => ({
    $mid: 1,
    scheme: 'vscode-remote',
    authority: `127.0.0.1:${port}`,
    path: file,
  });
  const options = { extensions: [uri(extension)], ...(tests ? { extensionTestsPath: uri(tests) } : {}) };
  return `(() => {
    const get = Element.prototype.getAttribute;
    Element.prototype.getAttribute = function (name) {
      const value = get.call(this, name);
      if (name !== 'data-settings' || this.id !== 'vscode-workbench-web-configuration') return value;
      const settings = JSON.parse(value);
      settings.developmentOptions = { ...settings.developmentOptions, ...${JSON.stringify(options)} };
      return JSON.stringify(settings);
    };
  })()`;
}

/** Opens a page on the server and waits until the workbench is there. */
export async function openWorkbench(browser: Browser, server: Server, options: OpenOptions = {}): Promise<Page> {
  const page = await browser.newPage({
    viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
    reducedMotion: 'reduce',
  });
  await options.prepare?.(page);
  if (options.development) await page.addInitScript({ content: developmentScript(server.port, options.development) });
  const query = new URLSearchParams();
  if (options.folder) query.set(options.folder.endsWith('.code-workspace') ? 'workspace' : 'folder', options.folder);
  await page.goto(`http://127.0.0.1:${server.port}/?${query.toString()}`);
  await ready(page);
  return page;
}

/** Waits until the workbench is drawn and its server answers. */
async function ready(page: Page): Promise<void> {
  await page.locator('.monaco-workbench .part.statusbar .statusbar-item').first().waitFor({ timeout: 60_000 });
  await page.locator('.statusbar-item[id="status.host"]:not([aria-label*="Opening"])').waitFor({ timeout: 60_000 });
}

/** Reloads the window by its command: a page that the browser reloads has not saved its editors. */
export async function reloadWindow(page: Page): Promise<void> {
  const loaded = page.waitForEvent('domcontentloaded', { timeout: 30_000 });
  await Promise.all([loaded, runCommand(page, 'Developer: Reload Window')]);
  await ready(page);
}

const quickInput = (page: Page): Locator => page.locator('.quick-input-widget:visible');

/**
 * Runs a command of the palette by its full title, "AMPA: Start Task…". The palette lists what is
 * possible when it opens, so it is opened again until the command is there.
 */
export async function runCommand(page: Page, title: string): Promise<void> {
  const found = row(page, title);
  const none = quickInput(page).locator('.monaco-list-row').getByText('No matching commands');
  const listed = async (timeout: number): Promise<boolean> => {
    await page.keyboard.press('F1');
    try {
      // The palette may close again under us: a window that is still settling takes the focus away.
      await quickInput(page).locator('input').first().fill(`>${title}`, { timeout });
      await found.or(none).first().waitFor({ timeout });
      if (await found.isVisible()) {
        await found.click({ timeout });
        return true;
      }
    } catch (error) {
      if (!(error instanceof errors.TimeoutError)) throw error;
    }
    await page.keyboard.press('Escape');
    return false;
  };
  await waitFor(patiently(listed, 2000), `the command "${title}" in the palette`, 60_000);
}

const row = (page: Page, label: string): Locator =>
  quickInput(page)
    .locator('.monaco-list-row')
    .filter({ has: page.locator('.label-name').getByText(label, { exact: true }) })
    .first();

/** Types into the open input box and accepts it. `prompt` is what the box must ask, in any of its texts. */
export async function answerInput(page: Page, text: string, prompt?: RegExp): Promise<void> {
  const widget = quickInput(page);
  const input = widget.locator('input').first();
  await input.waitFor();
  if (prompt) {
    const asks = async (): Promise<boolean> =>
      prompt.test(`${await widget.innerText()}\n${(await input.getAttribute('placeholder')) ?? ''}`);
    await waitFor(asks, `an input box that asks ${prompt.source}`);
  }
  await input.fill(text);
  await input.press('Enter');
}

/** Picks the row with this label in the open quick pick. */
export async function pick(page: Page, label: string): Promise<void> {
  await quickInput(page).locator('input').first().waitFor();
  await row(page, label).click();
}

/** Types a part of a label into the open quick pick, which may be longer than its view, and picks that row. */
export async function filterAndPick(page: Page, label: string): Promise<void> {
  await quickInput(page).locator('input').first().fill(label);
  await pick(page, label);
}

export const statusBarItem = (page: Page, text: string | RegExp): Locator =>
  page.locator('.part.statusbar .statusbar-item').filter({ hasText: text });

/** Notification toasts that are shown now. */
export const notifications = (page: Page): Locator => page.locator('.notifications-toasts .notification-list-item');

/** Shows a view container of the activity bar by its title. */
export async function openActivity(page: Page, title: string): Promise<void> {
  const item = page
    .locator('.part.activitybar .action-item')
    .filter({ has: page.locator(`a[aria-label^="${title}"]`) });
  await item.first().waitFor();
  // A click on the one that is shown hides the side bar, and a reloaded window may be about to show it.
  const shown = page.locator('.part.sidebar .composite.title, .part.sidebar .pane-header').first();
  const isOpen = async (): Promise<boolean> =>
    ((await item.first().getAttribute('class')) ?? '').includes('checked') && (await shown.isVisible());
  const opened = async (timeout: number): Promise<boolean> => {
    if (await isOpen()) return true;
    await item.first().click();
    try {
      await waitFor(isOpen, 'it to open', timeout);
      return true;
    } catch (error) {
      if (!(error instanceof errors.TimeoutError)) throw error;
      return false;
    }
  };
  await waitFor(patiently(opened, 1000), `the view container ${title}`, 60_000);
}

/** Rows of the tree in the view with this title. */
export const treeRows = (page: Page, view: string): Locator =>
  page.locator(`.pane:has(.pane-header[aria-label*="${view}"]) .monaco-list-row`);

/** The document inside the webview that contains `selector`; webviews are two frames deep. */
export async function webviewFrame(page: Page, selector: string, timeoutMs = 30_000): Promise<Frame> {
  let found: Frame | undefined;
  await waitFor(
    async () => {
      for (const frame of page.frames()) {
        if (frame.name() !== 'active-frame' && !/webview|fake\.html/.test(frame.url())) continue;
        // A frame may go away while it is asked.
        const count = await frame
          .locator(selector)
          .count()
          .catch(() => 0);
        if (count > 0) {
          found = frame;
          return true;
        }
      }
      return false;
    },
    `a webview with ${selector}`,
    timeoutMs,
  );
  if (!found) throw new Error('unreachable');
  return found;
}

/** Opens a task's page by its row. A row that moves to another group under the mouse takes no click: then again. */
export async function openTaskPage(page: Page, title: string): Promise<void> {
  const row = treeRows(page, 'Tasks').filter({ hasText: title }).first();
  const clicked = async (timeout: number): Promise<boolean> => {
    try {
      await row.click({ timeout });
      await webviewFrame(page, '.header h1', 2 * timeout);
      return true;
    } catch (error) {
      if (!(error instanceof errors.TimeoutError)) throw error;
      return false;
    }
  };
  await waitFor(patiently(clicked, 2000), `the page of "${title}"`, 60_000);
}

/** A try that may go wrong by itself: it is given little time at first, and twice as much each time on a slow machine. */
function patiently(attempt: (timeoutMs: number) => Promise<boolean>, timeoutMs: number): () => Promise<boolean> {
  let given = timeoutMs / 2;
  return () => attempt((given *= 2));
}

/** Polls until `condition` holds. Throws after `timeoutMs`, naming what was waited for. */
export async function waitFor(
  condition: () => Promise<boolean> | boolean,
  what: string,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new errors.TimeoutError(`waited ${timeoutMs / 1000} s for ${what}`);
    await sleep(100);
  }
}

/** Changes the colour theme as a person does, and waits until it is drawn. */
async function setTheme(page: Page, theme: Theme): Promise<void> {
  const { label, css } = THEMES[theme];
  await runCommand(page, 'Preferences: Color Theme');
  await filterAndPick(page, label);
  await page.locator(`.monaco-workbench${css}`).waitFor({ timeout: 20_000 });
  await quickInput(page).waitFor({ state: 'hidden' });
}

/** Shows the window in this theme and size; it is then test-results/screenshots/NAME.png, when pictures are wanted. */
export async function screenshot(
  page: Page,
  name: string,
  options: { theme?: Theme; width?: number; height?: number } = {},
): Promise<void> {
  if (options.theme) await setTheme(page, options.theme);
  const size = page.viewportSize() ?? { width: 1280, height: 800 };
  if (options.width || options.height) {
    await page.setViewportSize({ width: options.width ?? size.width, height: options.height ?? size.height });
  }
  if (picturesWanted()) await takePicture(page, name);
}

/** Takes test-results/screenshots/NAME.png. */
export async function takePicture(page: Page, name: string): Promise<void> {
  fs.mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: path.join(screenshots, `${name}.png`), animations: 'disabled' });
}
