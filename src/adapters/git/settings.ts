/** The few settings of a repository that decide how we call git, read in one go. */
import { gitFailed } from './git.ts';
import type { Git } from './git.ts';

export interface Settings {
  /** `core.hooksPath` as written; null where hooks are in their usual place. */
  hooksPath: string | null;
  sshCommand: string | null;
  /** `commit.gpgSign`. */
  signs: boolean;
  /** Fetch addresses by remote name, in the order of the configuration. */
  remotes: Map<string, string>;
  /** Upstream remote by branch name. */
  upstreams: Map<string, string>;
}

const WANTED = '^(core\\.(hookspath|sshcommand)|commit\\.gpgsign|remote\\..*\\.url|branch\\..*\\.remote)$';

/** Reads them as git sees them from `dir` (includes and scopes resolved). */
export async function readSettings(git: Git, dir: string, signal?: AbortSignal): Promise<Settings> {
  const ended = await git.run(dir, ['config', '-z', '--get-regexp', WANTED], { signal });
  // 1 is git's way of saying that nothing matches.
  if (ended.code !== 0 && !(ended.code === 1 && !ended.stderr)) throw gitFailed(ended);
  return parseSettings(ended.stdout);
}

/** Parses `git config -z --get-regexp` output. Later values win, but of several addresses the first is fetched from. */
export function parseSettings(output: string): Settings {
  const settings: Settings = {
    hooksPath: null,
    sshCommand: null,
    signs: false,
    remotes: new Map(),
    upstreams: new Map(),
  };
  for (const entry of output.split('\0')) {
    if (!entry) continue;
    const split = entry.indexOf('\n');
    // A name without a value is a true boolean.
    const name = split < 0 ? entry : entry.slice(0, split);
    const value = split < 0 ? 'true' : entry.slice(split + 1);
    const remote = /^remote\.(.+)\.url$/s.exec(name)?.[1];
    const branch = /^branch\.(.+)\.remote$/s.exec(name)?.[1];
    if (name === 'core.hookspath') settings.hooksPath = value || null;
    else if (name === 'core.sshcommand') settings.sshCommand = value || null;
    else if (name === 'commit.gpgsign') settings.signs = /^(true|yes|on|1)$/i.test(value);
    else if (remote && !settings.remotes.has(remote)) settings.remotes.set(remote, value);
    else if (branch) settings.upstreams.set(branch, value);
  }
  return settings;
}
