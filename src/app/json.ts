import { waitingFor } from '../tasks/capabilities.ts';
import type { Task } from '../tasks/task.ts';

/** A task as `--json` prints it: stable, snake case, times in ISO 8601 UTC. */
export function taskJson(task: Task) {
  return {
    id: task.id,
    title: task.title,
    repo: task.repo,
    base: task.base,
    branch: task.branch,
    worktree: task.worktree,
    thread_id: task.thread_id,
    agent: task.agent,
    request: task.request,
    prompt: task.prompt,
    status: task.status,
    phase: task.phase,
    waits_for: waitingFor(task) && task.waits_for,
    reason: task.reason,
    reason_detail: task.reason_detail,
    attempts: task.attempts,
    max_attempts: task.max_attempts,
    head_sha: task.head_sha,
    ci_run_id: task.ci_run_id,
    ci_url: task.ci_url,
    pr_number: task.pr_number,
    pr_url: task.pr_url,
    merged_at: task.merged_at,
    summary: task.summary,
    flags: task.flags,
    created_by: task.created_by,
    created_at: task.created_at,
    updated_at: task.updated_at,
  };
}
