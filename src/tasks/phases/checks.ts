import type { Carry } from './phase.ts';
import { foldChecks } from '../fold.ts';
import type { LocalCheckResult } from '../ports.ts';
import type { Check, Task } from '../task.ts';
import { finishGreen } from './green.ts';
import { forgeChecksPhase } from './forgeChecks.ts';
import { withForge } from './forgeFailure.ts';
import { localOnBase } from './onBase.ts';
import { askAgain } from './red.ts';

/** All checks of the head commit, folded to one verdict. */
export async function checksPhase(carry: Carry, task: Task): Promise<Task> {
  const { deps, claim } = carry;
  const { store } = deps;
  if (task.checks.provider === 'none') {
    return store.apply(claim, { type: 'stop', reason: 'checks_missing' });
  }
  if (task.checks.provider === 'github') return withForge(carry, 'checks_unknown', () => forgeChecksPhase(carry, task));

  const sha = task.head_sha ?? (await deps.git.head(task));
  const { command } = task.checks;
  let begun = deps.clock.now();
  let result = await runLocal(carry, task, command, sha);
  // A check that something else killed says nothing about the commit: once more, then it is blocked.
  const rerun = foldChecks([result.state]) === 'rerun';
  if (rerun) begun = deps.clock.now();
  if (rerun) result = await runLocal(carry, task, command, sha);

  switch (foldChecks([result.state], rerun)) {
    case 'green':
      return finishGreen(carry, task, sha);
    case 'red': {
      const onBase = await localOnBase(carry, task, command, sha, deps.clock.now() - begun);
      const { excerpt } = result;
      const red = { name: command, step: null, url: null, excerpt, remark: describe(result, task), onBase };
      return askAgain(carry, task, [red], sha);
    }
    default:
      return store.apply(claim, {
        type: 'stop',
        reason: 'checks_blocked',
        detail: `${command} ${describe(result, task)}`,
      });
  }
}

async function runLocal(carry: Carry, task: Task, command: string, sha: string): Promise<LocalCheckResult> {
  const { deps, claim, signal } = carry;
  const at = (): string => new Date(deps.clock.now()).toISOString();
  const log = await carry.log(task.attempts);
  const check: Check = {
    task_id: task.id,
    attempt: task.attempts,
    sha,
    name: command,
    provider: 'local',
    state: 'running',
    started_at: at(),
    ended_at: null,
    url: null,
    excerpt: null,
    log_path: null,
  };
  log.note(`check: ${command}`);
  await deps.store.saveCheck(claim, check);
  const result = await deps.checks.run(task, command, carry.processes, signal);
  signal.throwIfAborted();
  log.note(`check ${result.state === 'success' ? 'green' : describe(result, task)}: ${command}`);
  await deps.store.saveCheck(claim, {
    ...check,
    state: result.state,
    ended_at: at(),
    excerpt: result.state === 'success' ? null : result.excerpt,
    log_path: result.logPath,
  });
  return result;
}

function describe(result: LocalCheckResult, task: Task): string {
  switch (result.state) {
    case 'timed_out':
      return `timed out after ${Math.round(task.limits.checksMs / 60_000)} min`;
    case 'startup_failure':
      return 'could not be started';
    case 'cancelled':
      return 'was killed';
    default:
      return `exit code ${result.code}`;
  }
}
