import type { GitCredential } from '../adapters/git/network.ts';
import type { ConfigValues } from '../config/knobs.ts';
import { AmpaError } from '../errors.ts';
import type { Forge } from '../tasks/forge.ts';
import type { Task, TaskForge } from '../tasks/task.ts';

export interface ForgesDeps {
  /** The host's whole environment: identities are looked for in it. */
  env: Readonly<Record<string, string | undefined>>;
  config(): ConfigValues;
  /** Token of the editor's own GitHub session, if it has one; asked silently. */
  editorToken?: (host: string) => Promise<string | null>;
  now(): number;
}

type At = Pick<TaskForge, 'kind' | 'host' | 'owner' | 'name' | 'identity'>;

export interface Forges {
  /** The forge that a remote's address names, where somebody is signed in to it. */
  at(remoteUrl: string): Promise<{ forge: Forge; at: At } | null>;
  /** The forge of a task, with the kind of identity it was made with. */
  of(task: Task): Promise<Forge>;
  /** Who we are at a remote, and what is missing there, for people; null: it is not on GitHub, or nobody is signed in. */
  describe(remoteUrl: string): Promise<{ label: string; missing: string[] } | null>;
  /** What git needs to push to a remote over https in our name; null: the user's own ways are used. */
  credential(remoteUrl: string, signal?: AbortSignal): Promise<GitCredential | null>;
}

/** The GitHub adapter is megabytes of client: it is loaded with the first remote that is on GitHub. */
export function createForges(deps: ForgesDeps): Forges {
  const load = () => import('../adapters/github/github.ts');
  let made: { key: string; github: Promise<Awaited<ReturnType<typeof make>>> } | undefined;
  const make = async () =>
    (await load()).createGitHub({
      env: deps.env,
      appId: deps.config().githubAppId,
      appPrivateKey: deps.config().githubAppPrivateKey,
      appPrivateKeyPath: deps.config().githubAppPrivateKeyPath,
      apiUrl: deps.config().githubApiUrl,
      editorToken: deps.editorToken,
      now: deps.now,
    });
  /** Made anew when a knob has changed. */
  function github() {
    const { githubAppId, githubAppPrivateKey, githubAppPrivateKeyPath, githubApiUrl } = deps.config();
    const key = JSON.stringify([githubAppId, githubAppPrivateKey, githubAppPrivateKeyPath, githubApiUrl]);
    if (made?.key !== key) made = { key, github: make() };
    return made.github;
  }

  return {
    async at(remoteUrl) {
      if (!/github|:\/\/|@/.test(remoteUrl)) return null;
      const hub = await github();
      const repo = hub.parseRemote(remoteUrl);
      if (!repo) return null;
      const identity = await hub.identity(repo);
      return identity && { forge: hub.forge, at: { ...repo, identity } };
    },
    async of(task) {
      const { forge } = task;
      if (!forge) throw new Error(`task ${task.id} has no forge`);
      const hub = await github();
      const identity = await hub.identity(forge);
      if (identity !== null) return hub.forge;
      throw new AmpaError(
        'external',
        `nobody is signed in to ${forge.host} here; the task was made with ${forge.identity}`,
        'Sign in with `gh auth login`, or set GITHUB_TOKEN.',
      );
    },
    async describe(remoteUrl) {
      const found = await this.at(remoteUrl);
      if (!found) return null;
      const hub = await github();
      const { missing } = await found.forge.probe(found.at);
      return { label: (await hub.identityLabel(found.at)) ?? found.at.identity, missing };
    },
    async credential(remoteUrl, signal) {
      if (!/^https?:\/\//.test(remoteUrl)) return null;
      const hub = await github();
      const repo = hub.parseRemote(remoteUrl);
      if (!repo || (await hub.identity(repo)) === null) return null;
      const { username, password } = await hub.forge.gitToken(repo, signal ?? AbortSignal.timeout(30_000));
      return {
        url: remoteUrl.replace(/^(https?:\/\/)[^@/]*@/, '$1'),
        // The token reaches git by the environment of this one call; nothing of the repository runs in it.
        helper: `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$AMPA_GIT_USERNAME" "$AMPA_GIT_PASSWORD"; }; f`,
        env: { AMPA_GIT_USERNAME: username, AMPA_GIT_PASSWORD: password },
      };
    },
  };
}
