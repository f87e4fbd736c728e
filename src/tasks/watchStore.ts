/** What waiting for a forge's checks keeps in the store, and needs of it. */
import type { IdentityKind } from './task.ts';
import type { ForgeBudget, ForgeSnapshot, UnknownCommit } from './forge.ts';
import type { Allowance } from './pollPolicy.ts';
import type { Claim } from './ports.ts';

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
