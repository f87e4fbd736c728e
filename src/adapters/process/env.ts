/** What children get to see of the host's environment. */

type Env = Readonly<Record<string, string | undefined>>;

/** The variable by which a process is found whatever it detaches from: markers joined by commas. */
const OWNER_VARIABLE = 'AMPA_OWNER';

const EDITOR_PREFIXES = ['VSCODE_', 'ELECTRON_'];

/** Where a host was started, say from a git hook, must not decide which repository or index a task's git works on. */
const GIT_REDIRECTS = [
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_COMMON_DIR',
  'GIT_INDEX_FILE',
  'GIT_OBJECT_DIRECTORY',
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_QUARANTINE_PATH',
  'GIT_NAMESPACE',
  'GIT_PREFIX',
  'GIT_REFLOG_ACTION',
];

/**
 * The host's environment without the named secrets, without git's redirects, and without what only the
 * editor's own processes may see: IPC addresses, Electron switches, the debugger's NODE_OPTIONS and an
 * askpass program that would call back into the editor. Names are compared as the platform does.
 */
export function childEnv(hostEnv: Env, secretNames: readonly string[], extra: Env = {}): Record<string, string> {
  const same = (name: string): string => (process.platform === 'win32' ? name.toUpperCase() : name);
  const dropped = new Set([...secretNames, ...GIT_REDIRECTS].map(same));
  const inEditor = ['ELECTRON_RUN_AS_NODE', 'VSCODE_PID', 'VSCODE_INSPECTOR_OPTIONS'].some((name) => hostEnv[name]);
  if (inEditor) dropped.add('NODE_OPTIONS');
  if (hostEnv.VSCODE_GIT_ASKPASS_NODE || hostEnv.VSCODE_GIT_ASKPASS_MAIN) {
    dropped.add('GIT_ASKPASS');
    dropped.add('SSH_ASKPASS');
  }
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(hostEnv)) {
    if (value === undefined || dropped.has(same(name))) continue;
    if (EDITOR_PREFIXES.some((prefix) => same(name).startsWith(prefix))) continue;
    env[name] = value;
  }
  for (const [name, value] of Object.entries(extra)) if (value !== undefined) env[name] = value;
  return env;
}

/** Adds markers to `AMPA_OWNER`; an outer owner's are kept, so that it finds what is nested too. */
export function withOwner(
  env: Readonly<Record<string, string>>,
  ...markers: readonly string[]
): Record<string, string> {
  const outer = env[OWNER_VARIABLE];
  return { ...env, [OWNER_VARIABLE]: [...(outer ? [outer] : []), ...markers].join(',') };
}
