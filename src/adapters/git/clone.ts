/** Repositories that are named by their address: cloned once, brought up to date later. */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AmpaError } from '../../errors.ts';
import { isAlive, processIdentity, type ProcessIdentity } from '../process/identity.ts';
import { readRefs } from './base.ts';
import { detailOf, networkFailure } from './classify.ts';
import type { Git } from './git.ts';
import { exists, readIfThere, statIfThere } from './layout.ts';
import { peerOf, type CredentialLookup, type Peer } from './network.ts';
import { readSettings } from './settings.ts';

const TIMEOUT_MS = 60 * 60_000;
/** Says in a folder of a clone under way which process makes it. */
const OWNER = 'owner.json';
const PARTIAL = /\.git\.partial-[0-9a-f-]{36}$/;
/** A clone and its fetch end within two hours. */
const LONG_GONE_MS = 24 * 3600_000;
const REFSPEC = '+refs/heads/*:refs/remotes/origin/*';

export interface CloneDependencies {
  git: Git;
  credentials?: CredentialLookup;
}

/**
 * Clones without a working tree. The remote's branches are kept under `refs/remotes/origin`, so that
 * fetching them never meets a branch that a task has checked out.
 */
export async function cloneBare(dependencies: CloneDependencies, url: string, dir: string): Promise<void> {
  const { git, credentials } = dependencies;
  const parent = dirname(dir);
  await mkdir(parent, { recursive: true });
  // In a folder of its own, which names whose it is, until it is whole.
  const folder = `${dir}.partial-${randomUUID()}`;
  const partial = join(folder, 'clone');
  const settings = { ...(await readSettings(git, parent)), remotes: new Map([['origin', url]]) };
  const peer = await peerOf(git, { repo: parent, remote: 'origin', settings, direction: 'fetch' }, credentials);
  requireAccess(peer, url);
  const target = peer.target === 'origin' ? url : peer.target;
  const args = ['clone', '--quiet', '--bare', '--config', `remote.origin.fetch=${REFSPEC}`, '--', target, partial];
  try {
    await mkdir(folder);
    await writeFile(join(folder, OWNER), JSON.stringify(await processIdentity()));
    const cloned = await git.run(parent, args, { ...peer.options, timeoutMs: TIMEOUT_MS });
    if (cloned.code !== 0) throw unreachableError(url, cloned.stderr);
    await fetchBare(dependencies, partial);
    await rename(partial, dir).catch(async (error: unknown) => {
      // Somebody else was faster with the same.
      if (!(await exists(join(dir, 'HEAD')))) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Removes what killed processes have left of clones below `folder`. A whole clone has another name, and so
 * has whatever a task works on; where nobody can tell whether its maker lives, one goes after a day.
 */
export async function clearPartialClones(folder: string): Promise<void> {
  const names = (await exists(folder)) ? await readdir(folder) : [];
  for (const name of names.filter((it) => PARTIAL.test(it))) {
    const left = join(folder, name);
    if (await isAbandoned(left)) await rm(left, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function isAbandoned(left: string): Promise<boolean> {
  const owner = await readIfThere(join(left, OWNER));
  // Cut off while it was written, it names nobody.
  const maker = owner?.endsWith('}') ? await isAlive(JSON.parse(owner) as ProcessIdentity) : 'elsewhere';
  if (maker !== 'elsewhere') return maker === 'dead';
  const there = await statIfThere(left);
  return there !== null && Date.now() - there.mtimeMs > LONG_GONE_MS;
}

/** Brings a clone made by `cloneBare` up to date, its default branch included. */
export async function fetchBare({ git, credentials }: CloneDependencies, dir: string): Promise<void> {
  const settings = await readSettings(git, dir);
  const peer = await peerOf(git, { repo: dir, remote: 'origin', settings, direction: 'fetch' }, credentials);
  requireAccess(peer, dir);
  const args = ['fetch', '--quiet', '--prune', '--no-write-fetch-head', peer.target, REFSPEC];
  const fetched = await git.run(dir, args, { ...peer.options, timeoutMs: TIMEOUT_MS });
  if (fetched.code !== 0) throw unreachableError(dir, fetched.stderr);
  const { stdout, code } = await git.run(dir, ['symbolic-ref', '--quiet', '--short', 'HEAD']);
  const branch = stdout.trim();
  if (code !== 0) return;
  const at = (await readRefs(git, dir, [`refs/remotes/origin/${branch}`])).get(`refs/remotes/origin/${branch}`);
  if (at) await git.text(dir, ['update-ref', `refs/heads/${branch}`, at]);
}

function requireAccess({ failure }: Peer, what: string): void {
  if (failure) throw new AmpaError('repository', `${what} could not be reached: ${failure.detail}`);
}

function unreachableError(what: string, stderr: string): AmpaError {
  const failure = networkFailure(stderr);
  const unseen = failure === 'no_repository' || /not found/i.test(stderr);
  const why = unseen
    ? 'is not a repository that we can see'
    : failure === 'auth'
      ? 'refused our credentials'
      : 'could not be reached';
  return new AmpaError(
    'repository',
    `${what} ${why}: ${detailOf(stderr)}`,
    failure === 'auth' ? 'Check that `git ls-remote` works in a terminal.' : '',
  );
}
