/**
 * Whether what is red was red before the task's work (tasks: "Fold of checks"): a remark for the agent
 * and for people, never a verdict. What cannot be found out is not said.
 */
import type { Carry } from './phase.ts';
import { AmpaError, describeError } from '../../errors.ts';
import { foldChecks } from '../fold.ts';
import type { Forge, ForgeCheck } from '../forge.ts';
import type { Task } from '../task.ts';
import { runSetup } from './setup.ts';

/** A check that takes longer is not run again for a remark, and neither it nor the setup goes on for longer, ms. */
const WORTH_MS = 10 * 60_000;

/** Runs the command on the base, in a checkout of its own; once for each commit of it. `tookMs` is what it took on ours. */
export async function localOnBase(
  carry: Carry,
  task: Task,
  command: string,
  head: string,
  tookMs: number,
): Promise<boolean> {
  const { store, git, checks } = carry.deps;
  const log = await carry.log(task.attempts);
  return orElse(carry, task, false, async () => {
    const sha = await git.baseOf(task, head);
    const known = await store.baseCheck(task.repo, sha, command);
    if (known !== undefined) return known;
    if (tookMs > WORTH_MS) return false;
    log.note(`the same on the base, ${sha.slice(0, 10)}: ${command}`);
    const checksMs = Math.min(task.limits.checksMs, WORTH_MS);
    const state = await git.withBase(task, sha, carry.signal, async (dir) => {
      const there = { ...task, worktree: dir, limits: { ...task.limits, checksMs } };
      await git.copyIgnored(task, dir, task.copy_patterns);
      const trouble = await runSetup(carry, there, dir, task.attempts);
      if (trouble !== null) throw new AmpaError('external', trouble);
      return (await checks.run(there, command, carry.processes, carry.signal)).state;
    });
    carry.signal.throwIfAborted();
    // What we cut short ourselves says nothing of the base.
    const isCut = state === 'timed_out' && checksMs < task.limits.checksMs;
    const red = isCut ? null : verdict(foldChecks([state]));
    if (red === null) throw new AmpaError('external', `there it ended as ${state.replace('_', ' ')}`);
    log.note(red ? 'it fails on the base, too' : 'it is green on the base');
    await store.saveBaseCheck(carry.claim, task.repo, sha, command, red);
    return red;
  });
}

/** Of these red checks those that are red on the base, too. One request. */
export async function forgeOnBase(
  carry: Carry,
  forge: Forge,
  task: Task,
  head: string,
  red: readonly ForgeCheck[],
): Promise<ReadonlySet<ForgeCheck>> {
  return orElse(carry, task, new Set<ForgeCheck>(), async () => {
    const sha = await carry.deps.git.baseOf(task, head);
    const { snapshots } = await forge.snapshots(task.forge!, [{ sha, pullRequest: null }], carry.signal);
    const there = snapshots.flatMap((it) => it.checks).filter((it) => foldChecks([it.state]) === 'red');
    return new Set(red.filter((check) => there.some((it) => isSame(it, check))));
  });
}

const verdict = (folded: ReturnType<typeof foldChecks>): boolean | null =>
  folded === 'red' ? true : folded === 'green' ? false : null;

/** Names carry workflow and event only where there are several of them, which may differ between two commits. */
const isSame = (a: ForgeCheck, b: ForgeCheck): boolean => a.workflow === b.workflow && plain(a) === plain(b);
const plain = ({ name, workflow }: ForgeCheck): string =>
  (workflow !== null && name.startsWith(`${workflow} / `) ? name.slice(workflow.length + 3) : name).replace(
    / \((push|pull_request|pull_request_target|merge_group|schedule|workflow_dispatch)\)$/,
    '',
  );

/** The system's own errors: a full disk, too many open files. */
const isOfSystem = (error: unknown): boolean => error instanceof Error && 'syscall' in error;

/** `unknown` where it could not be found out, which the log says. */
async function orElse<T>(carry: Carry, task: Task, unknown: T, find: () => Promise<T>): Promise<T> {
  try {
    return await find();
  } catch (error) {
    const known = error instanceof AmpaError ? error.code !== 'lost_claim' : isOfSystem(error);
    if (carry.signal.aborted || !known) throw error;
    const log = await carry.log(task.attempts);
    log.note(`whether it fails on the base, too, is not known: ${carry.mask(describeError(error))}`);
    return unknown;
  }
}
