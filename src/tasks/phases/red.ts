import type { Carry } from '../carry.ts';
import { retryPrompt, type RedCheck } from '../prompts.ts';
import type { Task } from '../task.ts';

/**
 * A red commit: the failure becomes the next prompt, or the task stops when its attempts are used
 * up. Before another turn a moved base is merged in; a conflict is part of what the agent is asked.
 */
export async function askAgain(carry: Carry, task: Task, red: readonly RedCheck[], checkedSha?: string): Promise<Task> {
  const { store, git } = carry.deps;
  const patch = checkedSha === undefined ? {} : { checked_sha: checkedSha };
  if (task.attempts >= task.max_attempts) {
    const prompt = retryPrompt(red, task.attempts + 1, task.attempts + task.limits.attempts);
    const detail = red.map((check) => `${check.name}: ${firstLine(check.excerpt)}`).join('\n');
    return store.apply(carry.claim, { type: 'stop', reason: 'max_attempts', detail }, { ...patch, prompt });
  }
  const base = await git.mergeBase(task, carry.signal);
  carry.signal.throwIfAborted();
  if (base.kind === 'merged') await store.note(carry.claim, `The base ${task.base} had moved and was merged in.`);
  if (base.kind === 'conflict') await store.note(carry.claim, `The base ${task.base} had moved; its conflicts go to the agent.`);
  const prompt = retryPrompt(red, task.attempts + 1, task.max_attempts, base.kind === 'conflict' ? base.files : []);
  return store.apply(carry.claim, { type: 'retry' }, { ...patch, prompt });
}

/** The line that most likely names the failure, for the task's detail. */
function firstLine(excerpt: string): string {
  const lines = excerpt.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /error|fail|not ok|expected/i.test(line)) ?? lines.at(-1) ?? 'it printed nothing';
}
