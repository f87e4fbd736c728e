/** What git's messages mean. git has one exit code for nearly everything, so its English words decide. */

export type NetworkFailure =
  /** The remote does not know us or does not let us. */
  | 'auth'
  /** No answer, or a broken one: worth another try. */
  | 'unreachable'
  /** The remote answered, or the path says, that there is no such repository. */
  | 'no_repository'
  /** The remote has no such branch. */
  | 'no_ref'
  | 'other';

const AUTH = [
  /Authentication failed for/i,
  /could not read (Username|Password) for/i,
  /terminal prompts (have been )?disabled/i,
  /Permission denied \((publickey|password|keyboard-interactive|gssapi)/i,
  /Permission to .+ denied to/i,
  /The requested URL returned error: (401|403|407)/,
  /HTTP (Basic: Access denied|401|403)/i,
  /Host key verification failed/i,
  /Too many authentication failures/i,
  /no supported authentication methods|No more authentication methods/i,
  /access denied|not authorized|unauthorized|Write access to repository not granted/i,
  /Enter passphrase|incorrect passphrase|error in libcrypto/i,
  // Forges say "not found" to whom they do not let in.
  /Repository not found|repository '.+' not found|The requested URL returned error: 404/i,
  /ERROR: (The )?project you were looking for could not be found or you don't have permission/i,
];

const NO_REF = [/couldn't find remote ref/i, /Remote branch .+ not found in upstream/i];

const NO_REPOSITORY = [/does not appear to be a git repository/i, /repository '.+' does not exist/i, /No such remote/i];

const UNREACHABLE = [
  /Could not resolve (host|proxy|hostname)/i,
  /Temporary failure in name resolution|Name or service not known|nodename nor servname/i,
  /Failed to connect to|Couldn't connect to server|Could not connect/i,
  /Connection (refused|timed out|reset|closed|aborted)/i,
  /Operation timed out|Operation too slow|timed? ?out/i,
  /Network is unreachable|No route to host|Host is down|Network is down/i,
  /The requested URL returned error: (408|425|429|5\d\d)/,
  /(remote end|The remote) hung up|early EOF|unexpected disconnect|RPC failed|Empty reply from server/i,
  /unable to access '.+':/i,
  /gnutls_handshake|SSL_(connect|ERROR)|SSL certificate problem|server certificate verification failed|TLS/i,
  /kex_exchange_identification|ssh_exchange_identification|banner exchange/i,
  /unable to connect to|Proxy CONNECT aborted/i,
];

const some = (patterns: readonly RegExp[], text: string): boolean => patterns.some((pattern) => pattern.test(text));

/** Classifies the error output of `fetch`, `push`, `clone`, `ls-remote` and `lfs push`. */
export function networkFailure(stderr: string): NetworkFailure {
  if (some(AUTH, stderr)) return 'auth';
  if (some(NO_REF, stderr)) return 'no_ref';
  if (some(NO_REPOSITORY, stderr)) return 'no_repository';
  if (some(UNREACHABLE, stderr)) return 'unreachable';
  return 'other';
}

/** Another git holds a lock that it will let go of in a moment. */
export const isLockError = (stderr: string): boolean =>
  (/Unable to create '.+\.lock': File exists|could not lock config file|Another git process seems to be running/i.test(
    stderr,
  ) ||
    /cannot lock ref|unable to lock ref|failed to (read|open) '?.+\/worktrees\/[^/]+\/(commondir|gitdir|HEAD)/i.test(
      stderr,
    )) &&
  !/but expected|reference already exists|exists; cannot create|unable to resolve reference/i.test(stderr);

export type CommitFailure = 'identity' | 'signing' | 'nothing' | 'disk_full' | 'other';

/** Why `git commit` said no, as far as it was git itself that said it; a hook's refusal is `other`. */
export function commitFailure(output: string): CommitFailure {
  if (
    /Please tell me who you are|empty ident name|unable to auto-detect email|no email was given|no name was given|Author identity unknown|Committer identity unknown/i.test(
      output,
    )
  ) {
    return 'identity';
  }
  if (
    /failed to sign the data|gpg failed|cannot run .*gpg|Couldn't (load public|find) key|signing failed|user\.signingkey|gpg\.ssh|No secret key|could not create temporary file.*sign/i.test(
      output,
    )
  ) {
    return 'signing';
  }
  if (/nothing to commit|nothing added to commit|no changes added to commit/i.test(output)) return 'nothing';
  if (/No space left on device|Disk quota exceeded/i.test(output)) return 'disk_full';
  return 'other';
}

/** The lines of an error output that a person needs: no progress, no hints, no empty lines; at most `lines` of them, the last. */
export function detailOf(stderr: string, lines = 12): string {
  const kept = stderr
    .split(/[\r\n]+/)
    .map((line) => line.trimEnd())
    .filter(
      (line) =>
        line.trim() &&
        !/^hint:|^\s*\d+%|^(remote: )?(Enumerating|Counting|Compressing|Writing|Receiving|Resolving|Total|Delta compression|Unpacking) /.test(
          line,
        ),
    );
  return kept.slice(-lines).join('\n');
}
