import fs from 'node:fs';
import path from 'node:path';
import type { Repository } from '../adapters/git/repository.ts';
import { nativeBindingPath } from '../adapters/sqlite/native.ts';
import type { Resolved } from '../config/resolve.ts';
import { describeError } from '../errors.ts';
import type { AgentInfo, DoctorCheck } from './api.ts';
import type { StatePaths, Workspace } from './state.ts';

export interface DoctorDeps {
  workspace: Workspace;
  paths: StatePaths;
  git: Repository;
  agents: AgentInfo[];
  config: Resolved;
  trusted: boolean;
  /** Those that may hold secrets, there or not. */
  dotenvFiles: readonly string[];
  onGitHub: boolean;
  /** Who we are at the remote; null: nobody is signed in. */
  github(): Promise<{ label: string; missing: string[] } | null>;
  /** SQLite's own verdict, or null where there is no database yet. */
  integrity(): Promise<string | null>;
}

/** Looks at everything a task needs; each finding has its fix. */
export async function runDoctor(deps: DoctorDeps): Promise<DoctorCheck[]> {
  const { workspace, paths, config } = deps;
  const checks: DoctorCheck[] = [];
  const add = (name: string, ok: boolean, detail: string, fix: string | null = null): void => {
    checks.push({ name, ok, detail, fix: ok ? null : fix });
  };
  const attempt = async (name: string, fix: string, look: () => Promise<string> | string): Promise<void> => {
    try {
      add(name, true, await look());
    } catch (error) {
      add(name, false, describeError(error), fix);
    }
  };

  await attempt('git', 'Install git 2.34 or later.', () => deps.git.version());
  if (workspace.isGit) {
    await attempt('repository', 'Make a first commit.', async () => {
      const repo = await deps.git.inspect(workspace.root);
      if (repo.head === null) throw new Error(`${repo.root} has no commit yet`);
      return `${repo.root}, ${repo.branch ?? 'detached HEAD'}, ${repo.remote ? `remote ${repo.remote}` : 'no remote'}`;
    });
    await attempt('identity', 'git config --global user.name "…" and user.email "…"', async () => {
      const who = await deps.git.identity(workspace.root);
      if (who === null) throw new Error('git does not know who you are, so nothing can be committed');
      return who;
    });
  } else {
    add('repository', false, `${workspace.root} is not a git repository`, 'Run git init and make a first commit.');
  }
  const custom = config.values.agentCommand;
  const found = deps.agents.filter((agent) => agent.found);
  const named = [...found.map((agent) => `${agent.name} (${agent.path})`), ...(custom ? [`custom (${custom})`] : [])];
  add('agents', named.length > 0, named.join(', ') || 'none on PATH', `Install one: ${deps.agents[0]?.install ?? ''}`);
  add(
    'trust',
    deps.trusted,
    deps.trusted ? 'this folder is trusted' : 'this folder is not trusted: checks and setup found in it are not run',
    'ampa trust',
  );
  if (deps.onGitHub) {
    await attempt(
      'GitHub',
      'Sign in with AMPA: Sign In to GitHub in VS Code or `gh auth login`, or set GITHUB_TOKEN.',
      async () => {
        const identity = await deps.github();
        if (!identity) throw new Error('nobody is signed in, so pull requests and CI are left out');
        if (identity.missing.length > 0) throw new Error(`${identity.label} lacks: ${identity.missing.join(', ')}`);
        return identity.label;
      },
    );
  }
  await attempt('native module', 'Install the package that was made for this platform.', () => nativeBindingPath());
  await attempt('state folder', `Make ${path.dirname(workspace.stateDir)} writable.`, () => {
    const dir = nearestExisting(workspace.stateDir);
    fs.accessSync(dir, fs.constants.W_OK);
    return dir === workspace.stateDir ? dir : `${workspace.stateDir} (made with the first task)`;
  });
  const files = ['', '-wal', '-shm'].map((suffix) => `${path.basename(paths.database)}${suffix}`).join(', ');
  const fix = `Move ${files} away, all that are there; the newest backup is restored at the next start.`;
  await attempt('database', fix, async () => {
    const verdict = await deps.integrity();
    if (verdict !== null && verdict !== 'ok') throw new Error(`${paths.database}: ${verdict}`);
    return verdict === null ? 'none yet' : `${paths.database}: ok`;
  });
  for (const dotenv of process.platform === 'win32' ? [] : deps.dotenvFiles) {
    const mode = fs.statSync(dotenv, { throwIfNoEntry: false })?.mode;
    if (mode === undefined) continue;
    const ok = (mode & 0o077) === 0;
    add('.env', ok, ok ? `${dotenv}: only yours` : `${dotenv} can be read by others`, `chmod 600 ${dotenv}`);
  }
  add(
    'configuration',
    config.warnings.length === 0,
    config.warnings.length === 0 ? 'no warnings' : config.warnings.join('; '),
    '`ampa config` shows every value and its source.',
  );
  return checks;
}

function nearestExisting(dir: string): string {
  return fs.existsSync(dir) ? dir : nearestExisting(path.dirname(dir));
}
