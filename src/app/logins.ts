import { codeOf } from '../errors.ts';
import { writeAtomically } from './atomicFile.ts';
/** Which GitHub logins are this person's, remembered in the user's own state folder: a token is known by its hash only. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

export interface Logins {
  /** All that this person has been at a host, the latest last. Asks nobody. */
  known(host: string): string[];
  /** Whose a token is; asks when it is new. */
  of(host: string, token: string, ask: () => Promise<string>): Promise<string>;
}

/** host -> hash of the token -> login */
type Kept = Record<string, Record<string, string>>;

/** Of a host, tokens that are remembered. */
const KEPT = 20;

export function createLogins(folder: string): Logins {
  const file = path.join(folder, 'logins.json');
  function read(): Kept {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8')) as Kept;
    } catch (error) {
      // None yet, or cut short by a crash: what it knew can be asked again.
      if (error instanceof SyntaxError || codeOf(error) === 'ENOENT') return {};
      throw error;
    }
  }
  function write(kept: Kept): void {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeAtomically(file, JSON.stringify(kept));
  }
  return {
    known: (host) => [...new Set(Object.values(read()[host] ?? {}).toReversed())].toReversed(),
    async of(host, token, ask) {
      const hash = createHash('sha256').update(token).digest('hex').slice(0, 16);
      const before = Object.entries(read()[host] ?? {});
      const login = before.find(([known]) => known === hash)?.[1] ?? (await ask());
      if (before.at(-1)?.[0] === hash) return login;
      const kept = read();
      const others = Object.entries(kept[host] ?? {}).filter(([known]) => known !== hash);
      kept[host] = Object.fromEntries([...others, [hash, login]].slice(-KEPT));
      write(kept);
      return login;
    },
  };
}
