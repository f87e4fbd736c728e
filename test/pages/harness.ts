/** A page of ours as built, in a browser, with a stand-in for the editor around it. */
import fs from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { pageHtml } from '../../src/vscode/pageHtml.ts';
import { buildPage, filesView } from '../../src/webview/model.ts';
import type { HostMessage, PageMessage } from '../../src/webview/protocol.ts';
import { root } from '../host/server.ts';
import { picturesWanted, takePicture } from '../host/workbench.ts';
import { NOW, type PageCase } from '../support/taskPages.ts';

type PageTheme = 'dark' | 'light' | 'contrast';
const PAGE_THEMES: readonly PageTheme[] = ['dark', 'light', 'contrast'];
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
    dress(clothes: Clothes): void;
  }
}

interface Clothes {
  variables: Record<string, string>;
  kind: string;
}

const clothes = (theme: PageTheme): Clothes => ({ variables: { ...FONTS, ...colours[theme] }, kind: KINDS[theme] });

export interface OpenPage<Sent = PageMessage, Posted = HostMessage> {
  page: Page;
  /** What the page has sent so far. */
  sent(): Promise<Sent[]>;
  post(message: Posted): Promise<void>;
  /** Changes the theme and the width under the open page, as the editor does, and waits until it is drawn. */
  dress(theme: PageTheme, width: number): Promise<void>;
  /** Errors of the page and breaches of its policy. */
  problems(): Promise<string[]>;
  close(): Promise<void>;
}

interface PageOptions {
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

/** Calls `look` with the page in each theme at each width. */
export async function inEveryDress(
  open: Pick<OpenPage, 'dress'>,
  widths: readonly number[],
  look: (theme: PageTheme, width: number) => Promise<void>,
): Promise<void> {
  for (const theme of PAGE_THEMES) {
    for (const width of widths) {
      await open.dress(theme, width);
      await look(theme, width);
    }
  }
}

/** The whole page as test-results/screenshots/NAME.png, when pictures are wanted. */
export async function picture(page: Page, name: string): Promise<void> {
  if (!picturesWanted()) return;
  const { width, height } = page.viewportSize()!;
  const tall = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width, height: Math.max(600, tall) });
  await takePicture(page, name);
  await page.setViewportSize({ width, height });
}

/** Opens a page by its name in dist/webview, and waits until it has said that it listens. */
export async function openBuilt<Sent, Posted>(
  browser: Browser,
  name: string,
  data: Record<string, string>,
  options: PageOptions = {},
): Promise<OpenPage<Sent, Posted>> {
  const { height = 900 } = options;
  const page = await browser.newPage({
    viewport: { width: 1000, height },
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
    ({ clothes, memory }) => {
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
      // As the editor does: a variable that the new theme has not is gone.
      window.dress = ({ variables, kind }) => {
        const { style } = document.documentElement;
        for (const name of [...style]) style.removeProperty(name);
        for (const [name, value] of Object.entries(variables)) style.setProperty(name, value);
        document.body.className = kind;
      };
      document.addEventListener('DOMContentLoaded', () => window.dress(clothes));
    },
    { clothes: clothes('dark'), memory: options.memory ?? null },
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
  const dress = async (it: PageTheme, wide: number): Promise<void> => {
    await page.setViewportSize({ width: wide, height });
    await page.evaluate((worn) => {
      window.dress(worn);
      // Two frames: what measures itself has been told its size, and is drawn again.
      return new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())));
    }, clothes(it));
  };
  return {
    page,
    dress,
    sent: () => page.evaluate(() => window.sent as never),
    post,
    problems: async () => [...errors, ...(await page.evaluate(() => window.violations))],
    close: () => page.close(),
  };
}
