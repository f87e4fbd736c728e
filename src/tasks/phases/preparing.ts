import { mergeMovedBase } from './movedBase.ts';
import type { Carry } from './phase.ts';
import { conflictText } from '../prompts.ts';
import type { Task } from '../task.ts';
import { ifMerged } from './merged.ts';
import { runSetup } from './setup.ts';

/** Agent there, base known, branch and worktree made and usable. */
export async function preparingPhase(carry: Carry, task: Task): Promise<Task> {
  const { deps, claim, signal } = carry;
  const { store, git } = deps;

  // Work on top of what has landed would have no pull request to go to.
  const merged = await ifMerged(carry, task);
  if (merged) return merged;
  const readiness = await deps.agents.check(task.agent_spec);
  if (!readiness.ready) return store.apply(claim, { type: 'stop', reason: readiness.reason, detail: readiness.detail });

  if (!task.worktree_ready) {
    const start = await git.startPoint(task, signal);
    signal.throwIfAborted();
    if (start.kind === 'stopped')
      return store.apply(claim, { type: 'stop', reason: start.reason, detail: carry.mask(start.detail) });
    for (const note of start.notes) await store.note(claim, carry.mask(note));

    const notes: string[] = [];
    const worktree = await git.ensureWorktree(task, start.sha, deps.worktreeParent(task), {
      signal,
      note: (text) => void notes.push(text),
    });
    for (const note of notes) await store.note(claim, carry.mask(note));
    // The base is where the user's branch stood, also when their uncommitted changes came along on top.
    task = await store.patch(claim, { base_sha: task.snapshot_sha ? task.base_sha : start.sha, worktree });
    const copied = await git.copyIgnored(task, worktree, task.copy_patterns);
    if (copied.length > 0) task = await store.patch(claim, { copied_files: copied });

    const trouble = await runSetup(carry, task, worktree, 0);
    if (trouble !== null) return store.apply(claim, { type: 'stop', reason: 'setup_failed', detail: trouble });
    task = await store.patch(claim, { worktree_ready: true });
  }
  const phase = task.resume_phase ?? 'agent';
  if (phase === 'agent' && task.attempts > 0) task = await onMovedBase(carry, task);
  return store.apply(claim, { type: 'advance', phase }, { resume_phase: null });
}

/** A task that is continued starts from the base as it is now; a conflict is part of what the agent is asked. */
async function onMovedBase(carry: Carry, task: Task): Promise<Task> {
  const files = await mergeMovedBase(carry, task);
  if (files.length === 0) return task;
  const text = conflictText(files);
  // It may wait there since an earlier try that got no further.
  return task.prompt.includes(text)
    ? task
    : carry.deps.store.patch(carry.claim, { prompt: `${task.prompt}\n\n${text}` });
}
