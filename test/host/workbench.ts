/** The workbench in a browser: opening it, and what a person does in it. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, type Browser, type Frame, type Locator, type Page } from 'playwright-core';
import { root, type Server } from './server.ts';
import { findChromium } from './setup.ts';

export type Theme = 'dark' | 'light' | 'contrast';
const THEMES: Record<Theme, { label: string; css: string }> = {
  dark: { label: 'Default Dark Modern', css: '.vs-dark' },
  light: { label: 'Default Light Modern', css: '.vs' },
  contrast: { label: 'Default High Contrast', css: '.hc-black' },
};
const screenshots = path.join(root, 'test-results/screenshots');

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
export async function ready(page: Page): Promise<void> {
  await page.locator('.monaco-workbench .part.statusbar .statusbar-item').first().waitFor({ timeout: 60_000 });
  await page.locator('.statusbar-item[id="status.host"]:not([aria-label*="Opening"])').waitFor({ timeout: 60_000 });
}

/** Reloads the window as "Developer: Reload Window" does. */
export async function reloadWindow(page: Page): Promise<void> {
  await page.reload();
  await ready(page);
}

const quickInput = (page: Page): Locator => page.locator('.quick-input-widget:visible');

/** Runs a command of the palette by its full title, "AMPA: Start Task…". */
export async function runCommand(page: Page, title: string): Promise<void> {
  await page.keyboard.press('F1');
  const input = quickInput(page).locator('input').first();
  await input.waitFor();
  await input.fill(`>${title}`);
  const row = quickInput(page)
    .locator('.monaco-list-row')
    .filter({ has: page.getByText(title, { exact: true }) });
  await row.first().click({ timeout: 20_000 });
}

/** Types into the open quick input and accepts it. `text` null accepts what is there. */
export async function answerInput(page: Page, text: string | null, placeholder?: RegExp): Promise<void> {
  const input = quickInput(page).locator('input').first();
  await input.waitFor();
  if (placeholder)
    await waitFor(
      async () => placeholder.test((await input.getAttribute('placeholder')) ?? ''),
      `an input that asks ${placeholder}`,
    );
  if (text !== null) await input.fill(text);
  await input.press('Enter');
}

/** Picks a row of the open quick pick by a part of its label. */
export async function pick(page: Page, label: string | RegExp): Promise<void> {
  await quickInput(page).locator('.monaco-list-row').filter({ hasText: label }).first().click();
}

/** The texts of the status bar's items, left to right, icons left out. */
export async function statusBar(page: Page): Promise<string[]> {
  return (await page.locator('.part.statusbar .statusbar-item').allInnerTexts())
    .map((text) => text.trim())
    .filter(Boolean);
}

export const statusBarItem = (page: Page, text: string | RegExp): Locator =>
  page.locator('.part.statusbar .statusbar-item').filter({ hasText: text });

/** Notification toasts that are shown now. */
export const notifications = (page: Page): Locator => page.locator('.notifications-toasts .notification-list-item');

/** Opens a view container of the activity bar by its title. */
export async function openActivity(page: Page, title: string): Promise<void> {
  const tab = page.locator(`.part.activitybar .action-item a[aria-label^="${title}"]`).first();
  await tab.waitFor();
  if ((await tab.getAttribute('aria-expanded')) !== 'true') await tab.click();
}

/** Rows of a tree whose view has this title. */
export const treeRows = (page: Page, view: string): Locator =>
  page.locator(`.pane:has(.pane-header[aria-label^="${view}"]) .monaco-list-row`);

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

/** Polls until `condition` holds. Throws after `timeoutMs`, naming what was waited for. */
export async function waitFor(
  condition: () => Promise<boolean> | boolean,
  what: string,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s for ${what}`);
    await sleep(100);
  }
}

/** Changes the colour theme as a person does, and waits until it is drawn. */
export async function setTheme(page: Page, theme: Theme): Promise<void> {
  const { label, css } = THEMES[theme];
  await runCommand(page, 'Preferences: Color Theme');
  await waitFor(async () => (await quickInput(page).locator('.monaco-list-row').count()) > 3, 'the list of themes');
  await answerInput(page, label);
  await page.locator(`.monaco-workbench${css}`).waitFor({ timeout: 20_000 });
  await quickInput(page).waitFor({ state: 'hidden' });
}

/** Takes test-results/screenshots/NAME.png, which git ignores. Returns its path. */
export async function screenshot(
  page: Page,
  name: string,
  options: { theme?: Theme; width?: number; height?: number } = {},
): Promise<string> {
  fs.mkdirSync(screenshots, { recursive: true });
  if (options.theme) await setTheme(page, options.theme);
  const size = page.viewportSize() ?? { width: 1280, height: 800 };
  if (options.width || options.height) {
    await page.setViewportSize({ width: options.width ?? size.width, height: options.height ?? size.height });
  }
  const file = path.join(screenshots, `${name}.png`);
  await page.screenshot({ path: file, animations: 'disabled' });
  return file;
}
