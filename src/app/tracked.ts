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
  const repo = first && (await indexWritten(first.root)) ? await locate() : first;
  const locatedAt = performance.now();
  let last = repo;
  let asked = false;
  async function look(): Promise<void> {
    if (repo === null) return;
    await indexWritten(repo.root);
    last = await locate();
  }
  return {
    repo,
    last: () => last,
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
