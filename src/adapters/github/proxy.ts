/** Requests through the proxy that the environment names. */
import type { Fetch } from '../../tasks/ports.ts';

type Env = Readonly<Record<string, string | undefined>>;

const valueOf = (env: Env, name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined;

/**
 * `fetch` as the environment wants it: through HTTPS_PROXY or HTTP_PROXY but for the hosts of
 * NO_PROXY (small letters first, as curl does). Node's own where no proxy is named.
 */
export async function fetchOf(env: Env): Promise<Fetch> {
  const httpProxy = valueOf(env, 'HTTP_PROXY');
  const httpsProxy = valueOf(env, 'HTTPS_PROXY') ?? httpProxy;
  if (httpProxy === undefined && httpsProxy === undefined) return globalThis.fetch;
  // Its default export: a bundle of a CommonJS package has no other.
  const { EnvHttpProxyAgent, fetch } = (await import('undici')).default;
  // Empty texts, since for undefined undici would look into the environment of this process.
  const dispatcher = new EnvHttpProxyAgent({
    httpProxy: httpProxy ?? '',
    httpsProxy: httpsProxy ?? '',
    noProxy: valueOf(env, 'NO_PROXY') ?? '',
  });
  // undici's types and Node's describe the same objects and are not assignable to one another.
  const through = (url: string, init: object): Promise<unknown> => fetch(url, { ...init, dispatcher });
  return through as unknown as Fetch;
}
