import fs from 'node:fs';
import path from 'node:path';
import type { Located } from '../adapters/git/facts.ts';
import type { Repository } from '../adapters/git/repository.ts';
import { indexWritten, storeFiles } from './engineStore.ts';
import type { StatePaths, Workspace } from './state.ts';

/** Which files are the repository's, so somebody else's text: git says, and a pull may change it at any time. */
export interface Tracked {
  /** The workspace's repository as it was at the beginning; null: there is none. */
  readonly repo: Located | null;
  /** As it was when somebody last looked. */
  last(): Located | null;
  /** Whether git may be bringing a file at this moment: it wrote its index when we looked, and the file is newer. */
  mayCome(file: string): boolean;
  /** Looks again. */
  look(): Promise<void>;
  /** The first of the store's files that git tracks now, or null. */
  state(): Promise<string | null>;
  /** As git has it now, wherever the file lies. What the file says is to be read before. */
  isTracked(file: string): Promise<boolean>;
}

/** How long the answer from the beginning may stand in for the first one, ms. */
const FRESH_MS = 1000;

export async function createTracked(git: Repository, workspace: Workspace, paths: StatePaths): Promise<Tracked> {
  const locate = (): Promise<Located | null> => git.locate(workspace.root);
  const first = workspace.isGit ? await locate() : null;
  const begun = first && (await indexWritten(first.root));
  const repo = begun?.waited ? await locate() : first;
  let lockedAt = begun?.lockedAt ?? null;
  const locatedAt = performance.now();
  let last = repo;
  let asked = false;
  async function look(): Promise<void> {
    if (repo === null) return;
    ({ lockedAt } = await indexWritten(repo.root));
    last = await locate();
  }
  return {
    repo,
    last: () => last,
    mayCome(file) {
      const there = lockedAt === null ? undefined : fs.lstatSync(file, { throwIfNoEntry: false });
      // Folders change with everything in them; what git makes of one is a link.
      return there !== undefined && !there.isDirectory() && there.ctimeMs >= lockedAt!;
    },
    look,
    async state() {
      if (asked || performance.now() - locatedAt > FRESH_MS) await look();
      asked = true;
      return storeFiles(workspace, paths).find((file) => last?.tracks(file)) ?? null;
    },
    async isTracked(file) {
      if (repo) await indexWritten(repo.root);
      return (await git.locate(path.dirname(file), [path.basename(file)]))?.tracks(file) ?? false;
    },
  };
}
