import type { Kysely, Transaction } from 'kysely';
import type { Attempt, Task } from '../../tasks/task.ts';
import type { Schema } from './schema.ts';

/** The newest attempt of a task; undefined before the first. */
export const lastAttemptOf = (
  db: Kysely<Schema> | Transaction<Schema>,
  task: Pick<Task, 'id' | 'attempts'>,
): Promise<Attempt | undefined> =>
  db
    .selectFrom('attempts')
    .selectAll()
    .where('task_id', '=', task.id)
    .where('number', '=', task.attempts)
    .executeTakeFirst();
