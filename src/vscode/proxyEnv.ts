type Env = Readonly<Record<string, string | undefined>>;

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'];
const isSet = (env: Env, name: string): boolean => Boolean(env[name] || env[name.toLowerCase()]);

/**
 * The environment with the proxy of the editor's settings, for our requests, git and agents alike. One
 * that names a proxy itself stays as it is. Pure.
 */
export function withEditorProxy(env: Env, proxy: string, noProxy: readonly string[]): Env {
  if (proxy.trim() === '' || PROXIES.some((name) => isSet(env, name))) return env;
  const except = noProxy.length > 0 && !isSet(env, 'NO_PROXY') ? { NO_PROXY: noProxy.join(',') } : {};
  return { ...env, HTTP_PROXY: proxy.trim(), HTTPS_PROXY: proxy.trim(), ...except };
}
