import type { Forge, ForgeBudget, ForgeSnapshot, UnknownCommit, WaitingCommit } from './forge.ts';
import { createEndedRuns, openChecks, type EndedRuns } from './endedRuns.ts';
import type { Carry } from './phases/phase.ts';
import { pollDelay, spend, type Allowance, type Waiting } from './pollPolicy.ts';
import type { Task, TaskForge } from './task.ts';
import { nextChange } from './waiting.ts';
import type { Watch } from './watchStore.ts';

export const watchKey = (forge: Pick<TaskForge, 'host' | 'owner' | 'name'>): string =>
  `${forge.host}/${forge.owner}/${forge.name}`;

/**
 * Resolves with the newest snapshot of the task's commit each time one is seen, until `decide`
 * returns something. Of all processes that wait in a repository one does the looking, for all.
 */
export async function watchChecks<R>(
  carry: Carry,
  forge: Forge,
  task: Task,
  sha: string,
  decide: (watch: Watch) => Promise<R | undefined>,
): Promise<R> {
  const { watches: store, clock, onChange } = carry.deps;
  const target = task.forge!;
  const repo = watchKey(target);
  const endedRuns = createEndedRuns(forge, target, clock, carry.signal);
  const register = (): Promise<void> =>
    store.watch(carry.claim, { repo, sha, pullRequest: task.pr_number, since: clock.now() });
  await register();
  for (;;) {
    carry.signal.throwIfAborted();
    const watch = await store.watchOf(task.id);
    if (watch?.sha !== sha) {
      await register();
      continue;
    }
    const result = await decide(watch);
    if (result !== undefined) {
      await store.endWatch(carry.claim);
      return result;
    }
    const lead = await store.leadWatch(repo, carry.claim.owner);
    if (lead && (lead.nextAt <= clock.now() || (await endedRuns.hasEnded(lead.allowance, () => store.waiting(repo))))) {
      await look(carry, forge, target, lead.allowance, endedRuns);
      continue;
    }
    // The lease of another may run out without anything being written.
    const wait = lead ? Math.min(lead.nextAt - clock.now(), endedRuns.dueIn()) : 5_000;
    await nextChange(onChange, clock, Math.max(wait, 50), carry.signal);
  }
}

/** One look at every commit that waits here, and when the next is due. */
async function look(
  carry: Carry,
  forge: Forge,
  target: TaskForge,
  allowance: Allowance,
  endedRuns: EndedRuns,
): Promise<void> {
  const { watches: store, clock } = carry.deps;
  const repo = watchKey(target);
  await endedRuns.begin();
  const from = clock.now();
  const waiting = await store.waiting(repo);
  const commits: WaitingCommit[] = waiting.map((watch) => ({ sha: watch.sha, pullRequest: watch.pullRequest }));
  let snapshots: ForgeSnapshot[] = [];
  let unknown: UnknownCommit[] = [];
  let budget: ForgeBudget | null = null;
  let error: string | null = null;
  try {
    ({ snapshots, unknown, budget } = await forge.snapshots(target, commits, carry.signal));
  } catch (cause) {
    carry.signal.throwIfAborted();
    error = carry.mask(cause instanceof Error ? cause.message : String(cause));
  }
  const at = clock.now();
  const spent = spend(allowance, at, 1 + endedRuns.takeCounted());
  const times: Waiting[] = [];
  for (const watch of waiting) {
    const seen = snapshots.find((snapshot) => snapshot.sha === watch.sha);
    const workflows = [...new Set((seen?.checks ?? []).flatMap((check) => check.workflow ?? []))];
    const covered = endedRuns.covers(openChecks(seen));
    times.push({ since: watch.since, usualMs: await store.usualMs(repo, workflows), covered });
  }
  await store.saveLook(repo, carry.claim.owner, {
    snapshots,
    unknown: unknown.map(({ sha, detail }) => ({ sha, detail: carry.mask(detail) })),
    error,
    allowance: { ...spent, budget },
    from,
    at,
    nextAt: at + pollDelay(times, spent, budget, at),
  });
}
