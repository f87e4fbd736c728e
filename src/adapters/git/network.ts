/** git over the network: from the main checkout, with the user's ssh, or with a credential and then without any of the repository's code. */
import type { IdentityKind, Task } from '../../tasks/task.ts';
import { AmpaError, describeError } from '../../errors.ts';
import type { Clock } from '../../tasks/ports.ts';
import { detailOf, networkFailure, type NetworkFailure } from './classify.ts';
import { sshCommandFor } from './environment.ts';
import { readExposure } from './exposure.ts';
import type { Git, GitOptions, GitResult } from './git.ts';
import type { Settings } from './settings.ts';

/** AMPA's own access to a remote, for one call. */
export interface GitCredential {
  /** The https address that is used instead of the remote's name. */
  url: string;
  /** Value of `credential.helper`, an absolute program or `!shell text`; it is asked for the address's origin only. */
  helper: string;
  /** What the helper needs to see; it is passed to this call only. */
  env?: Readonly<Record<string, string>>;
}

/**
 * Looks up a credential for a remote's address; null: the user's own ways are used. `identity` is the
 * kind that a task was made with. Rejects where somebody is signed in and no credential can be had.
 */
export type CredentialLookup = (
  remoteUrl: string,
  signal?: AbortSignal,
  identity?: IdentityKind,
) => Promise<GitCredential | null>;

/** Where to talk to and the options of the call. */
export interface Peer {
  /** Remote name or address. */
  target: string;
  options: Pick<GitOptions, 'config' | 'env'>;
  /** Why no call can be made at all. */
  failure?: { why: 'auth' | 'unreachable'; detail: string };
  /** For people: why a credential of ours is not used. */
  withheld?: string;
}

export interface PeerRequest {
  /** Where the call is made: a repository's main checkout. */
  repo: string;
  remote: string;
  settings: Settings;
  direction: 'fetch' | 'push';
  /** Of the task that the call is made for, if it has a forge. */
  identity?: IdentityKind;
  signal?: AbortSignal;
}

const NETWORK_TIMEOUT_MS = 15 * 60_000;
/** A transfer below 1 byte/s for a minute is dead. */
const STALL = ['http.lowSpeedLimit=1', 'http.lowSpeedTime=60'];

/** The identity that a task's calls are made with. */
export const identityOf = (task: Pick<Task, 'forge'>): IdentityKind | undefined => task.forge?.identity;

/**
 * With a credential nothing the repository configures may run (hooks, fsmonitor, other helpers), and
 * the credential goes to its own origin only: the helper is asked for no other, no other protocol is
 * spoken, and where the repository's own configuration could carry the call elsewhere it is not used.
 */
export async function peerOf(
  git: Git,
  { repo, remote, settings, direction, identity, signal }: PeerRequest,
  lookup?: CredentialLookup,
): Promise<Peer> {
  const ssh = settings.sshCommand;
  const own: Peer = {
    target: remote,
    options: { config: STALL, env: ssh ? { GIT_SSH_COMMAND: sshCommandFor(ssh) } : {} },
  };
  const url = settings.remotes.get(remote);
  if (!lookup || !url || !/^https?:/i.test(url)) return own;
  const exposure = await readExposure(git, repo, signal);
  const risky = exposure.risky(url);
  // The user's own rewrite leads to a place that is none of ours: a mirror, ssh, a folder.
  if (risky.length === 0 && originOf(exposure.effective(url, direction)) !== originOf(url)) return own;

  let credential: GitCredential | null;
  try {
    credential = await lookup(url, signal, identity);
  } catch (error) {
    signal?.throwIfAborted();
    return { ...own, failure: { why: lookupFailure(error), detail: describeError(error) } };
  }
  if (!credential) return own;
  const origin = originOf(credential.url);
  if (origin === null || !isPrivate(origin)) {
    return { ...own, withheld: `AMPA's access was not used: ${remote} is not an https address` };
  }
  const exposed = [...new Set([...risky, ...exposure.risky(credential.url)])];
  if (exposed.length > 0) {
    const names = exposed.join(', ');
    return {
      ...own,
      withheld: `AMPA's access was not used: the repository's own git configuration (${names}) could carry it elsewhere`,
    };
  }
  return {
    target: credential.url,
    options: {
      config: [
        ...STALL,
        'core.hooksPath=/dev/null',
        'core.fsmonitor=false',
        'core.askPass=',
        // Settings that name the address win over those that do not.
        `http.${credential.url}.followRedirects=false`,
        `http.${credential.url}.extraHeader=`,
        `url.${credential.url}.insteadOf=${credential.url}`,
        `url.${credential.url}.pushInsteadOf=${credential.url}`,
        'credential.helper=',
        `credential.${origin}.helper=${credential.helper}`,
      ],
      env: { ...credential.env, GIT_ALLOW_PROTOCOL: new URL(origin).protocol.slice(0, -1) },
    },
  };
}

/** `https://host:port`; null for what is no http(s) address. */
function originOf(url: string): string | null {
  const parsed = URL.parse(url);
  return parsed && /^https?:$/.test(parsed.protocol) ? parsed.origin : null;
}

/** Nobody reads along: TLS, or it does not leave the machine. */
function isPrivate(origin: string): boolean {
  const { protocol, hostname } = new URL(origin);
  return protocol === 'https:' || ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
}

/** A forge that does not answer, has trouble or has had enough requests for now; all else is about who we are. */
function lookupFailure(error: unknown): 'auth' | 'unreachable' {
  const away =
    /could not be reached|\((408|425|429|5\d\d)\)|limit of requests|fetch failed|timed? ?out|timeout|E(CONN|NOTFOUND|AI_AGAIN|NETUNREACH|HOSTUNREACH)/i;
  const texts: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    texts.push(at.name, at.message, at instanceof AmpaError ? at.hint : '');
    if ('code' in at) texts.push(String(at.code));
  }
  return away.test(texts.join('\n')) ? 'unreachable' : 'auth';
}

export interface Retrying {
  clock: Clock;
  /** How long an unreachable remote is tried again, ms. */
  retryMs: number;
}

export type NetworkResult = { ok: true; result: GitResult } | { ok: false; failure: NetworkFailure; result: GitResult };

/** Runs one network command with a peer, trying an unreachable remote again with growing pauses until `retryMs` have passed. */
export async function runNetwork(
  git: Git,
  cwd: string,
  args: readonly string[],
  { peer, ...options }: Pick<GitOptions, 'signal' | 'timeoutMs'> & { peer: Peer },
  { clock, retryMs }: Retrying,
): Promise<NetworkResult> {
  if (peer.failure) {
    const { why, detail } = peer.failure;
    return { ok: false, failure: why, result: notRun(args, detail) };
  }
  const begun = clock.now();
  for (let pause = 1000; ; pause = Math.min(pause * 2, 15_000)) {
    const result = await git.run(cwd, args, { timeoutMs: NETWORK_TIMEOUT_MS, ...peer.options, ...options });
    if (result.code === 0) return { ok: true, result };
    const failure = result.timedOut ? 'unreachable' : networkFailure(result.stderr);
    const wait = pause * (0.75 + Math.random() / 2);
    if (failure !== 'unreachable' || clock.now() - begun + wait > retryMs) {
      const stderr = peer.withheld ? `${detailOf(result.stderr)}\n${peer.withheld}` : result.stderr;
      return { ok: false, failure, result: { ...result, stdout: result.stdout, stderr } };
    }
    await clock.sleep(wait, options.signal);
    options.signal?.throwIfAborted();
  }
}

const notRun = (args: readonly string[], stderr: string): GitResult => ({
  args,
  code: -1,
  bytes: Buffer.alloc(0),
  stdout: '',
  stderr,
  timedOut: false,
});
