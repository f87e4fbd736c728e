import { mergeMovedBase } from './movedBase.ts';
import type { Carry } from './phase.ts';
import { excerptOf } from '../excerpt.ts';
import { retryPrompt, type RedCheck } from '../prompts.ts';
import type { Task } from '../task.ts';

/**
 * A red commit: the failure becomes the next prompt, or the task stops when its attempts are used
 * up. Before another turn a moved base is merged in; a conflict is part of what the agent is asked.
 */
export async function askAgain(carry: Carry, task: Task, red: readonly RedCheck[], checkedSha?: string): Promise<Task> {
  const { store } = carry.deps;
  const onBase = red.filter((check) => check.onBase).map((check) => `${check.name} fails on the base, too`);
  for (const remark of onBase) await store.note(carry.claim, `${remark}.`);
  const patch = {
    ...(checkedSha === undefined ? {} : { checked_sha: checkedSha }),
    ...(onBase.length === 0 ? {} : { flags: [...new Set([...task.flags, ...onBase])] }),
  };
  if (task.attempts >= task.max_attempts) {
    const prompt = retryPrompt(red, task.attempts + 1, task.attempts + task.limits.attempts);
    const detail = red.map((check) => `${check.name}: ${firstLine(check.excerpt)}`).join('\n');
    return store.apply(carry.claim, { type: 'stop', reason: 'max_attempts', detail }, { ...patch, prompt });
  }
  const conflicts = await mergeMovedBase(carry, task);
  const prompt = retryPrompt(red, task.attempts + 1, task.max_attempts, conflicts);
  return store.apply(carry.claim, { type: 'retry' }, { ...patch, prompt });
}

/** A git hook that refuses is a red check: its output is what the agent has to mend. */
export async function hookSaidNo(carry: Carry, task: Task, name: string, output: string): Promise<Task> {
  const log = await carry.log(task.attempts);
  await log.write(output);
  const excerpt = excerptOf(output, carry.deps.secrets);
  const at = new Date(carry.deps.clock.now()).toISOString();
  await carry.deps.store.saveCheck(carry.claim, {
    task_id: task.id,
    attempt: task.attempts,
    sha: task.head_sha ?? '',
    name,
    provider: 'hook',
    state: 'failure',
    started_at: at,
    ended_at: at,
    url: null,
    excerpt,
    log_path: null,
  });
  return askAgain(carry, task, [{ name, step: null, url: null, excerpt, remark: 'it refused' }]);
}

/** The line that most likely names the failure, for the task's detail. */
function firstLine(excerpt: string): string {
  const lines = excerpt.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /error|fail|not ok|expected/i.test(line)) ?? lines.at(-1) ?? 'it printed nothing';
}
