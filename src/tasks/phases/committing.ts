import type { Carry } from './phase.ts';
import type { Task } from '../task.ts';
import { hookSaidNo } from './red.ts';

/** Whatever the agent left becomes a commit; without anything new the task stops before a check is spent. */
export async function committingPhase(carry: Carry, task: Task): Promise<Task> {
  const { deps, claim, signal } = carry;
  const { store, git } = deps;
  const log = await carry.log(task.attempts);

  const head = await git.verifyHead(task);
  if (!head.ok) return store.apply(claim, { type: 'stop', reason: 'commit_failed', detail: head.detail });

  const outcome = await git.commitAll(task, task.title, deps.agents.coAuthor(task.agent_spec), carry.processes, signal);
  signal.throwIfAborted();
  if (outcome.kind === 'failed')
    return store.apply(claim, { type: 'stop', reason: 'commit_failed', detail: carry.mask(outcome.detail) });
  if (outcome.kind === 'hook_failed') return hookSaidNo(carry, task, 'commit hook', outcome.output);
  for (const note of [...(head.notes ?? []), ...outcome.notes]) {
    log.note(note);
    await store.note(claim, note);
  }

  const changed = await git.changedFiles(task, outcome.sha);
  if (changed.length === 0 || outcome.sha === task.checked_sha) {
    return store.apply(
      claim,
      { type: 'stop', reason: task.denied ? 'permission_denied' : 'no_changes' },
      { head_sha: outcome.sha },
    );
  }
  return store.apply(
    claim,
    { type: 'advance', phase: task.remote ? 'pushing' : 'checks' },
    { head_sha: outcome.sha, flags: git.flags(changed, task) },
  );
}
