/** The environment git runs in: composed, never inherited blindly. */

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Variables that would point git at another repository, index or object store, or make it ask a
 * person. What says where the host itself was started must not decide where a task's git works.
 */
const DROPPED = new Set([
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_COMMON_DIR',
  'GIT_INDEX_FILE',
  'GIT_INDEX_VERSION',
  'GIT_OBJECT_DIRECTORY',
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_QUARANTINE_PATH',
  'GIT_NAMESPACE',
  'GIT_PREFIX',
  'GIT_REFLOG_ACTION',
  'GIT_LITERAL_PATHSPECS',
  'GIT_GLOB_PATHSPECS',
  'GIT_NOGLOB_PATHSPECS',
  'GIT_ICASE_PATHSPECS',
  'GIT_EXTERNAL_DIFF',
  'GIT_DIFF_OPTS',
  'GIT_EDITOR',
  'GIT_SEQUENCE_EDITOR',
  'GIT_PAGER',
  'GIT_ASKPASS',
  'SSH_ASKPASS',
  'EDITOR',
  'VISUAL',
  'PAGER',
  'GPG_TTY',
]);

/** What makes git and ssh fail rather than ask. Also for git that runs among a task's processes. */
const NON_INTERACTIVE: Readonly<Record<string, string>> = {
  GIT_TERMINAL_PROMPT: '0',
  // Set but empty: git then asks neither core.askPass nor SSH_ASKPASS.
  GIT_ASKPASS: '',
  SSH_ASKPASS_REQUIRE: 'never',
  GCM_INTERACTIVE: 'never',
  GIT_EDITOR: 'true',
  GIT_SEQUENCE_EDITOR: 'true',
  GIT_MERGE_AUTOEDIT: 'no',
  GIT_PAGER: 'cat',
};

/** For looking at a checkout that is not ours: a status must not rewrite its index, nor meet the user's own git at its lock. */
export const HANDS_OFF: Readonly<Record<string, string>> = { GIT_OPTIONAL_LOCKS: '0' };

const SSH_OPTIONS = '-o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15 -o ServerAliveCountMax=4';

/**
 * Adds to the host's environment (AMPA's secrets already removed) what makes git non-interactive and
 * its messages English. Proxies, certificates, the agent socket and the user's own
 * `GIT_SSH_COMMAND` pass; see `DROPPED` for what does not.
 */
export function gitEnvironment(hostEnv: Env): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(hostEnv)) {
    if (value !== undefined && !DROPPED.has(name.toUpperCase())) env[name] = value;
  }
  Object.assign(env, NON_INTERACTIVE, { LC_ALL: 'C', LANGUAGE: '' });
  if (!env.GIT_SSH_COMMAND && !env.GIT_SSH) env.GIT_SSH_COMMAND = `ssh ${SSH_OPTIONS}`;
  return env;
}

/**
 * For git that runs the user's hooks: non-interactive, English where git itself speaks, but the
 * character set is the user's: a hook may well print or read UTF-8.
 */
export const hookEnvironment = (): Record<string, string> => ({ ...NON_INTERACTIVE, LANGUAGE: 'en' });

/**
 * A configured `core.sshCommand` loses against `GIT_SSH_COMMAND`, so it has to be passed on; plain
 * `ssh` gets the options that keep it from asking.
 */
export function sshCommandFor(configured: string): string {
  const program = configured.trim().split(/\s+/)[0] ?? '';
  return /(^|\/)ssh$/.test(program) ? `${configured} ${SSH_OPTIONS}` : configured;
}
