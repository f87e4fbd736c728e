import type { Carry } from './phase.ts';
import { AmpaError, describeError } from '../../errors.ts';
import type { Forge, ForgeCheck } from '../forge.ts';
import type { Task } from '../task.ts';

export const isRed = ({ state }: Pick<ForgeCheck, 'state'>): boolean => state === 'failure' || state === 'timed_out';

/** A name without what the forge's adapter adds where there are several workflows, or events. */
const plain = ({ name, workflow }: ForgeCheck): string =>
  (workflow !== null && name.startsWith(`${workflow} / `) ? name.slice(workflow.length + 3) : name).replace(
    / \((?:push|pull_request|pull_request_target|merge_group|schedule|workflow_dispatch)\)$/,
    '',
  );

/**
 * Those of the red checks that were red where the task began, too: not of its making. That the forge does
 * not tell is no reason to stop, and says of no check that it was green.
 */
export async function redOnBase(
  carry: Carry,
  forge: Forge,
  task: Task,
  red: readonly ForgeCheck[],
): Promise<ReadonlySet<ForgeCheck>> {
  if (task.base_sha === null || red.length === 0) return new Set();
  try {
    const commit = { sha: task.base_sha, pullRequest: null };
    const { snapshots } = await forge.snapshots(task.forge!, [commit], carry.signal);
    const before = snapshots.flatMap(({ checks }) => checks).filter(isRed);
    return new Set(
      red.filter((check) => before.some((it) => it.workflow === check.workflow && plain(it) === plain(check))),
    );
  } catch (error) {
    if (carry.signal.aborted || !(error instanceof AmpaError)) throw error;
    (await carry.log(task.attempts)).note(`the checks of the base are not known: ${carry.mask(describeError(error))}`);
    return new Set();
  }
}
