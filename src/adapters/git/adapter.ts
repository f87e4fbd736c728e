/** Everything the composition root gets of git. */
import type { TaskGit } from '../../tasks/ports.ts';
import { createGit } from './git.ts';
import type { GitDependencies } from './git.ts';
import { createRepository } from './repository.ts';
import type { Repository } from './repository.ts';
import { createTaskGit } from './taskGit.ts';
import type { TaskGitDependencies } from './taskGit.ts';

export type { Repository } from './repository.ts';

export type GitAdapterOptions = GitDependencies & Omit<TaskGitDependencies, 'git'>;

/** `env` is the host's environment without AMPA's secrets: git and the programs it starts see it. */
export function createGitAdapter(options: GitAdapterOptions): { tasks: TaskGit; repository: Repository } {
  const git = createGit(options);
  const { clock, credentials, retryMs = 60_000, env } = options;
  return {
    tasks: createTaskGit({ ...options, git }),
    repository: createRepository({ git, clock, credentials, retryMs, path: env.PATH ?? '' }),
  };
}
