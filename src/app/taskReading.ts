import { readAttemptLog, readConversation } from '../adapters/files/logReader.ts';
import type { createGitAdapter } from '../adapters/git/adapter.ts';
import type { App } from './api.ts';

export interface ReadingDeps {
  /** Folder of the tasks' logs. */
  logs: string;
  git: Pick<ReturnType<typeof createGitAdapter>, 'repository' | 'tasks'>;
  show: App['show'];
}

/** What people read of a task beside its row: logs, the conversation, what it changed. */
export function createTaskReading({
  logs,
  git,
  show,
}: ReadingDeps): Pick<App, 'readLog' | 'conversation' | 'changedFiles' | 'diff' | 'fileAt'> {
  return {
    async readLog(id, { cursor, attempt, tailBytes = 1024 * 1024 }) {
      const number = cursor?.attempt ?? attempt ?? (await show(id)).task.attempts;
      const piece = await readAttemptLog(logs, id, number, cursor ? { offset: cursor.offset } : { tailBytes });
      return { text: piece.text, attempt: number, cursor: { attempt: number, offset: piece.offset } };
    },
    conversation: (id, attempt, from) => readConversation(logs, id, attempt, from),
    async changedFiles(id) {
      const { task } = await show(id);
      const { repo: root, head_sha: head, base_sha: start } = task;
      if (!head || !start) return { base: start ?? '', head: head ?? '', repo: root, files: [] };
      return {
        base: await git.repository.mergeBaseOf(task, head),
        head,
        repo: root,
        files: await git.tasks.changedFiles(task, head),
      };
    },
    async diff(id) {
      const { task } = await show(id);
      return task.head_sha ? git.repository.unifiedDiff(task, task.head_sha) : '';
    },
    async fileAt(root, commit, file) {
      return (await git.repository.show(root, commit, file)) ?? new Uint8Array();
    },
  };
}
