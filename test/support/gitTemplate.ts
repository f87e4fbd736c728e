/** A repository as git makes it, made once in a process and then written down again: ten processes fewer for each test. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What lies below a folder, folders before their contents. */
export type Tree = readonly { path: string; mode: number; content: Buffer | null }[];

/** Without git's samples of hooks, which nothing reads. */
export function readTree(dir: string): Tree {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.endsWith('.sample'))
    .toSorted()
    .map((path) => {
      const stat = statSync(join(dir, path));
      return { path, mode: stat.mode & 0o777, content: stat.isDirectory() ? null : readFileSync(join(dir, path)) };
    });
}

/** `change` gives a file another content; undefined: as it was. */
export function writeTree(dir: string, tree: Tree, change: Record<string, (content: string) => string> = {}): void {
  mkdirSync(dir, { recursive: true });
  for (const { path, mode, content } of tree) {
    const to = join(dir, path);
    if (content === null) mkdirSync(to, { recursive: true, mode });
    else writeFileSync(to, change[path]?.(content.toString()) ?? content, { mode });
  }
}
