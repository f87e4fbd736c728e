import type { Carry } from './carry.ts';
import type { Forge, ForgeBudget, ForgeSnapshot, IdentityKind, UnknownCommit, WaitingCommit } from './forge.ts';
import { pollDelay, spend, type Allowance, type Waiting } from './pollPolicy.ts';
import type { Claim } from './ports.ts';
import { createHearing, openChecks, type Hearing } from './hearing.ts';
import type { Task, TaskForge } from './task.ts';

/** One commit that waits, as the store keeps it. */
export interface Watch {
  taskId: string;
  sha: string;
  pullRequest: number | null;
  /** ms since the epoch. */
  since: number;
  snapshot: ForgeSnapshot | null;
  /** When `snapshot` was seen, ms. */
  seenAt: number | null;
  /** The newest look failed; null where it succeeded, or there was none. */
  failure: WatchFailure | null;
  rerun: boolean;
}

/** Looks that failed one after another, without one that succeeded or a long gap between them. Times in ms. */
export interface WatchFailure {
  /** Of the newest. */
  detail: string;
  since: number;
  at: number;
}

export interface SeenForge {
  /** Of the newest task there. */
  identity: IdentityKind | null;
  budget: ForgeBudget | null;
  /** Sources of checks that were not visible to commits that wait. */
  hidden: string[];
}

/** That a forge has news, as its webhook says it. */
export interface ForgeNews {
  /** `host/owner/name`, in any case. */
  repo: string;
  shas: readonly string[];
  pullRequests: readonly number[];
  /** A check has ended: what is waited for. */
  ended: boolean;
}

/** Webhooks, each taken once. */
export interface WebhookStore {
  /**
   * Remembers a delivery and, in the same transaction, makes a look due now where a task waits for what
   * it tells of; null tells of nothing. False: it had come before, and does nothing.
   */
  take(id: string, news: ForgeNews | null): Promise<boolean>;
}

/** What the watchers of all processes share. */
export interface WatchStore {
  /** Registers the task's commit; one that is registered already keeps its time and what was seen. */
  watch(claim: Claim, watch: { repo: string; sha: string; pullRequest: number | null; since: number }): Promise<void>;
  watchOf(taskId: string): Promise<Watch | undefined>;
  endWatch(claim: Claim): Promise<void>;
  markRerun(claim: Claim): Promise<void>;
  /** Becomes, or stays, the one who looks at the repository; undefined: another does. */
  leadWatch(repo: string, owner: string): Promise<{ nextAt: number; allowance: Allowance } | undefined>;
  /** What waits in the repository; what was left behind by tasks that wait no more is removed. */
  waiting(repo: string): Promise<Watch[]>;
  /** What one look has shown, in one transaction; false: the lead was lost. */
  saveLook(
    repo: string,
    owner: string,
    look: {
      snapshots: readonly ForgeSnapshot[];
      /** Commits that the forge could not tell about. */
      unknown: readonly UnknownCommit[];
      /** Why nothing could be told at all. */
      error: string | null;
      nextAt: number;
      allowance: Allowance;
      /** When it began: what waits only since then, it says nothing about. ms. */
      from: number;
      /** When it ended, ms. */
      at: number;
    },
  ): Promise<boolean>;
  /** What is known of a repository's forge without asking it. */
  seenOf(repo: string): Promise<SeenForge>;
  usualMs(repo: string, workflows: readonly string[]): Promise<number | null>;
  learn(repo: string, workflow: string, ms: number): Promise<void>;
}

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
  const hearing = createHearing(forge, target, clock, carry.signal);
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
    if (lead && (lead.nextAt <= clock.now() || (await hearing.hasEnded(lead.allowance, () => store.waiting(repo))))) {
      await look(carry, forge, target, lead.allowance, hearing);
      continue;
    }
    const now = clock.now();
    const wake = new AbortController();
    const off = onChange(() => wake.abort());
    // The lease of another may run out without anything being written.
    const wait = lead ? Math.min(lead.nextAt - now, hearing.dueIn()) : 5_000;
    await clock.sleep(Math.max(wait, 50), AbortSignal.any([wake.signal, carry.signal]));
    off();
  }
}

/** One look at every commit that waits here, and when the next is due. */
async function look(
  carry: Carry,
  forge: Forge,
  target: TaskForge,
  allowance: Allowance,
  hearing: Hearing,
): Promise<void> {
  const { watches: store, clock } = carry.deps;
  const repo = watchKey(target);
  await hearing.begin();
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
  const spent = spend(allowance, at, 1 + hearing.takeCounted());
  const times: Waiting[] = [];
  for (const watch of waiting) {
    const seen = snapshots.find((snapshot) => snapshot.sha === watch.sha);
    const workflows = [...new Set((seen?.checks ?? []).flatMap((check) => check.workflow ?? []))];
    const heard = hearing.hears(openChecks(seen));
    times.push({ since: watch.since, usualMs: await store.usualMs(repo, workflows), heard });
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
