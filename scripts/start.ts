/**
 * `npm start [-- DIR]`: packs the extension and opens it in a real VS Code: the desktop one if `code`
 * is on PATH, else the VS Code server from npm, on 127.0.0.1 and behind a token. Without DIR it makes
 * a sample repository with a scripted demo agent. PORT chooses the server's port (8000, or a free one).
 */
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { installVsix, packagedVsix, root, startServer } from '../test/host/server.ts';
import { setup } from '../test/host/setup.ts';
import { createSample, type Sample } from './demo/sample.ts';

const say = (line = ''): void => void process.stdout.write(`${line}\n`);

function run(program: string, args: string[], env: NodeJS.ProcessEnv = process.env): void {
  const result = spawnSync(program, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${program} ended with ${result.status ?? result.signal}`);
}

/** Desktop VS Code on PATH; a shell inside the editor has a `code` that only talks to that editor. */
function desktopCode(): string | null {
  if (process.env['VSCODE_IPC_HOOK_CLI']) return null;
  const name = process.platform === 'win32' ? 'code.cmd' : 'code';
  const found = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .find((dir) => dir && fs.existsSync(path.join(dir, name)));
  return found ? path.join(found, name) : null;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** A profile of its own: the user's settings and extensions stay as they are. */
function openDesktop(code: string, folder: string, sample: Sample | null, data: string): void {
  const profile = [
    '--user-data-dir',
    path.join(data, 'desktop'),
    '--extensions-dir',
    path.join(data, 'desktop-extensions'),
  ];
  run(code, [...profile, '--install-extension', packagedVsix(), '--force']);
  run(code, [...profile, '--new-window', ...(sample ? ['--disable-workspace-trust'] : []), folder], {
    ...process.env,
    ...sample?.env,
  });
}

async function openServer(folder: string, sample: Sample | null, data: string): Promise<void> {
  await setup({ browser: false });
  installVsix(packagedVsix(), path.join(data, 'server'));
  const wanted = Number(process.env['PORT'] ?? 8000);
  const token = crypto.randomBytes(16).toString('hex');
  const server = await startServer({
    data: path.join(data, 'server'),
    port: (await isFree(wanted)) ? wanted : 0,
    token,
    trustAll: sample !== null,
    env: sample?.env,
  });
  say();
  say(`Open http://127.0.0.1:${server.port}/?tkn=${token}&folder=${encodeURIComponent(folder)}`);
  say('Ctrl-C stops it.');
  const stop = async (): Promise<void> => {
    await server.stop();
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void stop());
}

const { positionals } = parseArgs({ allowPositionals: true });
const given = positionals[0];
if (given !== undefined && !fs.statSync(given, { throwIfNoEntry: false })?.isDirectory()) {
  process.stderr.write(`${given} is not a folder\n`);
  process.exit(2);
}
run(process.execPath, ['scripts/package.ts']);
const sample = given === undefined ? createSample(fs.mkdtempSync(path.join(os.tmpdir(), 'ampa-demo-'))) : null;
const folder = sample?.folder ?? path.resolve(given ?? '.');
say();
say(sample ? `A sample repository with a scripted demo agent is in ${folder}` : `Opening ${folder}`);
if (sample) say('In the editor: F1, "AMPA: Start Task…", and ask for a discount.');
const data = path.join(root, '.vscode-host');
const code = desktopCode();
if (code) openDesktop(code, folder, sample, data);
else await openServer(folder, sample, data);
