/** What no channel took, in a file for people. */
import fs from 'node:fs';
import path from 'node:path';
import type { ConfigValues } from '../config/knobs.ts';
import { AmpaError, codeOf } from '../errors.ts';
import type { DeadLetter } from '../notifications/ports.ts';

export const deadLetterFile = (config: ConfigValues, workspace: { root: string; stateDir: string }): string =>
  config.deadletterFile === ''
    ? path.join(workspace.stateDir, 'deadletter.log')
    : path.resolve(workspace.root, config.deadletterFile);

/** As much of the file is looked at: a death leaves its line near the end. */
const TAIL_BYTES = 256 * 1024;

/**
 * Adds a line that is on the disk when this resolves; of one message and channel there is one. What lies there
 * by the repository's own hand, and what is a link in our own folder, leads anywhere: refused.
 */
export async function bury(
  file: string,
  letter: DeadLetter,
  { stateDir, isTracked }: { stateDir: string; isTracked(file: string): Promise<boolean> },
): Promise<void> {
  const own = path.dirname(file) === stateDir;
  const hint = 'Move it away, or name another file with AMPA_DEADLETTER_FILE.';
  for (const place of [file, path.dirname(file), ...(own ? [path.dirname(stateDir)] : [])])
    if (await isTracked(place)) throw new AmpaError('refused', `${place} came with the repository`, hint);
  // Windows has no such flag, and makes no links without a privilege.
  const noLink = own ? (fs.constants.O_NOFOLLOW ?? 0) : 0;
  const { O_RDWR, O_APPEND, O_CREAT } = fs.constants;
  const handle = await fs.promises.open(file, O_RDWR | O_APPEND | O_CREAT | noLink, 0o600).catch((error: unknown) => {
    if (codeOf(error) !== 'ELOOP') throw error;
    throw new AmpaError('refused', `${file} is a link`, hint, error);
  });
  try {
    const end = await endOf(handle);
    // Whoever wrote it may have died before that was recorded.
    if (!end.some((line) => isOf(letter, line)))
      await handle.appendFile(`${end.at(-1) === '' ? '' : '\n'}${JSON.stringify(letter)}\n`);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** The last lines; the last of them is empty, but where a death has cut it. */
async function endOf(handle: fs.promises.FileHandle): Promise<string[]> {
  const { size } = await handle.stat();
  const from = Math.max(0, size - TAIL_BYTES);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
  return buffer.toString('utf8', 0, bytesRead).split('\n');
}

function isOf({ channel, payload }: DeadLetter, line: string): boolean {
  if (!line.includes(JSON.stringify(payload.key))) return false;
  try {
    const known = JSON.parse(line) as Partial<DeadLetter>;
    return known.channel === channel && known.payload?.key === payload.key;
  } catch {
    // It is cut.
    return false;
  }
}
