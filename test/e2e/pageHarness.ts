/** A page of ours as built, in a browser, with a stand-in for the editor around it. */
import fs from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { pageHtml } from '../../src/vscode/pageHtml.ts';
import { buildPage, filesView } from '../../src/webview/model.ts';
import type { HostMessage, PageMessage } from '../../src/webview/protocol.ts';
import { root } from '../host/server.ts';
import { NOW, type PageCase } from '../support/taskPages.ts';

export type PageTheme = 'dark' | 'light' | 'contrast';
export const PAGE_THEMES: readonly PageTheme[] = ['dark', 'light', 'contrast'];
const KINDS: Record<PageTheme, string> = {
  dark: 'vscode-dark',
  light: 'vscode-light',
  contrast: 'vscode-high-contrast',
};

/** Colours of the editor's own themes, as its workbench gives them to webviews. */
const colours = JSON.parse(fs.readFileSync(path.join(root, 'test/support/themes.json'), 'utf8')) as Record<
  PageTheme,
  Record<string, string>
>;
const FONTS = {
  '--vscode-font-family': 'system-ui, "Ubuntu", "Droid Sans", sans-serif',
  '--vscode-font-size': '13px',
  '--vscode-editor-font-family': '"Droid Sans Mono", monospace',
};

declare global {
  interface Window {
    sent: { type: string }[];
    violations: string[];
    memory: unknown;
  }
}

export interface OpenPage<Sent = PageMessage, Posted = HostMessage> {
  page: Page;
  /** What the page has sent so far. */
  sent(): Promise<Sent[]>;
  post(message: Posted): Promise<void>;
  /** Errors of the page and breaches of its policy. */
  problems(): Promise<string[]>;
  close(): Promise<void>;
}

export interface PageOptions {
  theme?: PageTheme;
  width?: number;
  height?: number;
  /** What the editor remembers for the page. */
  memory?: unknown;
  timeZone?: string;
}

/** Opens the page of a task and sends its snapshot and streams. */
export async function openPage(browser: Browser, it: PageCase, options: PageOptions = {}): Promise<OpenPage> {
  const data = { task: it.detail.task.id, folder: 'file:///home/me/demo-shop' };
  const open = await openBuilt<PageMessage, HostMessage>(browser, 'taskPage', data, options);
  const files = it.files === null ? ({ state: 'unknown' } as const) : filesView(it.files);
  await open.post({ type: 'snapshot', seq: 0, page: buildPage(it.detail, files, NOW) });
  await open.post({ type: 'delta', seq: 1, changes: it.changes });
  return open;
}

/** Opens a page by its name in dist/webview, and waits until it has said that it listens. */
export async function openBuilt<Sent, Posted>(
  browser: Browser,
  name: string,
  data: Record<string, string>,
  options: PageOptions = {},
): Promise<OpenPage<Sent, Posted>> {
  const { theme = 'dark', width = 1000, height = 900 } = options;
  const page = await browser.newPage({
    viewport: { width, height },
    reducedMotion: 'reduce',
    timezoneId: options.timeZone,
  });
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  const html = pageHtml({
    title: 'AMPA',
    nonce: 'test',
    cspSource: 'http://page.test',
    script: `http://page.test/${name}.js`,
    style: `http://page.test/${name}.css`,
    data,
  });
  await page.route('**/*', async (route) => {
    const { hostname, pathname } = new URL(route.request().url());
    if (hostname !== 'page.test') return route.abort();
    if (pathname === '/') return route.fulfill({ contentType: 'text/html', body: html });
    const file = path.join(root, 'dist/webview', path.basename(pathname));
    return fs.existsSync(file) ? route.fulfill({ path: file }) : route.fulfill({ status: 404 });
  });
  await page.addInitScript(
    ({ variables, kind, memory }) => {
      window.sent = [];
      window.violations = [];
      window.memory = memory;
      document.addEventListener('securitypolicyviolation', (event) => {
        window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
      });
      const api = {
        postMessage: (message: { type: string }) => window.sent.push(message),
        getState: () => window.memory,
        setState: (state: unknown) => (window.memory = state),
      };
      Object.assign(window, { acquireVsCodeApi: () => api });
      document.addEventListener('DOMContentLoaded', () => {
        for (const [name, value] of Object.entries(variables)) document.documentElement.style.setProperty(name, value);
        document.body.classList.add(kind);
      });
    },
    { variables: { ...FONTS, ...colours[theme] }, kind: KINDS[theme], memory: options.memory ?? null },
  );
  await page.goto('http://page.test/');
  // As the host does: nothing is sent before the page has said that it listens.
  await page.waitForFunction(() => window.sent.some((message) => message.type === 'ready'));
  const post = (message: Posted): Promise<void> =>
    page.evaluate((data: unknown) => {
      window.dispatchEvent(new MessageEvent('message', { data }));
      // Two frames: drawn, and its effects run.
      return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())));
    }, message);
  return {
    page,
    sent: () => page.evaluate(() => window.sent as never),
    post,
    problems: async () => [...errors, ...(await page.evaluate(() => window.violations))],
    close: () => page.close(),
  };
}
