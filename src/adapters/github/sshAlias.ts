/** What a host of an ssh address really is: people give their accounts names of their own in ~/.ssh/config. */
import { homedir } from 'node:os';
import { findOnPath } from '../process/find.ts';
import { probe } from '../process/probe.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What ssh's own configuration may look at; no token is among it. */
const SEEN = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SSH_AUTH_SOCK', 'SystemRoot', 'USERPROFILE'];

/** Asks ssh, which connects nowhere for it, once for each name. Null: there is no ssh, or it does not tell. */
export function createSshHosts(env: Env): (name: string) => Promise<string | null> {
  const asked = new Map<string, Promise<string | null>>();
  async function ask(name: string): Promise<string | null> {
    const ssh = await findOnPath('ssh', env);
    if (ssh === null) return null;
    const given = SEEN.flatMap((key) => (env[key] === undefined ? [] : [[key, env[key]] as const]));
    const { code, output } = await probe([ssh, '-G', name], {
      cwd: homedir(),
      env: Object.fromEntries(given),
      timeoutMs: 5_000,
    });
    return code === 0 ? (/^hostname (\S+)$/m.exec(output)?.[1]?.toLowerCase() ?? null) : null;
  }
  return (name) => {
    // A name that begins so would be an option.
    if (!/^[a-z0-9_][a-z0-9._-]*$/i.test(name)) return Promise.resolve(null);
    let answer = asked.get(name);
    if (!answer) asked.set(name, (answer = ask(name)));
    return answer;
  };
}
