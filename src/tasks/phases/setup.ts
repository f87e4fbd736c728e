import type { Carry } from './phase.ts';
import type { Task } from '../task.ts';

/** Makes a checkout usable by the task's setup command. Null: it is; else what went wrong, for people. */
export async function runSetup(carry: Carry, task: Task, dir: string, attempt: number): Promise<string | null> {
  if (!task.setup_command) return null;
  const log = await carry.log(attempt);
  log.note(`Setup: ${task.setup_command}`);
  let tail = '';
  const result = await carry.processes.run({
    kind: 'setup',
    command: { shell: task.setup_command },
    cwd: dir,
    env: {
      AMPA_TASK_ID: task.id,
      AMPA_WORKTREE: dir,
      AMPA_REPO: task.repo,
      AMPA_PORT: String(await carry.deps.freePort()),
    },
    signal: carry.signal,
    timeoutMs: task.limits.checksMs,
    onOutput(chunk) {
      const text = new TextDecoder().decode(chunk);
      tail = (tail + text).slice(-2000);
      return log.write(text);
    },
  });
  carry.signal.throwIfAborted();
  if (result.code === 0) return null;
  const how = result.timedOut
    ? 'timed out'
    : result.code === null
      ? `ended by ${result.signal}`
      : `exited with ${result.code}`;
  return `${task.setup_command} ${how}\n${carry.mask(tail.trim())}`;
}
