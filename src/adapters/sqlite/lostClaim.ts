import { AmpaError } from '../../errors.ts';

/** What a write of a carrier ends in whose task has gone to another. */
export const lostClaim = (taskId: string): AmpaError =>
  new AmpaError('lost_claim', `task ${taskId} is now carried by another process`, 'This one stops; nothing is lost.');
