import type { ForgeRepo } from '../../tasks/task.ts';
/** Which repository of which GitHub a remote names, and where that GitHub answers. Pure. */

const NAME = /^[A-Za-z0-9._-]+$/;

/** Hosts by which github.com is reached besides its own name. */
const ALIASES: Readonly<Record<string, string>> = { 'www.github.com': 'github.com', 'ssh.github.com': 'github.com' };

/**
 * The repository that a remote's address names, or null where it is not on a GitHub that we know:
 * github.com, a tenant of ghe.com, or one of `enterpriseHosts` (names without port, any case).
 * Understood are `git@host:owner/name.git`, `ssh://`, `git+ssh://`, `git://` and `http(s)://` with
 * user info, ports, names with dots and trailing slashes. A port is kept only for http(s), where the
 * API answers on it too. `hostOf` says what a host of an ssh address is called where it has another name.
 */
export function parseRemote(
  url: string,
  enterpriseHosts: readonly string[] = [],
  hostOf: (name: string) => string = (name) => name,
): ForgeRepo | null {
  const at = split(url.trim());
  if (at === null) return null;
  const [owner, file, ...rest] = at.path.replace(/^\/+|\/+$/g, '').split('/');
  const name = file?.replace(/\.git$/, '');
  if (!owner || !name || rest.length > 0) return null;
  if (![owner, name].every((part) => NAME.test(part) && part !== '.' && part !== '..')) return null;
  const called = at.ssh ? hostOf(at.host) : at.host;
  const host = ALIASES[called] ?? called;
  if (!isGitHubs(host) && !enterpriseHosts.some((it) => it.toLowerCase() === host)) return null;
  return { kind: 'github', host: at.port === '' ? host : `${host}:${at.port}`, owner, name };
}

/** A host that GitHub itself runs: no stranger answers there. */
export const isGitHubs = (host: string): boolean => host === 'github.com' || host.endsWith('.ghe.com');

/** The host that an ssh address names, in small letters; null for other addresses. */
export function sshHostOf(url: string): string | null {
  const at = split(url.trim());
  return at?.ssh ? at.host : null;
}

function split(url: string): { host: string; port: string; path: string; ssh: boolean } | null {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    // scp-like: a colon before the first slash. One letter before it is a drive of Windows.
    const scp = /^(?:[^@/:]+@)?(\[[^\]]+\]|[^@/:]{2,}):(.+)$/.exec(url);
    return scp ? { host: scp[1]!.toLowerCase(), port: '', path: scp[2]!, ssh: true } : null;
  }
  if (!['http', 'https', 'ssh', 'git', 'git+ssh', 'ssh+git'].includes(scheme)) return null;
  const parsed = URL.parse(url.replace(/^[^:]+:/, scheme.startsWith('http') ? `${scheme}:` : 'https:'));
  if (parsed === null) return null;
  let path: string;
  try {
    path = decodeURIComponent(parsed.pathname);
  } catch {
    // An address with broken escapes names no repository.
    return null;
  }
  const port = scheme.startsWith('http') ? parsed.port : '';
  return { host: parsed.hostname.toLowerCase(), port, path, ssh: scheme.includes('ssh') };
}

/** The host, without port, whose remotes belong to an API address: `api.github.com` serves `github.com`. */
export function hostOfApi(apiUrl: string): string | null {
  const host = URL.parse(apiUrl)?.hostname.toLowerCase();
  if (host === undefined) return null;
  return host === 'api.github.com' || /^api\..+\.ghe\.com$/.test(host) ? host.slice(4) : host;
}

/** Whether an API address that the user has set is the one of this host, whatever ports they have. */
export const servesHost = (apiUrl: string | undefined, host: string): boolean =>
  apiUrl !== undefined && hostOfApi(apiUrl) === host.replace(/:\d+$/, '');

/** Where the REST API of a repository's host answers, without a trailing slash. An override always wins. */
export function apiUrlOf(repo: Pick<ForgeRepo, 'host'>, override?: string): string {
  if (override) return override.replace(/\/+$/, '');
  if (repo.host === 'github.com') return 'https://api.github.com';
  return repo.host.endsWith('.ghe.com') ? `https://api.${repo.host}` : `https://${repo.host}/api/v3`;
}

/** Where GraphQL answers beside a REST address. */
export const graphqlUrlOf = (apiUrl: string): string =>
  apiUrl.endsWith('/api/v3') ? apiUrl.replace(/v3$/, 'graphql') : `${apiUrl}/graphql`;
