import { watchKey } from '../tasks/watch.ts';
import type { GitHubState } from './api.ts';
import type { EngineStore } from './engineStore.ts';
import { IDENTITY_NAMES, type Forges } from './forges.ts';
import type { Logins } from './logins.ts';

export interface GitHubStateDeps {
  remoteUrl: string | null;
  forges: Pick<Forges, 'repoAt'>;
  logins: Logins;
  existing(): Promise<EngineStore> | undefined;
  now(): number;
}

/** Who we are on GitHub and what is left of the hour, as tasks have last seen it: costs no request. */
export async function describeGitHub(deps: GitHubStateDeps): Promise<GitHubState | null> {
  const at = deps.remoteUrl === null ? null : await deps.forges.repoAt(deps.remoteUrl);
  const store = at && (await deps.existing());
  if (!at || !store) return null;
  const { identity, budget, hidden } = await store.watches.seenOf(watchKey(at));
  if (identity === null) return null;
  return {
    identity: IDENTITY_NAMES[identity],
    login: identity === 'app' ? null : (deps.logins.known(at.host).at(-1) ?? null),
    // Of an hour that has passed nothing is left to tell.
    budget: budget && budget.resetsAt > deps.now() ? budget : null,
    lacks: hidden,
  };
}
