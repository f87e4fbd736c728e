/**
 * Starting a program behind a gate. The child is a shell that waits for one line on a descriptor
 * of its own and then becomes the program; when the descriptor closes first, it exits. So a parent
 * that dies between the fork and the record of it leaves nothing that acts. Windows has no gate:
 * there the program runs at once, and its tree is ended with `taskkill /T`.
 *
 * A POSIX shell hands on only variables whose names are identifiers; others do not reach children.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Duplex } from 'node:stream';
import type { Readable } from 'node:stream';
import type { ProcessSpec } from '../../tasks/ports.ts';
import { findOnPath } from './find.ts';

const GATE = 'IFS= read -r go <&3 && [ "$go" = go ] || exit 125; exec "$@" 3<&-';

export interface GatedChild {
  child: ChildProcess;
  pid: number;
  stdout: Readable;
  stderr: Readable;
  /** Lets the program act. */
  open(): void;
  /** Ends the child without its ever having acted. */
  close(): void;
}

/** Why a program could not be started; `code` is ENOENT or EACCES. */
function startError(code: 'ENOENT' | 'EACCES', message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}

/** The absolute path of `program` as `cwd` and PATH give it. Rejects with ENOENT or EACCES. */
async function locate(program: string, cwd: string, env: Readonly<Record<string, string>>): Promise<string> {
  const relative = /[/\\]/.test(program) && !path.isAbsolute(program);
  const name = relative ? path.resolve(cwd, program) : program;
  const found = await findOnPath(name, env, { notIn: relative ? [] : [cwd] });
  if (found) return found;
  const exists =
    path.isAbsolute(name) &&
    (await stat(name).then(
      (entry) => entry.isFile(),
      () => false,
    ));
  if (exists) throw startError('EACCES', `${program} may not be executed`);
  throw startError('ENOENT', `the program ${program} was not found`);
}

/** One argument of a command line that cmd.exe reads twice: once itself, once for the batch file. */
function quoteForCmd(argument: string): string {
  const quoted = `"${argument.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\*)$/, '$1$1')}"`;
  const escape = (text: string): string => text.replace(/[()\][%!^"`<>&|;, *?]/g, '^$&');
  return escape(escape(quoted));
}

async function commandLine(
  spec: ProcessSpec,
  env: Readonly<Record<string, string>>,
): Promise<{ argv: string[]; verbatim: boolean }> {
  const windows = process.platform === 'win32';
  if ('shell' in spec.command) {
    if (!windows) return { argv: ['/bin/sh', '-c', spec.command.shell], verbatim: false };
    return { argv: [env.ComSpec ?? 'cmd.exe', '/d', '/s', '/c', `"${spec.command.shell}"`], verbatim: true };
  }
  const [program, ...args] = spec.command.argv;
  if (!program) throw startError('ENOENT', 'the command is empty');
  const file = await locate(program, spec.cwd, env);
  if (!windows || !/\.(cmd|bat)$/i.test(file)) return { argv: [file, ...args], verbatim: false };
  const line = [file.replace(/[()\][%!^"`<>&|;, *?]/g, '^$&'), ...args.map(quoteForCmd)].join(' ');
  return { argv: [env.ComSpec ?? 'cmd.exe', '/d', '/s', '/c', `"${line}"`], verbatim: true };
}

const spawned = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });

/**
 * Starts the program of `spec` in a process group of its own, held at the gate. Rejects when the
 * program or the folder is missing or may not be used, or the system refuses a process.
 */
export async function spawnGated(
  spec: ProcessSpec,
  env: Readonly<Record<string, string>>,
  openStdin: boolean,
): Promise<GatedChild> {
  const isFolder = await stat(spec.cwd).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (!isFolder) throw startError('ENOENT', `the folder ${spec.cwd} does not exist`);
  const { argv, verbatim } = await commandLine(spec, env);
  const windows = process.platform === 'win32';
  const [file = '', ...args] = windows ? argv : ['/bin/sh', '-c', GATE, 'sh', ...argv];
  const child = spawn(file, args, {
    cwd: spec.cwd,
    env,
    detached: !windows,
    windowsHide: true,
    windowsVerbatimArguments: verbatim,
    stdio: [openStdin ? 'pipe' : 'ignore', 'pipe', 'pipe', ...(windows ? [] : (['pipe'] as const))],
  });
  await spawned(child);
  const { pid, stdout, stderr } = child;
  const gate = child.stdio[3] instanceof Duplex ? child.stdio[3] : null;
  if (pid === undefined || !stdout || !stderr || !(gate || windows))
    throw new Error(`${file} was started without its pipes`);
  // A child that was killed at the gate closes it first; its exit tells the rest.
  gate?.on('error', () => {}).resume();
  return { child, pid, stdout, stderr, open: () => gate?.end('go\n'), close: () => gate?.destroy() };
}
