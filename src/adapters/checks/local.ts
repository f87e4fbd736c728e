import fs from 'node:fs';
import path from 'node:path';
import { codeOf } from '../../errors.ts';
import { createExcerpter } from '../../tasks/excerpt.ts';
import { createRedactor, redact } from '../../tasks/redact.ts';
import type { LocalCheckResult, LocalChecks, ProcessResult } from '../../tasks/ports.ts';

/** Of the output of one check this much is kept: the head, and as much of the tail. */
const KEEP_BYTES = 64 * 1024 * 1024;

/** Runs the checks' command in the task's worktree and keeps its output beside the task's logs. */
export function createLocalChecks(options: {
  logDir: (taskId: string) => string;
  secrets: readonly string[];
  now: () => number;
}): LocalChecks {
  return {
    async run(task, command, processes, signal): Promise<LocalCheckResult> {
      const dir = options.logDir(task.id);
      await fs.promises.mkdir(dir, { recursive: true });
      const logPath = path.join(dir, `${task.attempts}-check-${options.now()}.log`);
      const file = await fs.promises.open(logPath, 'w', 0o600);
      const excerpter = createExcerpter();
      const decoder = new TextDecoder();
      const redactor = createRedactor(options.secrets);
      let size = 0;
      /** Past the limit the file wraps in its second half; the excerpt has seen every line. */
      const keep = async (text: string): Promise<void> => {
        if (text === '') return;
        const bytes = Buffer.from(text);
        const half = KEEP_BYTES / 2;
        const at = size < KEEP_BYTES ? size : half + ((size - half) % half);
        size += bytes.length;
        await file.write(bytes, 0, bytes.length, at);
      };
      let result: ProcessResult;
      try {
        result = await processes.run({
          kind: 'check',
          command: { shell: command },
          cwd: task.worktree!,
          // CI=true is what test runners read to neither watch nor ask.
          env: { CI: 'true', AMPA_TASK_ID: task.id, AMPA_ATTEMPT: String(task.attempts) },
          signal,
          timeoutMs: task.limits.checksMs,
          async onOutput(chunk) {
            const text = decoder.decode(chunk, { stream: true });
            excerpter.push(text);
            await keep(redactor.push(text));
          },
        });
      } catch (error) {
        // Anything else (a full disk, a busy store, a process that will not end) says nothing about the check.
        if (!(error instanceof Error) || !['ENOENT', 'EACCES'].includes(codeOf(error))) throw error;
        const excerpt = redact(error.message, options.secrets);
        await keep(excerpt);
        return { state: 'startup_failure', code: null, logPath, excerpt };
      } finally {
        await keep(redactor.rest());
        await file.close();
      }
      const excerpt = excerpter.finish(options.secrets);
      return { state: stateOf(result), code: result.code, logPath, excerpt };
    },
  };
}

/** 126 and 127 are the shell's own words for a command that it could not run. */
function stateOf(result: ProcessResult): LocalCheckResult['state'] {
  if (result.timedOut) return 'timed_out';
  if (result.aborted || result.code === null) return 'cancelled';
  if (result.code === 126 || result.code === 127) return 'startup_failure';
  return result.code === 0 ? 'success' : 'failure';
}
