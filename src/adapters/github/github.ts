/**
 * GitHub as the forge of tasks: github.com, tenants of ghe.com and Enterprise Server. Loads octokit,
 * so the composition root imports it only when a remote is on GitHub.
 */
import type { Fetch } from '../../tasks/ports.ts';
import type { ForgeRepo, IdentityKind } from '../../tasks/task.ts';
import { AmpaError } from '../../errors.ts';
import { isOpen, type Forge, type ForgeCheck, type WaitingCommit } from '../../tasks/forge.ts';
import { lacking } from './appTokens.ts';
import { graphqlSnapshots, GraphqlRefused } from './checks.ts';
import { createClient, type Client, type OnRequest } from './client.ts';
import { failure, isForbidden, lacksPermission, statusOf } from './failures.ts';
import { resolveIdentity, type Identity } from './identity.ts';
import { failureOf } from './logs.ts';
import { mergePullRequest } from './merge.ts';
import { probeRepository } from './probe.ts';
import { fetchOf } from './proxy.ts';
import {
  contents,
  defaultBranch,
  issueOf,
  markReady,
  openPullRequest,
  pullRequestOf,
  pullRequestTemplate,
  updatePullRequest,
} from './pulls.ts';
import { apiUrlOf, isGitHubs, servesHost } from './remote.ts';
import { endedRuns, restSnapshots } from './restChecks.ts';

export interface GitHubOptions {
  /** The host's whole environment: tokens, proxies, `gh`. */
  env: Readonly<Record<string, string | undefined>>;
  /** These four are taken from the environment where they are not given. */
  appId?: string;
  appPrivateKey?: string;
  appPrivateKeyPath?: string;
  apiUrl?: string;
  /** Token of the editor's own session, asked silently; null where there is none. */
  editorToken?: (host: string) => Promise<string | null>;
  /** Only this kind of identity is looked for. */
  only?: IdentityKind;
  /** Instead of Node's own with the proxies of `env`: the editor's knows its proxy setting. */
  fetch?: Fetch;
  now: () => number;
  /** Values that no log may show. */
  secrets?: readonly string[];
  /** For one try of a request, ms. */
  timeoutMs?: number;
  /** How long a second of waiting lasts, ms; tests shorten it. */
  secondMs?: number;
  /** Told of each request once it is answered, or is not. */
  onRequest?: OnRequest;
}

export interface GitHub {
  forge: Forge;
  /** Who we are at a repository's host, asked once; null where nobody is signed in. Rejects where what is set up is unusable. */
  identity(repo: ForgeRepo): Promise<IdentityKind | null>;
  /** The same in words: `GitHub App 12`, `GITHUB_TOKEN`. */
  identityLabel(repo: ForgeRepo): Promise<string | null>;
  /** Requests that GitHub counted so far, of all repositories. */
  counted(): number;
}

/** After GraphQL refused to show a repository's checks, REST alone is asked for this long. */
const REFUSED_MS = 10 * 60_000;
/** Nobody signed in is asked again after this long. */
const NOBODY_MS = 15_000;

export async function createGitHub(options: GitHubOptions): Promise<GitHub> {
  const { env, now, secrets = [], secondMs, timeoutMs } = options;
  const apiUrl = options.apiUrl || env.AMPA_GITHUB_API_URL || undefined;
  if (apiUrl !== undefined && !/^https?:$/.test(URL.parse(apiUrl)?.protocol ?? ''))
    throw new AmpaError(
      'external',
      `AMPA_GITHUB_API_URL is ${JSON.stringify(apiUrl)}, which is not an http or https address`,
      'Give it as https://HOST/api/v3, or leave it out.',
    );
  const fetch = options.fetch ?? (await fetchOf(env));
  const identities = new Map<string, { found: Promise<Identity | null>; at: number }>();
  const clients = new Map<string, Promise<Client>>();
  const made: Client[] = [];
  const refusedAt = new Map<string, number>();

  async function identityOf({ host }: ForgeRepo): Promise<Identity | null> {
    const known = identities.get(host);
    if (known) {
      const identity = await known.found;
      if (identity !== null || now() - known.at < NOBODY_MS) return identity;
    }
    if (identities.get(host) === known) {
      const found = resolveIdentity(host, {
        ...options,
        apiUrl: apiUrlOf({ host }, apiUrl),
        isOurs: isGitHubs(host) || servesHost(apiUrl, host),
        fetch,
      });
      identities.set(host, { found, at: now() });
      // What was unusable may be mended: it is not kept.
      found.catch(() => identities.get(host)?.found === found && identities.delete(host));
    }
    return identities.get(host)!.found;
  }

  async function signedIn(repo: ForgeRepo): Promise<Identity> {
    const identity = await identityOf(repo);
    if (identity) return identity;
    throw new AmpaError('external', `Nobody is signed in to ${repo.host}`, 'Run `gh auth login`, or set GITHUB_TOKEN.');
  }

  const keyOf = (repo: ForgeRepo): string => `${repo.host}/${repo.owner}/${repo.name}`.toLowerCase();

  function clientOf(repo: ForgeRepo): Promise<Client> {
    const key = keyOf(repo);
    const known = clients.get(key);
    if (known) return known;
    const client = signedIn(repo).then((identity) => {
      const it = createClient({
        apiUrl: apiUrlOf(repo, apiUrl),
        fetch,
        now,
        timeoutMs,
        secondMs,
        onRequest: options.onRequest,
        authorize: async () => `bearer ${await identity.token(repo)}`,
        renew: () => identity.renew(repo),
      });
      made.push(it);
      return it;
    });
    clients.set(key, client);
    client.catch(() => clients.get(key) === client && clients.delete(key));
    return client;
  }

  /** Runs one call of the port; what GitHub refuses becomes an error for people, an abort stays one. */
  async function call<T>(
    what: string,
    repo: ForgeRepo,
    signal: AbortSignal | null,
    run: (client: Client) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await run(await clientOf(repo));
    } catch (error) {
      signal?.throwIfAborted();
      throw failure(what, error);
    }
  }

  async function login(repo: ForgeRepo, signal?: AbortSignal): Promise<string> {
    const identity = await signedIn(repo);
    if (identity.app) return identity.app.login(signal);
    return call('who we are', repo, signal ?? null, async ({ octokit }) => {
      try {
        return (await octokit.request('GET /user', { request: { signal } })).data.login;
      } catch (error) {
        // The token of a workflow belongs to nobody that GitHub would name.
        if (isForbidden(error)) return 'github-actions[bot]';
        throw error;
      }
    });
  }

  async function snapshots(client: Client, repo: ForgeRepo, commits: readonly WaitingCommit[], signal: AbortSignal) {
    const byRest = async () => ({
      ...(await restSnapshots(client, repo, commits, signal)),
      budget: client.budget('core'),
    });
    const last = refusedAt.get(keyOf(repo));
    if (last !== undefined && now() - last < REFUSED_MS) return byRest();
    try {
      return { ...(await graphqlSnapshots(client, repo, commits, signal)), budget: client.budget('graphql') };
    } catch (error) {
      const refused = error instanceof GraphqlRefused || isForbidden(error) || statusOf(error) === 404;
      if (!refused) throw error;
      refusedAt.set(keyOf(repo), now());
      return byRest();
    }
  }

  /** Required checks that have not ended. What may not be seen is GitHub's to mind; a failed question is no answer. */
  async function awaited(client: Client, repo: ForgeRepo, number: number, sha: string, signal: AbortSignal) {
    const told = await snapshots(client, repo, [{ sha, pullRequest: number }], signal).catch((error: unknown) => {
      // It hides so what it does not show; the pull request itself was there a moment ago.
      if (statusOf(error) === 404) return { snapshots: [] };
      throw error;
    });
    const open = told.snapshots.flatMap(({ checks }) => checks).filter((it) => it.required && isOpen(it));
    return open.map((it) => it.name);
  }

  const forge: Forge = {
    login,
    openPullRequest: (repo, pr, signal) =>
      call('opening the pull request', repo, signal, (client) => openPullRequest(client, repo, pr, signal)),
    pullRequest: (repo, number, signal) =>
      call(`pull request #${number}`, repo, signal, (client) => pullRequestOf(client, repo, number, signal)),
    updatePullRequest: (repo, number, text, signal) =>
      call(`pull request #${number}`, repo, signal, (client) => updatePullRequest(client, repo, number, text, signal)),
    markReady: (repo, number, signal) =>
      call(`pull request #${number}`, repo, signal, (client) => markReady(client, repo, number, signal)),
    snapshots: (repo, commits, signal) =>
      call('the checks', repo, signal, (client) => snapshots(client, repo, commits, signal)),
    endedRuns: (repo, signal) => call('the ended runs', repo, signal, (client) => endedRuns(client, repo, signal)),
    rerun: (repo, checks, signal) => call('a re-run', repo, signal, (client) => rerun(client, repo, checks, signal)),
    failure: (repo, check, logFile, signal) =>
      call(`the log of ${check.name}`, repo, signal, (client) =>
        failureOf(client, repo, check, logFile, signal, { secrets, secondMs }),
      ),
    hasChecks: (repo, base, signal) =>
      call('whether there are checks', repo, signal, (client) => hasChecks(client, repo, base, signal)),
    defaultBranch: (repo, signal) =>
      call('the default branch', repo, signal, (client) => defaultBranch(client, repo, signal)),
    pullRequestTemplate: (repo, signal) =>
      call('the pull request template', repo, signal, (client) => pullRequestTemplate(client, repo, signal)),
    merge: (repo, number, how, signal) =>
      call(`merging pull request #${number}`, repo, signal, (client) =>
        mergePullRequest(
          client,
          repo,
          number,
          how,
          () => awaited(client, repo, number, how.sha, signal),
          signal,
          secondMs,
        ),
      ),
    issue: (repo, number, signal) =>
      call(`issue #${number}`, repo, signal, (client) => issueOf(client, repo, number, signal)),
    async gitToken(repo, signal) {
      return { username: 'x-access-token', password: await (await signedIn(repo)).token(repo, signal) };
    },
    async probe(repo) {
      const identity = await signedIn(repo);
      const granted = identity.app && (await identity.app.token(repo)).permissions;
      const missing = granted
        ? lacking(granted)
        : await call('what we may do', repo, null, (it) => probeRepository(it, repo));
      return { ok: missing.length === 0, login: await login(repo), missing };
    },
  };

  return {
    forge,
    identity: async (repo) => (await identityOf(repo))?.kind ?? null,
    identityLabel: async (repo) => (await identityOf(repo))?.label ?? null,
    counted: () => made.reduce((sum, it) => sum + it.counted(), 0),
  };
}

/** Runs each check's workflow run, or other app's check, once more; runs are named once. */
async function rerun(
  client: Client,
  repo: ForgeRepo,
  checks: readonly ForgeCheck[],
  signal: AbortSignal,
): Promise<void> {
  const at = { owner: repo.owner, repo: repo.name, request: { signal } };
  const { octokit } = client;
  for (const run of new Set(checks.map((it) => it.runId).filter((it) => it !== null))) {
    const run_id = Number(run);
    try {
      await octokit.request('POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs', { ...at, run_id });
    } catch (error) {
      if (statusOf(error) !== 403) throw error;
      // It runs already (a lost answer, a person), or has no jobs that could be run alone.
      const { data } = await octokit.request('GET /repos/{owner}/{repo}/actions/runs/{run_id}', { ...at, run_id });
      if (data.status !== 'completed') continue;
      try {
        await octokit.request('POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun', { ...at, run_id });
      } catch (again) {
        throw lacksPermission(again) ? mayNotRerun(repo, 'actions: write') : again;
      }
    }
  }
  for (const { runId, id } of checks) {
    const check = runId === null ? /^check:(\d+)$/.exec(id)?.[1] : undefined;
    if (check === undefined) continue;
    try {
      await octokit.request('POST /repos/{owner}/{repo}/check-runs/{check_run_id}/rerequest', {
        ...at,
        check_run_id: Number(check),
      });
    } catch (error) {
      throw lacksPermission(error) ? mayNotRerun(repo, 'checks: write') : error;
    }
  }
}

const mayNotRerun = (repo: ForgeRepo, permission: string): AmpaError =>
  new AmpaError(
    'external',
    `it may not be run again by this identity, which lacks the permission ${permission} on ${repo.owner}/${repo.name}`,
    'Run it again on GitHub, then continue; or grant the permission.',
  );

/** Workflow files on the base, or anything that checked it; a source that is not visible does not say no. */
async function hasChecks(client: Client, repo: ForgeRepo, base: string | null, signal: AbortSignal): Promise<boolean> {
  const ref = base ?? undefined;
  const folder = await contents(client, repo, '.github/workflows', signal, ref);
  if (Array.isArray(folder) && folder.some((it) => /\.ya?ml$/i.test(it.name))) return true;
  const at = { owner: repo.owner, repo: repo.name, ref: ref ?? 'HEAD', per_page: 1, request: { signal } };
  const any = async (count: () => Promise<number>): Promise<boolean> => {
    try {
      return (await count()) > 0;
    } catch (error) {
      // 404, 409 and 422: the base has no commit yet.
      if ([404, 409, 422].includes(statusOf(error) ?? 0)) return false;
      if (isForbidden(error)) return true;
      throw error;
    }
  };
  const { octokit } = client;
  return (
    (await any(async () => {
      const { data } = await octokit.request('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', at);
      return data.total_count;
    })) ||
    any(async () => {
      const { data } = await octokit.request('GET /repos/{owner}/{repo}/commits/{ref}/status', at);
      return data.statuses.length;
    })
  );
}
