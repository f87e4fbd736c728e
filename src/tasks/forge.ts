/**
 * What the loop needs of a forge: a place with pull requests that runs checks on commits. Declared
 * here, implemented by adapters/github/.
 */
import type { MergeMethod } from './landing.ts';
import type { ForgeRepo, CheckState } from './task.ts';
import type { RedCheck } from './prompts.ts';

/** One check of a commit: a check run of any app, or a commit status. */
export interface ForgeCheck {
  /** The forge's own id: stable over polls, new for a re-run. */
  id: string;
  /** As people know it: `build (ubuntu-latest)`; the workflow's name in front where there are several. */
  name: string;
  state: CheckState;
  url: string | null;
  startedAt: string | null;
  endedAt: string | null;
  /** The base's rules want it. */
  required: boolean;
  /** Workflow run and job of GitHub Actions; null for other apps and statuses. */
  runId: string | null;
  jobId: string | null;
  /** Name of the workflow: what durations are learned by. */
  workflow: string | null;
}

/** Not decided yet. */
export const isOpen = ({ state }: Pick<ForgeCheck, 'state'>): boolean => state === 'queued' || state === 'running';

export interface ForgeSnapshot {
  sha: string;
  checks: ForgeCheck[];
  /** Of the pull request; `unknown` while the forge has not decided, or where there is none. */
  mergeable: 'clean' | 'conflict' | 'unknown';
  /** Sources of checks that this identity may not see (403), for people. */
  hidden: string[];
}

export interface ForgeBudget {
  remaining: number;
  limit: number;
  /** ms since the epoch. */
  resetsAt: number;
}

export interface WaitingCommit {
  sha: string;
  pullRequest: number | null;
}

/** A commit that the forge could not tell about while it told about others: unknown, never none. */
export interface UnknownCommit {
  sha: string;
  detail: string;
}

/** A workflow run that has come to its end. */
export interface EndedRun {
  /** Of this attempt. */
  id: string;
  runId: string;
  sha: string;
}

/** What a red check says. */
export interface FailedCheck extends RedCheck {
  /** No step of it ran: the forge did not start it, and no agent can mend that. */
  neverStarted?: boolean;
}

export interface PullRequestText {
  title: string;
  body: string;
}

/** A pull request as the forge shows it now. */
export interface PullRequest {
  number: number;
  url: string;
  state: 'open' | 'merged' | 'closed';
  body: string;
  /** Its head as the forge knows it. */
  sha: string;
  /** ISO time; null where it is not merged. */
  mergedAt: string | null;
}

export type PullRequestOutcome =
  | { kind: 'open'; number: number; url: string; draft: boolean }
  /** This branch had one, which a person has merged or closed since. */
  | { kind: 'ended'; number: number; url: string }
  /** Pull requests are switched off here. */
  | { kind: 'unsupported' }
  | { kind: 'failed'; detail: string };

export type ForgeMergeOutcome =
  /** `head`: what was merged; others may have added to what was meant. */
  | { kind: 'merged'; sha: string; head: string }
  /** It was merged before, as it was at `head`: the commit that is meant now is not in it. */
  | { kind: 'merged_without'; head: string }
  | { kind: 'conflict'; detail: string }
  /** Required checks or reviews are missing, the method is not allowed, … */
  | { kind: 'refused'; detail: string; hint?: string };

/**
 * One forge with one identity. Every call may reject with `AmpaError` (`external`) when the forge
 * cannot be asked: that is unknown, never none.
 */
export interface Forge {
  /** Who this identity is: a login, or the app's bot name. */
  login(repo: ForgeRepo, signal?: AbortSignal): Promise<string>;
  /** Looked up by head branch first, ended ones too; a 422 for an existing one is success. Draft where that is possible. */
  openPullRequest(
    repo: ForgeRepo,
    pr: PullRequestText & { head: string; base: string; draft: boolean },
    signal: AbortSignal,
  ): Promise<PullRequestOutcome>;
  pullRequest(repo: ForgeRepo, number: number, signal: AbortSignal): Promise<PullRequest>;
  /** What is not given stays. */
  updatePullRequest(
    repo: ForgeRepo,
    number: number,
    text: Partial<PullRequestText>,
    signal: AbortSignal,
  ): Promise<void>;
  /** No more a draft. */
  markReady(repo: ForgeRepo, number: number, signal: AbortSignal): Promise<void>;
  /** All waiting commits of a repository in one request where the forge can. Rejects where it can tell about none. */
  snapshots(
    repo: ForgeRepo,
    commits: readonly WaitingCommit[],
    signal: AbortSignal,
  ): Promise<{ snapshots: ForgeSnapshot[]; unknown: UnknownCommit[]; budget: ForgeBudget | null }>;
  /**
   * The newest workflow runs that have ended, newest first. `counted`: what it cost,
   * nothing as long as the answer is the one from before. Null where that is not to be had.
   */
  endedRuns(repo: ForgeRepo, signal: AbortSignal): Promise<{ runs: EndedRun[]; counted: number } | null>;
  /** Runs cancelled or stale checks once more. */
  rerun(repo: ForgeRepo, checks: readonly ForgeCheck[], signal: AbortSignal): Promise<void>;
  /** The failing step of a red check with its excerpt; its log, only that step's part, is streamed to `logFile`. */
  failure(repo: ForgeRepo, check: ForgeCheck, logFile: string, signal: AbortSignal): Promise<FailedCheck>;
  /** Whether anything checks here at all: workflow files, or checks on the base. */
  hasChecks(repo: ForgeRepo, base: string | null, signal: AbortSignal): Promise<boolean>;
  /** Where pull requests go that name no base. */
  defaultBranch(repo: ForgeRepo, signal: AbortSignal): Promise<string>;
  /** The repository's pull request template, or null. */
  pullRequestTemplate(repo: ForgeRepo, signal: AbortSignal): Promise<string | null>;
  /** Waits for required checks that have not ended, 5 min at most. Merges the head `sha` and no other. */
  merge(
    repo: ForgeRepo,
    number: number,
    how: {
      method: MergeMethod | null;
      sha: string;
      /** Where the diff begins that people are shown: refused where the base has not got it. Null: not asked. */
      from: string | null;
      title: string;
      onWait?: (names: readonly string[]) => void;
      /** Awaited right before the one request that merges: nothing is merged where it rejects. */
      beforeMerge(): Promise<void>;
    },
    signal: AbortSignal,
  ): Promise<ForgeMergeOutcome>;
  issue(repo: ForgeRepo, number: number, signal: AbortSignal): Promise<{ title: string; body: string; url: string }>;
  /** A token for git over https to this repository, renewed before it expires. */
  gitToken(repo: ForgeRepo, signal: AbortSignal): Promise<{ username: string; password: string }>;
  /** Probes each endpoint a task needs; what is missing, for people. */
  probe(repo: ForgeRepo): Promise<{ ok: boolean; login: string; missing: string[] }>;
}
