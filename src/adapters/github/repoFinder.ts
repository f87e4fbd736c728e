/** Whether a remote is on a GitHub, and which repository it is: the one place that knows. Loads no client. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ForgeRepo } from '../../tasks/task.ts';
import { hostOfApi, parseRemote, sshHostOf } from './remote.ts';
import { createSshHosts } from './sshAlias.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Finds the repository of a remote's address; null: it is on no GitHub that we know. Besides github.com
 * and ghe.com these are the host of the API's address (`apiUrl`) and those that `gh` is signed in to.
 * Asks nobody on the network.
 */
export function createRepoFinder(env: Env, apiUrl: () => string): (remoteUrl: string) => Promise<ForgeRepo | null> {
  const sshHost = createSshHosts(env);
  return async (remoteUrl) => {
    const override = apiUrl() || env.AMPA_GITHUB_API_URL;
    const ofApi = override ? hostOfApi(override) : null;
    const hosts = ofApi === null ? [] : [ofApi];
    const at = (hostOf?: (name: string) => string): ForgeRepo | null => parseRemote(remoteUrl, hosts, hostOf);
    const plain = at();
    if (plain) return plain;
    hosts.push(...(await hostsOfGh(env)));
    const named = at();
    const alias = named ? null : sshHostOf(remoteUrl);
    const host = alias === null ? null : await sshHost(alias);
    return host === null ? named : at(() => host);
  };
}

/** The hosts that `gh` is signed in to, as its own file names them; a file that cannot be read helps gh no more than us. */
async function hostsOfGh(env: Env): Promise<string[]> {
  const folder =
    env.GH_CONFIG_DIR ||
    (env.XDG_CONFIG_HOME && join(env.XDG_CONFIG_HOME, 'gh')) ||
    (process.platform === 'win32' && env.APPDATA && join(env.APPDATA, 'GitHub CLI')) ||
    join(env.HOME || homedir(), '.config', 'gh');
  const text = await readFile(join(folder, 'hosts.yml'), 'utf8').catch(() => '');
  return [...text.matchAll(/^["']?([A-Za-z0-9][A-Za-z0-9.-]*)["']?:\s*$/gm)].map((match) => match[1]!);
}
