import fs from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { codeOf } from '../errors.ts';
import { writeAtomically } from './atomicFile.ts';

const schema = z.object({ url: z.string(), token: z.string(), pid: z.number() });

/** Where the local server of a workspace is, and what opens it. */
export type ServerAddress = z.infer<typeof schema>;

const fileIn = (userDir: string): string => path.join(userDir, 'server.json');

/** Writes it where only the user can read: a file of mode 0600 in a folder of mode 0700. */
export function writeAddress(userDir: string, address: ServerAddress): void {
  fs.mkdirSync(userDir, { recursive: true, mode: 0o700 });
  fs.chmodSync(userDir, 0o700);
  writeAtomically(
    fileIn(userDir),
    `${JSON.stringify(address)}
`,
  );
}

/** What was last written, by whomever; null where nobody serves, or the file is none of ours. */
export function readAddress(userDir: string): ServerAddress | null {
  let text: string;
  try {
    text = fs.readFileSync(fileIn(userDir), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Whoever wrote that is not a server of ours.
    return null;
  }
}

/** Removes what this server has written; what a successor wrote stays. */
export function removeAddress(userDir: string, token: string): void {
  if (readAddress(userDir)?.token === token) fs.rmSync(fileIn(userDir), { force: true });
}
