import { tokenCredential } from '../adapters/git/credential.ts';
import type { ForgeRepo, IdentityKind, Task, ForgeAccess } from '../tasks/task.ts';
import type { GitCredential } from '../adapters/git/network.ts';
import { createRepoFinder } from '../adapters/github/repoFinder.ts';
import type { ConfigValues } from '../config/knobs.ts';
import { AmpaError } from '../errors.ts';
import type { Forge } from '../tasks/forge.ts';
import type { Logins } from './logins.ts';
import type { Meter } from './meter.ts';

export interface ForgesDeps {
  /** The host's whole environment: identities are looked for in it. */
  env: Readonly<Record<string, string | undefined>>;
  config(): ConfigValues;
  /** Token of the editor's own GitHub session, if it has one; asked silently. */
  editorToken?: (host: string) => Promise<string | null>;
  /** Values that no log may show. */
  secrets: readonly string[];
  logins: Logins;
  now(): number;
  /** Counts the requests. */
  meter?: Meter;
  /** Tests have more of it, or less. */
  patience?: {
    /** How long a second of waiting for GitHub lasts, ms. */
    secondMs?: number;
    /** So long a start waits for the name of who starts it, ms; 1.5 s. */
    loginMs?: number;
  };
}

export const IDENTITY_NAMES: Readonly<Record<IdentityKind, string>> = {
  app: 'a GitHub App',
  editor: 'the GitHub account of the editor',
  environment: 'the token in GITHUB_TOKEN or GH_TOKEN',
  gh: 'the account of `gh`',
};

const HINTS: Readonly<Record<IdentityKind, string>> = {
  app: 'Set AMPA_GITHUB_APP_ID and its private key.',
  editor: 'Continue the task in the editor, signed in to GitHub there.',
  environment: 'Set GITHUB_TOKEN.',
  gh: 'Sign in with `gh auth login`.',
};

export interface Forges {
  /** The forge that a remote's address names, where somebody is signed in to it. */
  at(remoteUrl: string): Promise<{ forge: Forge; at: ForgeAccess } | null>;
  /** The forge of a task, with the kind of identity it was made with. */
  of(task: Task): Promise<Forge>;
  /** Whether that kind of identity is to be had here; rejects where it is set up and unusable. */
  signedIn(identity: { repo: ForgeRepo; kind: IdentityKind }): Promise<boolean>;
  /** Who we are at a remote, and what is missing there, for people; null: it is not on GitHub, or nobody is signed in. */
  describe(remoteUrl: string): Promise<{ label: string; missing: string[] } | null>;
  /** The repository that a remote's address names; null: it is not on a GitHub. Asks nobody. */
  repoAt(remoteUrl: string): Promise<ForgeRepo | null>;
  /** The login that we are at a forge; null for an App, which is nobody's, and where it cannot be told soon. */
  login(forge: Forge, at: ForgeAccess): Promise<string | null>;
  /** What git needs to push to a remote over https in our name, with one kind of identity if it is given; null: the user's own ways are used. */
  credential(remoteUrl: string, signal?: AbortSignal, identity?: IdentityKind): Promise<GitCredential | null>;
}

/** The GitHub adapter is megabytes of client: it is loaded with the first remote that is on GitHub. */
export function createForges(deps: ForgesDeps): Forges {
  const load = () => import('../adapters/github/github.ts');
  const kept = new Map<IdentityKind | 'first', ReturnType<typeof make>>();
  let keptFor = '';
  const make = async (only?: IdentityKind) =>
    (await load()).createGitHub({
      env: deps.env,
      appId: deps.config().githubAppId,
      appPrivateKey: deps.config().githubAppPrivateKey,
      appPrivateKeyPath: deps.config().githubAppPrivateKeyPath,
      apiUrl: deps.config().githubApiUrl,
      editorToken: deps.editorToken,
      only,
      now: deps.now,
      secondMs: deps.patience?.secondMs,
      secrets: deps.secrets,
      onRequest(outcome, budget) {
        deps.meter?.count('ampa_github_requests_total', { outcome });
        if (budget) deps.meter?.set('ampa_github_budget_remaining', { resource: budget.resource }, budget.remaining);
      },
    });
  /** One for each kind of identity, and one for the first that is there; made anew when a knob has changed. */
  function github(only?: IdentityKind): ReturnType<typeof make> {
    const { githubAppId, githubAppPrivateKey, githubAppPrivateKeyPath, githubApiUrl } = deps.config();
    const key = JSON.stringify([githubAppId, githubAppPrivateKey, githubAppPrivateKeyPath, githubApiUrl]);
    if (keptFor !== key) kept.clear();
    keptFor = key;
    const known = kept.get(only ?? 'first');
    if (known) return known;
    const github = make(only);
    kept.set(only ?? 'first', github);
    return github;
  }
  const repoAt = createRepoFinder(deps.env, () => deps.config().githubApiUrl);
  async function signedIn(repo: ForgeRepo, kind: IdentityKind): Promise<Awaited<ReturnType<typeof make>>> {
    const hub = await github(kind);
    if ((await hub.identity(repo)) !== null) return hub;
    throw new AmpaError(
      'external',
      `the task was made with ${IDENTITY_NAMES[kind]}, which is not available here for ${repo.host}`,
      HINTS[kind],
    );
  }

  return {
    repoAt,
    async login(forge, at) {
      if (at.identity === 'app') return null;
      const signal = AbortSignal.timeout(deps.patience?.loginMs ?? 1_500);
      try {
        const { password } = await forge.gitToken(at, signal);
        return await deps.logins.of(at.host, password, () => forge.login(at, signal));
      } catch (error) {
        // Offline or refused: git knows a name too, and what else is needed of GitHub tells what is wrong with it.
        if (signal.aborted || error instanceof AmpaError) return null;
        throw error;
      }
    },
    async at(remoteUrl) {
      const repo = await repoAt(remoteUrl);
      if (!repo) return null;
      let hub = await github();
      let identity = await hub.identity(repo);
      const later = identity !== 'app' && identity !== 'editor';
      if (later && (await deps.editorToken?.(repo.host))) {
        // Somebody signed in to the editor since: that goes before what was found until then.
        kept.delete('first');
        hub = await github();
        identity = await hub.identity(repo);
      }
      return identity && { forge: hub.forge, at: { ...repo, identity } };
    },
    async of(task) {
      const { forge } = task;
      if (!forge) throw new Error(`task ${task.id} has no forge`);
      return (await signedIn(forge, forge.identity)).forge;
    },
    async signedIn({ repo, kind }) {
      if ((await (await github(kind)).identity(repo)) === null) return false;
      // Once found, an identity is kept; people sign out of the editor while it runs.
      return kind !== 'editor' || ((await deps.editorToken?.(repo.host)) ?? null) !== null;
    },
    async describe(remoteUrl) {
      const found = await this.at(remoteUrl);
      if (!found) return null;
      const hub = await github();
      const { missing } = await found.forge.probe(found.at);
      return { label: (await hub.identityLabel(found.at)) ?? found.at.identity, missing };
    },
    async credential(remoteUrl, signal, kind) {
      const address = URL.parse(remoteUrl);
      // Over plain http anybody on the way could read the token.
      if (address?.protocol !== 'https:') return null;
      const repo = await repoAt(remoteUrl);
      if (!repo) return null;
      const hub = kind ? await signedIn(repo, kind) : await github();
      if ((await hub.identity(repo)) === null) return null;
      const { username, password } = await hub.forge.gitToken(repo, signal ?? AbortSignal.timeout(30_000));
      return tokenCredential(repo.host, address.pathname, { username, password });
    },
  };
}
