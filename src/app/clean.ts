import fs from 'node:fs';
import path from 'node:path';
import type { Repository } from '../adapters/git/repository.ts';
import { describeError } from '../errors.ts';
import type { TaskBoard } from '../tasks/board.ts';
import { isActive } from '../tasks/task.ts';
import type { CleanReport } from './api.ts';

export interface CleanDeps {
  board: TaskBoard;
  repository: Repository;
  /** Folder of the logs. */
  logs: string;
  now(): number;
}

/**
 * Removes worktrees and logs of tasks that ended `olderThanDays` ago or earlier; their branches and
 * rows stay. A worktree with anything uncommitted or unpushed is kept unless `force`.
 */
export async function cleanTasks(
  deps: CleanDeps,
  options: { olderThanDays: number; force: boolean },
): Promise<CleanReport> {
  const before = deps.now() - options.olderThanDays * 24 * 3600_000;
  const { tasks } = await deps.board.list({ statuses: ['success', 'needs_review', 'aborted', 'error'] });
  const report: CleanReport = { worktrees: 0, logs: 0, kept: [] };
  for (const { id } of tasks) {
    // The list is as old as the removals before this one took: a person may have continued the task.
    const { task } = await deps.board.detail(id);
    if (isActive(task.status) || Date.parse(task.updated_at) > before) continue;
    if (task.worktree) {
      if (!(await deps.board.setWorktreeReady(task, false))) continue;
      try {
        const removal = await deps.repository.removeWorktree(task, { force: options.force });
        if (!removal.removed) {
          await deps.board.setWorktreeReady(task, task.worktree_ready);
          report.kept.push({ id, why: removal.why });
          continue;
        }
      } catch (error) {
        // What is left of it is looked at by whoever continues the task.
        report.kept.push({ id, why: describeError(error) });
        continue;
      }
      report.worktrees++;
      if (!(await deps.board.forgetWorktree(task))) continue;
    }
    const dir = path.join(deps.logs, id);
    if (fs.existsSync(dir)) {
      await fs.promises.rm(dir, { recursive: true, force: true });
      report.logs++;
    }
  }
  return report;
}
