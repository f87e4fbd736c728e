/** The git adapter under test, with processes and a clock of its own. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createGit } from '../../src/adapters/git/git.ts';
import type { Git } from '../../src/adapters/git/git.ts';
import type { CredentialLookup } from '../../src/adapters/git/network.ts';
import { createRepository } from '../../src/adapters/git/repository.ts';
import type { Repository } from '../../src/adapters/git/repository.ts';
import { createTaskGit } from '../../src/adapters/git/taskGit.ts';
import { createTaskProcesses } from '../../src/adapters/process/taskProcesses.ts';
import type { Clock, TaskGit, TaskProcesses } from '../../src/tasks/ports.ts';
import type { Task } from '../../src/tasks/task.ts';
import { makeTask } from './repo.ts';
import type { Sandbox } from './repo.ts';

export interface GitWork {
  git: Git;
  tasks: TaskGit;
  repository: Repository;
  processes: TaskProcesses;
  /** First words of every git call so far. */
  calls: string[];
  /** Pauses that were asked of the clock, ms. */
  sleeps: number[];
  never: AbortSignal;
  parent(repo: string): { preferred: string; fallback: string };
  /** Runs `startPoint` and `ensureWorktree`; returns the task as the loop would store it. */
  prepare(overrides: Partial<Task> & Pick<Task, 'repo'>): Promise<Task & { worktree: string }>;
}

/** A clock whose sleeps are over at once and move its time on. */
function fakeClock(sleeps: number[] = []): Clock {
  let now = 1_700_000_000_000;
  return {
    now: () => now,
    sleep: async (ms) => {
      sleeps.push(ms);
      now += ms;
    },
    after: (_ms, fn) => {
      const handle = setImmediate(fn);
      return () => clearImmediate(handle);
    },
  };
}

export function gitWork(
  box: Sandbox,
  options: { env?: Record<string, string>; credentials?: CredentialLookup } = {},
): GitWork {
  const env = { ...box.env, ...options.env };
  const calls: string[] = [];
  const sleeps: number[] = [];
  const clock = fakeClock(sleeps);
  const git = createGit({ env, onCall: ({ args }) => calls.push(args.slice(0, 2).join(' ')) });
  const tasks = createTaskGit({ git, clock, env, credentials: options.credentials });
  const processes = createTaskProcesses({
    owner: `test-${randomUUID()}`,
    baseEnv: env,
    ledger: { record: async () => {}, forget: async () => {} },
  });
  const never = new AbortController().signal;
  const parent = (repo: string): { preferred: string; fallback: string } => ({
    preferred: `${repo}.worktrees`,
    fallback: join(repo, '.worklog', 'ampa', 'worktrees'),
  });
  return {
    git,
    tasks,
    repository: createRepository({
      git,
      clock,
      retryMs: 60_000,
      credentials: options.credentials,
      path: env.PATH ?? '',
    }),
    processes,
    calls,
    sleeps,
    never,
    parent,
    async prepare(overrides) {
      const task = makeTask(overrides);
      const start = await tasks.startPoint(task, never);
      if (start.kind !== 'ok') throw new Error(start.detail);
      const worktree = await tasks.ensureWorktree(task, start.sha, parent(task.repo));
      return { ...task, worktree, worktree_ready: true, base_sha: start.sha, attempts: 1 };
    },
  };
}
