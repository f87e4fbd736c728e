import type { Carry } from './phase.ts';
import type { Reason } from '../reasons.ts';
import type { Task } from '../task.ts';
import { hookSaidNo } from './red.ts';

const REASON: Record<'rejected' | 'auth' | 'unreachable', Exclude<Reason, 'user'>> = {
  rejected: 'push_rejected',
  auth: 'push_auth',
  unreachable: 'remote_unreachable',
};

/** The branch goes to the remote, never forced; a commit that is there already is not pushed again. */
export async function pushingPhase(carry: Carry, task: Task): Promise<Task> {
  const { deps, claim, signal } = carry;
  const { store, git } = deps;
  const log = await carry.log(task.attempts);
  const outcome = await git.push(task, carry.processes, signal);
  signal.throwIfAborted();

  if (outcome.kind === 'hook_failed') return hookSaidNo(carry, task, 'pre-push hook', outcome.output);
  if (outcome.kind === 'rejected' || outcome.kind === 'auth' || outcome.kind === 'unreachable') {
    log.note(outcome.detail);
    return store.apply(claim, { type: 'stop', reason: REASON[outcome.kind], detail: carry.mask(outcome.detail) });
  }
  if (outcome.kind === 'pushed') for (const note of outcome.notes) await store.note(claim, note);
  return store.apply(
    claim,
    { type: 'advance', phase: task.forge?.pullRequest === 'first' ? 'opening_pr' : 'checks' },
    { head_sha: outcome.sha, pushed_sha: outcome.sha },
  );
}
