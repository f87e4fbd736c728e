/** Tasks as the editor's models see them. */
import type { Task } from '../../src/tasks/task.ts';
import { task } from './taskPages.ts';

let count = 0;

/** Ended, green and not merged, unless said otherwise; each with an id of its own. */
export function editorTask(changes: Partial<Task> = {}): Task {
  count++;
  const at = new Date(Date.UTC(2026, 0, 15, 12) + count * 100).toISOString();
  return task({
    id: `01KEV000000000000000${String(count).padStart(6, '0')}`,
    title: `Task ${count}`,
    status: 'success',
    phase: null,
    created_at: at,
    updated_at: at,
    rev: count,
    ...changes,
  });
}
