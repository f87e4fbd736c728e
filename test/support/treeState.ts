/** A fingerprint of a working tree: nothing in it may change unnoticed. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Path → mode, modification time and hash of every file of the tree and of its index and HEAD. */
export function treeState(repo: string): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (folder: string, below: string): void => {
    for (const name of readdirSync(folder).sort()) {
      const path = join(folder, name);
      const at = below ? `${below}/${name}` : name;
      if (at === '.git') {
        for (const file of ['index', 'HEAD', 'config']) found[`.git/${file}`] = fingerprint(join(path, file));
        continue;
      }
      if (lstatSync(path).isDirectory()) visit(path, at);
      else found[at] = fingerprint(path);
    }
  };
  visit(repo, '');
  return found;
}

function fingerprint(path: string): string {
  const there = lstatSync(path);
  const content = there.isSymbolicLink() ? readlinkSync(path) : readFileSync(path);
  return `${there.mode.toString(8)} ${there.mtimeMs} ${createHash('sha256').update(content).digest('hex')}`;
}
