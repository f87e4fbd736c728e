/** A fake GitHub with the repository acme/widget, and the adapter in front of it, in a hurry. */
import type { ForgeRepo } from '../../src/tasks/task.ts';
import { createGitHub, type GitHub, type GitHubOptions } from '../../src/adapters/github/github.ts';
import { startFakeGitHub, type FakeGitHub } from './fakeGitHub.ts';
import type { FakeRepo } from './fakeGitHubState.ts';

export const ACME: ForgeRepo = { kind: 'github', host: 'github.com', owner: 'acme', name: 'widget' };
const MAIN = 'a'.repeat(40);
export const sha = (n: number): string => n.toString(16).padStart(40, '0');

export interface GitHubSetup {
  fake: FakeGitHub;
  repo: FakeRepo;
  /** The clock of both sides; tests move it. */
  clock: { now: number };
  signal: AbortSignal;
  make(options?: Partial<GitHubOptions>): Promise<GitHub>;
}

export async function setUpGitHub(): Promise<GitHubSetup> {
  const clock = { now: Date.now() };
  const fake = await startFakeGitHub({ now: () => clock.now });
  const repo = fake.repo('acme/widget');
  repo.refs.set('main', MAIN);
  return {
    fake,
    repo,
    clock,
    signal: new AbortController().signal,
    make: (options = {}) =>
      createGitHub({
        env: { GITHUB_TOKEN: fake.token, AMPA_GITHUB_API_URL: fake.url },
        now: () => clock.now,
        secondMs: 5,
        timeoutMs: 60_000,
        ...options,
      }),
  };
}
