/** Where the socket of a workspace lies. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { AmpaError } from '../../errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface SocketPlace {
  /** What the user has set; empty: ours. */
  wanted: string;
  /** Relative paths are from here. */
  root: string;
  /** The workspace's folder in the user's own state folder. */
  userDir: string;
  env: Env;
}

/** Bytes of a path that every system takes: 104 with the zero at its end on macOS, 108 on Linux. */
const MAX_PATH = 103;
const PIPE = '\\\\.\\pipe\\';

/** The path; nothing is made. A folder too deep for one is stood for by its hash in a short place. Throws `usage`. */
export function socketPath({ wanted, root, userDir, env }: SocketPlace): string {
  const name = createHash('sha256').update(userDir).digest('hex').slice(0, 16);
  if (process.platform === 'win32') {
    if (wanted === '') return `${PIPE}ampa-${name}`;
    return /^\\\\[.?]\\pipe\\/i.test(wanted) ? wanted : PIPE + wanted.replace(/[\\/:]+/g, '-');
  }
  if (wanted !== '') {
    const chosen = path.resolve(root, wanted);
    if (fits(chosen)) return chosen;
    throw new AmpaError(
      'usage',
      `${chosen} is too long for a socket`,
      `AMPA_BOT_SOCKET_PATH has at most ${MAX_PATH} bytes.`,
    );
  }
  const own = path.join(userDir, 'ampa.sock');
  if (fits(own)) return own;
  const bases = [env['XDG_RUNTIME_DIR'], os.tmpdir(), '/tmp'].filter((it) => it !== undefined && path.isAbsolute(it));
  return bases.map((base) => path.join(base!, `ampa-${process.getuid?.() ?? ''}`, `${name}.sock`)).find(fits)!;
}

const fits = (it: string): boolean => Buffer.byteLength(it) <= MAX_PATH;

/** Makes the folder of our own path, for the user alone. Throws `refused` where another user was before us. */
export function makeSocketDir(file: string, wanted: string): void {
  if (wanted !== '' || process.platform === 'win32') return;
  const dir = path.dirname(file);
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { uid, mode } = fs.lstatSync(dir);
  if (!fs.lstatSync(dir).isDirectory() || uid !== process.getuid?.() || (mode & 0o022) !== 0)
    throw new AmpaError('refused', `${dir} is not a folder of yours alone`, 'Set AMPA_BOT_SOCKET_PATH.');
}
