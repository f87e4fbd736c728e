/** A real VS Code server on 127.0.0.1, for tests and for `npm start`. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { serverMain, serverNode } from './setup.ts';

export const root = path.resolve(import.meta.dirname, '../..');

const SETTINGS = {
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.enableExperiments': false,
  'workbench.tips.enabled': false,
  'chat.disableAIFeatures': true,
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'telemetry.telemetryLevel': 'off',
  'update.showReleaseNotes': false,
};

export interface ServerOptions {
  /** Where the server keeps user data, extensions and logs. */
  data: string;
  /** 0, the default, picks a free one. */
  port?: number;
  /** Whoever reaches the server without a token has a shell; only tests go without. */
  token?: string;
  /** false asks for trust as VS Code does; the default trusts every folder. */
  trustAll?: boolean;
  settings?: Record<string, unknown>;
  env?: Record<string, string>;
}

export interface Server {
  port: number;
  data: string;
  log: string;
  /** Writes user settings; an open workbench takes them up. */
  configure(settings: Record<string, unknown>): void;
  /** Ends the server with its extension hosts. */
  stop(): Promise<void>;
}

const settingsFile = (data: string): string => path.join(data, 'data/User/settings.json');

function writeSettings(data: string, changes: Record<string, unknown>): void {
  const file = settingsFile(data);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const now = fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as object) : SETTINGS;
  fs.writeFileSync(file, JSON.stringify({ ...now, ...changes }, null, 2));
}

export async function startServer(options: ServerOptions): Promise<Server> {
  const { data } = options;
  writeSettings(data, options.settings ?? {});
  const log = path.join(data, 'server.log');
  const out = fs.openSync(log, 'a');
  const child = spawn(
    serverNode,
    [
      serverMain,
      ...['--host', '127.0.0.1'],
      ...['--port', String(options.port ?? 0)],
      ...(options.token ? ['--connection-token', options.token] : ['--without-connection-token']),
      '--accept-server-license-terms',
      ...['--telemetry-level', 'off'],
      ...(options.trustAll === false ? [] : ['--disable-workspace-trust']),
      ...['--server-data-dir', data],
      // The default, three hours, keeps an extension host for every page that was ever opened.
      ...['--reconnection-grace-time', '1'],
    ],
    { env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', out], detached: true },
  );
  fs.closeSync(out);
  const port = await listening(child, log);
  return { port, data, log, configure: (settings) => writeSettings(data, settings), stop: () => stop(child) };
}

function listening(child: ChildProcess, log: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (why: string): void => reject(new Error(`the VS Code server ${why}; see ${log}`));
    const timer = setTimeout(() => {
      signalGroup(child, 'SIGKILL');
      failed('did not start within 60 s');
    }, 60_000);
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      fs.appendFileSync(log, chunk);
      text = (text + chunk).slice(-10_000);
      const match = /Extension host agent listening on (\d+)/.exec(text);
      if (!match) return;
      clearTimeout(timer);
      resolve(Number(match[1]));
    });
    child.once('error', (error) => failed(error.message));
    child.once('exit', (code) => {
      clearTimeout(timer);
      failed(`ended with ${code}`);
    });
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
  }
  signalGroup(child, 'SIGKILL');
}

/** Installs a packaged extension into a server's data folder. */
export function installVsix(vsix: string, data: string): void {
  const args = [
    serverMain,
    '--install-extension',
    vsix,
    '--server-data-dir',
    data,
    '--accept-server-license-terms',
    '--force',
  ];
  const result = spawnSync(serverNode, args, { encoding: 'utf8', timeout: 120_000 });
  if (result.status !== 0) throw new Error(`${vsix} could not be installed: ${result.stdout}${result.stderr}`);
}

/** The packaged extension of this platform, as `npm run package` leaves it. */
export function packagedVsix(): string {
  const vsix = path.join(root, `dist/ampa-${process.platform}-${process.arch}.vsix`);
  if (!fs.existsSync(vsix)) throw new Error(`${vsix} is missing: npm run package`);
  return vsix;
}
