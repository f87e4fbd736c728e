/** Where git's configuration would carry a call to an address, and whom it would show a credential on the way. */
import { gitFailed } from './git.ts';
import type { Git } from './git.ts';

export interface Exposure {
  /** The address that git itself makes of a remote's, by the rewrites that are configured. */
  effective(url: string, direction: 'fetch' | 'push'): string;
  /** Settings of the repository's own that could show somebody else the credential for an address. */
  risky(url: string): string[];
}

interface Setting {
  /** Of this repository or worktree: who works in it can write it. System and global ones are the user's. */
  own: boolean;
  name: string;
  value: string;
}

const WANTED = [
  'url\\..*\\.(push)?insteadof',
  'http\\.(.*\\.)?ssl(verify|cainfo|capath)',
  'remote\\.https?://.*\\.(url|pushurl|vcs)',
  'core\\.alternaterefscommand',
  'lfs\\.(.*\\.)?standalonetransferagent',
  'lfs\\.customtransfer\\..*',
].join('|');

/** Reads what counts for a call that is made in `dir`. */
export async function readExposure(git: Git, dir: string, signal?: AbortSignal): Promise<Exposure> {
  const ended = await git.run(dir, ['config', '--show-scope', '-z', '--get-regexp', `^(${WANTED})$`], { signal });
  // 1 is git's way of saying that nothing matches.
  if (ended.code !== 0 && !(ended.code === 1 && !ended.stderr)) throw gitFailed(ended);
  return exposureOf(parse(ended.stdout));
}

function parse(output: string): Setting[] {
  const fields = output.split('\0');
  const settings: Setting[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const entry = fields[i + 1]!;
    const split = entry.indexOf('\n');
    settings.push({
      own: !['system', 'global', 'command'].includes(fields[i]!),
      name: split < 0 ? entry : entry.slice(0, split),
      // A name without a value is a true boolean.
      value: split < 0 ? 'true' : entry.slice(split + 1),
    });
  }
  return settings;
}

function exposureOf(settings: readonly Setting[]): Exposure {
  /** The rewrite that git chooses: the one with the longest beginning in common. */
  const rewritten = (url: string, key: 'insteadof' | 'pushinsteadof'): string | null => {
    let best: { by: string; length: number } | null = null;
    for (const { name, value } of settings) {
      const by = /^url\.(.*)\.(\w+)$/s.exec(name);
      if (by?.[2] !== key || !url.startsWith(value) || (best && best.length >= value.length)) continue;
      best = { by: by[1]!, length: value.length };
    }
    return best && best.by + url.slice(best.length);
  };
  const isRisky = ({ name, value }: Setting, url: string): boolean => {
    if (name.startsWith('url.')) return url.startsWith(value);
    // A remote that is called like the address takes its place.
    if (name.startsWith('remote.')) return name.replace(/^remote\.|\.\w+$/g, '') === url;
    if (name.endsWith('.sslverify')) return /^(false|no|off|0|)$/i.test(value);
    return true;
  };
  return {
    effective: (url, direction) =>
      (direction === 'push' ? rewritten(url, 'pushinsteadof') : null) ?? rewritten(url, 'insteadof') ?? url,
    risky: (url) =>
      settings
        .filter((setting) => setting.own && isRisky(setting, url))
        .map(({ name }) => name.replace(/\/\/[^@/]*@/, '//')),
  };
}
