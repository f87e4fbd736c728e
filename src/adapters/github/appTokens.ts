/** Tokens of a GitHub App for one repository each: found, kept, renewed before they expire. */
import type { KeyObject } from 'node:crypto';
import type { Fetch } from '../../tasks/ports.ts';
import type { ForgeRepo } from '../../tasks/task.ts';
import { AmpaError } from '../../errors.ts';
import { appJwt } from './appKey.ts';
import { createClient } from './client.ts';
import { failure, messageOf, statusOf } from './failures.ts';

export interface InstallationToken {
  token: string;
  /** ms since the epoch. */
  expiresAt: number;
  /** As GitHub names them: `{ contents: 'write', checks: 'read' }`. */
  permissions: Readonly<Record<string, string>>;
}

export interface AppTokens {
  /** A token for one repository that is good for five more minutes at least. */
  token(repo: ForgeRepo, signal?: AbortSignal): Promise<InstallationToken>;
  /** The kept token is asked for anew next time; false when it was only just asked for. */
  forget(repo: ForgeRepo): boolean;
  /** The App's bot, as it signs what it does: `name[bot]`. */
  login(signal?: AbortSignal): Promise<string>;
}

/** What a task needs; the first two it cannot do without. */
const APP_PERMISSIONS: readonly (readonly [name: string, level: 'read' | 'write'])[] = [
  ['contents', 'write'],
  ['pull_requests', 'write'],
  ['issues', 'write'],
  ['workflows', 'write'],
  ['actions', 'read'],
  ['checks', 'read'],
  ['statuses', 'read'],
];
const VITAL = new Set(['contents', 'pull_requests']);

const RENEW_BEFORE_MS = 5 * 60_000;
/** A token that is refused within this time is not asked for again at once. */
const FRESH_MS = 10_000;

/** What the granted permissions lack, as `checks: read`. */
export const lacking = (granted: Readonly<Record<string, string>>): string[] =>
  APP_PERMISSIONS.filter(([name, level]) => granted[name] !== level && granted[name] !== 'write').map(
    ([name, level]) => `${name}: ${level}`,
  );

export interface AppTokensOptions {
  appId: string;
  key: KeyObject;
  apiUrl: string;
  fetch: Fetch;
  now: () => number;
  secondMs?: number;
}

export function createAppTokens({ appId, key, apiUrl, fetch, now, secondMs }: AppTokensOptions): AppTokens {
  const client = createClient({
    apiUrl,
    fetch,
    now,
    secondMs,
    authorize: async () => `bearer ${appJwt(appId, key, now())}`,
  });
  const kept = new Map<string, Promise<InstallationToken>>();
  const askedAt = new Map<string, number>();
  const nameOf = (repo: ForgeRepo): string => `${repo.owner}/${repo.name}`.toLowerCase();

  async function make(repo: ForgeRepo): Promise<InstallationToken> {
    const where = { owner: repo.owner, repo: repo.name };
    let installation: number;
    try {
      installation = (await client.octokit.request('GET /repos/{owner}/{repo}/installation', where)).data.id;
    } catch (error) {
      throw explain(error, repo);
    }
    let answer;
    try {
      answer = await client.octokit.request('POST /app/installations/{installation_id}/access_tokens', {
        installation_id: installation,
        repositories: [repo.name],
      });
    } catch (error) {
      throw explain(error, repo);
    }
    const { token, expires_at, permissions = {} } = answer.data;
    const missing = lacking(permissions).filter((it) => VITAL.has(it.split(':')[0]!));
    if (missing.length > 0) {
      throw new AmpaError(
        'external',
        `GitHub App ${appId} lacks the permissions ${missing.join(' and ')} on ${repo.owner}/${repo.name}`,
        'Grant them in the App’s settings; an owner then accepts them for the installation.',
      );
    }
    return { token, expiresAt: Date.parse(expires_at), permissions };
  }

  function explain(error: unknown, repo: ForgeRepo): AmpaError {
    const status = statusOf(error);
    if (status === 401) {
      return new AmpaError(
        'external',
        `GitHub does not accept the private key of App ${appId}: ${messageOf(error)}`,
        'The key must belong to AMPA_GITHUB_APP_ID and not be revoked, and this machine’s clock must be right.',
      );
    }
    if (status === 404) {
      return new AmpaError(
        'external',
        `GitHub App ${appId} is not installed on ${repo.owner}/${repo.name}`,
        'Install it there from its page on GitHub.',
      );
    }
    return failure(`a token for App ${appId}`, error);
  }

  return {
    async token(repo, signal) {
      signal?.throwIfAborted();
      const name = nameOf(repo);
      const before = kept.get(name);
      const known = await before?.catch(() => null);
      if (known && known.expiresAt - now() > RENEW_BEFORE_MS) return known;
      // Callers at the same time share one request; one that failed is not kept.
      if (kept.get(name) === before) {
        const fresh = make(repo);
        kept.set(name, fresh);
        fresh.catch(() => kept.get(name) === fresh && kept.delete(name));
      }
      return kept.get(name)!;
    },
    forget(repo) {
      const name = nameOf(repo);
      const last = askedAt.get(name);
      if (last !== undefined && now() - last < FRESH_MS) return false;
      askedAt.set(name, now());
      return kept.delete(name);
    },
    async login(signal) {
      try {
        const { data } = await client.octokit.request('GET /app', { request: { signal } });
        if (!data?.slug) throw new AmpaError('external', `GitHub does not name App ${appId}`);
        return `${data.slug}[bot]`;
      } catch (error) {
        if (statusOf(error) === 401) throw explain(error, { kind: 'github', host: '', owner: '', name: '' });
        throw failure('the name of the App', error);
      }
    },
  };
}
