import type { Kysely } from 'kysely';
import type { Claim } from '../../tasks/ports.ts';
import type { Schema } from './schema.ts';
import { AmpaError } from '../../errors.ts';

/** What a write of a carrier ends in whose task has gone to another. */
export const lostClaim = (taskId: string): AmpaError =>
  new AmpaError('lost_claim', `task ${taskId} is now carried by another process`, 'This one stops; nothing is lost.');

/** Throws `lost_claim` unless the claim holds: in a transaction the rest of it is void then. */
export async function requireClaim(db: Kysely<Schema>, claim: Claim): Promise<void> {
  const task = await db
    .selectFrom('tasks')
    .select('id')
    .where('id', '=', claim.taskId)
    .where('token', '=', claim.token)
    .where('owner', '=', claim.owner)
    .executeTakeFirst();
  if (!task) throw lostClaim(claim.taskId);
}
