/** A server, a browser and a window on the sample repository, for one describe block. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { createSample, type Sample } from '../../scripts/demo/sample.ts';
import { root, startServer, type Server } from '../host/server.ts';
import { launchBrowser, openWorkbench } from '../host/workbench.ts';

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
  const sample = createSample(dir);
  const extension = copyExtension(path.join(dir, 'extension'));
  const env = {
    HOME: home,
    XDG_CONFIG_HOME: path.join(home, '.config'),
    XDG_STATE_HOME: path.join(home, '.state'),
    DEMO_PAUSE_MS: '100',
    ...sample.env,
    ...options.env,
  };
  const server = await startServer({
    data: path.join(dir, 'server'),
    trustAll: options.trustAll,
    settings: options.settings,
    env,
  });
  const browser = await launchBrowser();
  const { width, height } = options;
  const openWindow = (folder = sample.folder): Promise<Page> =>
    openWorkbench(browser, server, { folder, development: { extension }, width, height });
  const close = async (): Promise<void> => {
    await browser.close();
    await server.stop();
    // A task goes on in its carrier, and writes until it ends.
    fs.rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  };
  try {
    return { page: await openWindow(), server, browser, sample, dir, extension, env, openWindow, close };
  } catch (error) {
    await browser.close();
    await server.stop();
    throw error;
  }
}
