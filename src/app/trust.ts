import fs from 'node:fs';
import path from 'node:path';
import { AmpaError } from '../errors.ts';
import { writeAtomically } from './atomicFile.ts';
import { userStateDir } from './state.ts';

type Env = Readonly<Record<string, string | undefined>>;

interface TrustFile {
  folders: Record<string, { remote: string | null; at: string }>;
}

/** Which folders the user has trusted on the command line: remembered outside the folder, bound to its remote. */
export function createTrust(env: Env, now: () => number) {
  const file = path.join(userStateDir(env), 'trust.json');
  const read = (): TrustFile => {
    if (!fs.existsSync(file)) return { folders: {} };
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8')) as TrustFile;
    } catch (error) {
      throw new AmpaError('external', `${file} cannot be read`, 'Remove it and trust the folders again.', error);
    }
  };
  const write = (content: TrustFile): void => {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeAtomically(
      file,
      `${JSON.stringify(content, null, 2)}
`,
    );
  };
  return {
    /** Where it is remembered. */
    file,
    /** A folder whose remote has changed since is somebody else's text again. */
    isTrusted(root: string, remote: string | null): boolean {
      const entry = read().folders[root];
      return entry !== undefined && entry.remote === remote;
    },
    trust(root: string, remote: string | null): void {
      const content = read();
      content.folders[root] = { remote, at: new Date(now()).toISOString() };
      write(content);
    },
    revoke(root: string): void {
      const content = read();
      delete content.folders[root];
      write(content);
    },
  };
}
