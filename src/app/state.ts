import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { commonDirOf, gitDirOf } from '../adapters/git/layout.ts';
import { usageError } from '../errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface Workspace {
  /** The folder that holds `.worklog`, now or once there is something to keep. */
  root: string;
  /** `<root>/.worklog/ampa`. */
  stateDir: string;
  isGit: boolean;
}

/**
 * The workspace of a folder, by one rule for both hosts: a linked worktree counts as its main one;
 * then the nearest parent with `.worklog`, else the repository's root, else the folder itself.
 */
export async function resolveWorkspace(folder: string): Promise<Workspace> {
  let start = existingFolder(folder);
  const repository = await findRepository(start);
  if (repository && repository.main !== repository.top) start = repository.main;
  const root = nearestWith(start, '.worklog') ?? repository?.main ?? start;
  return { root, stateDir: path.join(root, '.worklog', 'ampa'), isGit: repository !== undefined };
}

function existingFolder(folder: string): string {
  const there = fs.statSync(folder, { throwIfNoEntry: false });
  if (there?.isDirectory()) return fs.realpathSync(folder);
  const shown = JSON.stringify(folder);
  throw usageError(
    there ? `${shown} is not a folder` : `the folder ${shown} does not exist`,
    'Name one that exists with --workspace DIR.',
  );
}

async function findRepository(folder: string): Promise<{ top: string; main: string } | undefined> {
  const top = nearestWith(folder, '.git');
  if (top === undefined) return undefined;
  const gitDir = await gitDirOf(top);
  if (gitDir === null) return undefined;
  const common = await commonDirOf(gitDir);
  return { top, main: common !== gitDir && path.basename(common) === '.git' ? path.dirname(common) : top };
}

function nearestWith(folder: string, name: string): string | undefined {
  for (let dir = folder; ; dir = path.dirname(dir)) {
    if (fs.existsSync(path.join(dir, name))) return dir;
    if (path.dirname(dir) === dir) return undefined;
  }
}

export interface StatePaths {
  database: string;
  logs: string;
  /** Bare clones of `--repo URL`. */
  repos: string;
  /** In the user's own folder, 0700: what `git clean -fdx` in the workspace must not take along. */
  userDir: string;
  backups: string;
}

export function statePaths(workspace: Workspace, env: Env): StatePaths {
  const key = crypto.createHash('sha256').update(workspace.root).digest('hex').slice(0, 16);
  const userDir = path.join(userStateDir(env), 'workspaces', key);
  return {
    database: path.join(workspace.stateDir, 'ampa.db'),
    logs: path.join(workspace.stateDir, 'logs'),
    repos: path.join(workspace.stateDir, 'repos'),
    userDir,
    backups: path.join(userDir, 'backups'),
  };
}

/** The user's own state folder. */
export function userStateDir(env: Env): string {
  const home = env['HOME'] || os.homedir();
  if (process.platform === 'win32')
    return path.join(env['LOCALAPPDATA'] || path.join(home, 'AppData', 'Local'), 'ampa');
  return path.join(env['XDG_STATE_HOME'] || path.join(home, '.local', 'state'), 'ampa');
}

/** Makes the workspace's state folder, which hides itself from git. */
export function makeStateDir(workspace: Workspace): void {
  fs.mkdirSync(workspace.stateDir, { recursive: true });
  const ignore = path.join(workspace.stateDir, '.gitignore');
  if (!fs.existsSync(ignore)) fs.writeFileSync(ignore, '*\n');
}
