/** git over the network: from the main checkout, with the user's ssh, or with a credential and then without any of the repository's code. */
import type { Clock } from '../../tasks/ports.ts';
import { networkFailure } from './classify.ts';
import type { NetworkFailure } from './classify.ts';
import { sshCommandFor } from './environment.ts';
import type { Git, GitOptions, GitResult } from './git.ts';
import type { Settings } from './settings.ts';

/** AMPA's own access to a remote, for one call. */
export interface GitCredential {
  /** The https address that is used instead of the remote's name. */
  url: string;
  /** Value of `credential.helper`, an absolute program or `!shell text`. */
  helper: string;
  /** What the helper needs to see; it is passed to this call only. */
  env?: Readonly<Record<string, string>>;
}

/** Looks up a credential for a remote's address; null: the user's own ways are used. */
export type CredentialLookup = (remoteUrl: string, signal?: AbortSignal) => Promise<GitCredential | null>;

/** Where to talk to and the options of the call. */
export interface Peer {
  /** Remote name or address. */
  target: string;
  options: Pick<GitOptions, 'config' | 'env'>;
}

const NETWORK_TIMEOUT_MS = 15 * 60_000;
/** A transfer below 1 byte/s for a minute is dead. */
const STALL = ['http.lowSpeedLimit=1', 'http.lowSpeedTime=60'];

/**
 * With a credential nothing the repository configures may run: hooks, fsmonitor, other helpers, and
 * no rewritten address may carry it elsewhere.
 */
export async function peerOf(
  remote: string,
  settings: Settings,
  lookup?: CredentialLookup,
  signal?: AbortSignal,
): Promise<Peer> {
  const url = settings.remotes.get(remote);
  const credential = lookup && url ? await lookup(url, signal) : null;
  if (credential) {
    return {
      target: credential.url,
      options: {
        config: [
          ...STALL,
          'core.hooksPath=/dev/null',
          'core.fsmonitor=false',
          'core.askPass=',
          'http.followRedirects=false',
          'http.extraHeader=',
          'credential.helper=',
          `credential.helper=${credential.helper}`,
        ],
        env: { ...credential.env },
      },
    };
  }
  const ssh = settings.sshCommand;
  return { target: remote, options: { config: STALL, env: ssh ? { GIT_SSH_COMMAND: sshCommandFor(ssh) } : {} } };
}

export type NetworkResult = { ok: true; result: GitResult } | { ok: false; failure: NetworkFailure; result: GitResult };

export interface Retrying {
  clock: Clock;
  /** How long an unreachable remote is tried again, ms. */
  retryMs: number;
}

/** Runs one network command, trying an unreachable remote again with growing pauses until `retryMs` have passed. */
export async function runNetwork(
  git: Git,
  cwd: string,
  args: readonly string[],
  options: GitOptions,
  { clock, retryMs }: Retrying,
): Promise<NetworkResult> {
  const begun = clock.now();
  for (let pause = 1000; ; pause = Math.min(pause * 2, 15_000)) {
    const result = await git.run(cwd, args, { timeoutMs: NETWORK_TIMEOUT_MS, ...options });
    if (result.code === 0) return { ok: true, result };
    const failure = result.timedOut ? 'unreachable' : networkFailure(result.stderr);
    const wait = pause * (0.75 + Math.random() / 2);
    if (failure !== 'unreachable' || clock.now() - begun + wait > retryMs) return { ok: false, failure, result };
    await clock.sleep(wait, options.signal);
    options.signal?.throwIfAborted();
  }
}
