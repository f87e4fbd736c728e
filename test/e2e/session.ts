/** A server, a browser and a window on the sample repository, for one describe block. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { createSample, demoEnv, type Sample } from '../../scripts/demo/sample.ts';
import { root, startServer, type Server } from '../host/server.ts';
import { launchBrowser, openWorkbench, takePicture } from '../host/workbench.ts';

export interface Session {
  page: Page;
  server: Server;
  browser: Browser;
  sample: Sample;
  /** Temporary; holds everything of this session, logs too. */
  dir: string;
  /** The copy of the extension that it runs. */
  extension: string;
  /** What its server's programs have in their environment beside the machine's own. */
  env: Record<string, string>;
  /** Opens one more window on the same server. */
  openWindow(folder?: string): Promise<Page>;
  close(): Promise<void>;
}

export interface SessionOptions {
  env?: Record<string, string>;
  settings?: Record<string, unknown>;
  trustAll?: boolean;
  width?: number;
  height?: number;
}

/** What the extension is made of, apart: a build or a package that is made meanwhile changes nothing here. */
function copyExtension(to: string): string {
  for (const name of ['package.json', 'package.nls.json', 'media', 'dist/native', 'dist/webview']) {
    fs.cpSync(path.join(root, name), path.join(to, name), { recursive: true });
  }
  for (const name of fs.globSync('dist/*.js', { cwd: root })) fs.cpSync(path.join(root, name), path.join(to, name));
  return to;
}

/** The extension runs as it was built, the agent is the demo agent without its pauses. */
export async function openSession(options: SessionOptions = {}): Promise<Session> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ampa-e2e-'));
  const home = path.join(dir, 'home');
  fs.mkdirSync(home);
  const env = {
    HOME: home,
    XDG_CONFIG_HOME: path.join(home, '.config'),
    XDG_STATE_HOME: path.join(home, '.state'),
    DEMO_PAUSE_MS: '100',
    ...demoEnv(),
    ...options.env,
  };
  const { trustAll, settings, width, height } = options;
  // They begin while the sample is made.
  const serving = startServer({ data: path.join(dir, 'server'), trustAll, settings, env });
  const browsing = launchBrowser();
  const close = async (): Promise<void> => {
    const [server, browser] = await Promise.allSettled([serving, browsing]);
    if (browser.status === 'fulfilled') await browser.value.close();
    if (server.status === 'fulfilled') await server.value.stop();
    // A task goes on in its carrier, and writes until it ends.
    fs.rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  };
  try {
    const sample = createSample(dir);
    const extension = copyExtension(path.join(dir, 'extension'));
    const [server, browser] = await Promise.all([serving, browsing]);
    const openWindow = (folder = sample.folder): Promise<Page> =>
      openWorkbench(browser, server, { folder, development: { extension }, width, height });
    return { page: await openWindow(), server, browser, sample, dir, extension, env, openWindow, close };
  } catch (error) {
    // What does not come up is not left behind: it would keep the whole run from ending.
    await close();
    throw error;
  }
}

/** For `afterEach`: what the window of a failed test showed. */
export async function pictureFailure(page: Page | undefined, test: Mocha.Test | undefined): Promise<void> {
  if (page && test?.state === 'failed')
    await takePicture(page, `failed-${test.title.slice(0, 40).replace(/\W+/g, '-')}`);
}
