/** Real repositories in temporary folders, with a home of their own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { needsKey } from '../../src/tasks/capabilities.ts';
import type { Task } from '../../src/tasks/task.ts';
import { readTree, writeTree, type Tree } from './gitTemplate.ts';

export interface Sandbox {
  /** Everything lies below; real path. */
  dir: string;
  /** What git and its programs see: no configuration of the machine or the user. */
  env: Record<string, string>;
  /** Runs git and returns its output without the final newline; throws with its error output. */
  git(cwd: string, ...args: string[]): string;
  /** Adds a setting to the sandbox's global configuration. */
  config(name: string, value: string): void;
  write(path: string, content: string | Buffer, mode?: number): string;
  /** A repository with one commit (`README.md`) on `main`. */
  repository(name?: string): string;
  /** The same with a bare `origin` beside it that has the commit. */
  withOrigin(name?: string): { repo: string; origin: string };
  /** Commits one file in a working tree; returns the commit. */
  commit(repo: string, file: string, content: string, message?: string): string;
  remove(): void;
}

/** `maintenance` and `receive` only spare the processes that would find nothing to do. */
const CONFIG = `[user]
	name = Ada Tester
	email = ada@example.org
[init]
	defaultBranch = main
[protocol "file"]
	allow = always
[gc]
	auto = 0
[maintenance]
	auto = false
[receive]
	autogc = false
`;

/** Stands in the template for the place of the origin. */
const ORIGIN = 'ORIGIN-OF-THE-TEMPLATE';

interface Templates {
  /** With one commit. */
  plain: Tree;
  /** With one commit that is pushed to `bare`. */
  cloned: Tree;
  bare: Tree;
}
let templates: Templates | undefined;

/** A temporary folder with an isolated git. `name` may hold blanks and letters of all kinds. */
export function createSandbox(name = 'ampa-git-'): Sandbox {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), name)));
  const home = join(dir, 'home');
  mkdirSync(home);
  const globalConfig = join(home, 'gitconfig');
  writeFileSync(globalConfig, CONFIG);
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    LANG: 'C.UTF-8',
    TMPDIR: tmpdir(),
    GIT_CONFIG_GLOBAL: globalConfig,
    GIT_CONFIG_NOSYSTEM: '1',
    // Where compiled modules are kept: what tests start is mostly the same programs over and over.
    ...(process.env.NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE } : {}),
  };
  const git = (cwd: string, ...args: string[]): string =>
    execFileSync('git', args, {
      cwd,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
    }).replace(/\n$/, '');
  const config = (setting: string, value: string): void => void git(dir, 'config', '--global', setting, value);
  const write = (path: string, content: string | Buffer, mode?: number): string => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode });
    return path;
  };
  const commit = (repo: string, file: string, content: string, message = `Change ${file}`): string => {
    write(join(repo, file), content);
    git(repo, 'add', '--', file);
    git(repo, 'commit', '-q', '-m', message);
    return git(repo, 'rev-parse', 'HEAD');
  };
  const repository = (folder = 'project'): string => {
    const repo = join(dir, folder);
    writeTree(repo, madeOnce().plain);
    return repo;
  };
  return {
    dir,
    env,
    git,
    config,
    write,
    repository,
    commit,
    withOrigin(folder = 'project') {
      const repo = join(dir, folder);
      const origin = join(dir, `${folder}-origin.git`);
      const quoted = `"${origin.replace(/["\\]/g, '\\$&')}"`;
      writeTree(origin, madeOnce().bare);
      writeTree(repo, madeOnce().cloned, { '.git/config': (text) => text.replace(ORIGIN, () => quoted) });
      return { repo, origin };
    },
    remove: () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }),
  };
}

function madeOnce(): Templates {
  if (templates) return templates;
  // In a sandbox of its own: a test may have changed its configuration.
  const { dir, git, remove } = createSandbox('ampa-template-');
  try {
    const repo = join(dir, 'repo');
    git(dir, 'init', '-q', repo);
    writeFileSync(join(repo, 'README.md'), '# Project\n');
    git(repo, 'add', '--', 'README.md');
    git(repo, 'commit', '-q', '-m', 'Begin');
    const plain = readTree(repo);
    const bare = join(dir, 'bare');
    git(dir, 'init', '-q', '--bare', bare);
    git(repo, 'remote', 'add', 'origin', bare);
    git(repo, 'push', '-q', '-u', 'origin', 'main');
    git(repo, 'remote', 'set-url', 'origin', ORIGIN);
    return (templates = { plain, cloned: readTree(repo), bare: readTree(bare) });
  } finally {
    remove();
  }
}

/** What such tasks need of their host. */
export const NEEDS = [needsKey(makeTask({ repo: '' }))];

/** A task as the store would hold it, queued unless told otherwise. */
export function makeTask(overrides: Partial<Task> & Pick<Task, 'repo'>): Task {
  return {
    id: '01JD0000000000000000ABCDEF',
    title: 'Add a greeting',
    remote: 'origin',
    base: 'main',
    base_sha: null,
    branch: 'amp/add-a-greeting-abcdef',
    worktree: null,
    worktree_ready: false,
    copied_files: [],
    snapshot_sha: null,
    setup_command: null,
    copy_patterns: ['.env*'],
    thread_id: null,
    agent: 'custom',
    agent_spec: { name: 'custom', type: 'command', argv: ['true'], dialect: null },
    permissions: 'edits',
    allowed: [],
    checks: { provider: 'none' },
    forge: null,
    limits: {
      attempts: 3,
      timeMs: 7_200_000,
      costUsd: null,
      costGrantUsd: null,
      silentMs: 600_000,
      silentToolMs: 2_700_000,
      checksMs: 3_600_000,
    },
    request: 'Add a greeting',
    prompt: 'Add a greeting',
    status: 'queued',
    phase: null,
    reason: null,
    resume_phase: null,
    waits_for: null,
    reason_detail: null,
    attempts: 0,
    max_attempts: 3,
    sent_at: null,
    turn_failures: 0,
    turn_interruptions: 0,
    takeovers: 0,
    denied: false,
    head_sha: null,
    pushed_sha: null,
    checked_sha: null,
    ci_run_id: null,
    ci_url: null,
    pr_number: null,
    pr_url: null,
    merged_at: null,
    summary: null,
    cost_usd: null,
    flags: [],
    held_ms: 0,
    created_by: 'Ada Tester <ada@example.org>',
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    rev: 0,
    abort_requested_at: null,
    owner: null,
    token: 0,
    lease_expires_at: null,
    slot: false,
    ...overrides,
  };
}
