import fs from 'node:fs';
import path from 'node:path';

/**
 * Writes a file beside its place and then over it: whoever reads it sees the old text or the new one, never half
 * of one. Its folder exists. Throws the system's error, and leaves nothing beside it then.
 */
export function writeAtomically(file: string, text: string, mode = 0o600): void {
  const partial = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}`);
  try {
    // Left by a process of the same number that died.
    fs.rmSync(partial, { force: true });
    fs.writeFileSync(partial, text, { mode, flag: 'wx' });
    fs.renameSync(partial, file);
  } catch (error) {
    fs.rmSync(partial, { force: true });
    throw error;
  }
}
