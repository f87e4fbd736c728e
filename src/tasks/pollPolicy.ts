import type { ForgeBudget } from './forge.ts';

/** A commit that waits for its checks. Times in ms. */
export interface Waiting {
  /** When it was pushed. */
  since: number;
  /** How long its checks usually take; null while nothing is known. */
  usualMs: number | null;
  /** All that it still waits for are workflow runs, whose end is seen between two looks. */
  covered?: boolean;
}

/** Between two looks at a repository, ms. */
export const MIN_DELAY_MS = 5_000;
const MAX_DELAY_MS = 30_000;
/** At most, where the ends of all runs are heard of and little may still be asked. */
const HEARD_DELAY_MS = 90_000;

/** Of the 300 requests that a repository may cost in an hour, looks may use these; the rest is for logs and pull requests. */
const BURST = 50;
const REFILL_MS = 3_600_000 / 210;

/** Requests that looks may still make now; refills with time. Plain data: it is stored with the lease. */
export interface Allowance {
  left: number;
  at: number;
  /** What the forge itself has said is left, when it was last asked. */
  budget?: ForgeBudget | null;
}

export const fullAllowance = (now: number): Allowance => ({ left: BURST, at: now });

/** The allowance after some more requests at `now`. */
export function spend(allowance: Allowance, now: number, requests = 1): Allowance {
  return { left: Math.max(0, refilled(allowance, now) - requests), at: now };
}

/** Whether what was heard between two looks could be looked at now: the question and the look itself. */
export const mayAsk = (allowance: Allowance, now: number): boolean => refilled(allowance, now) >= 2;

const refilled = (allowance: Allowance, now: number): number =>
  Math.min(BURST, allowance.left + Math.max(0, now - allowance.at) / REFILL_MS);

/** How soon this commit is worth a look: quick just after the push, sparse in the middle, quick again near its usual end. */
function wanted({ since, usualMs }: Waiting, now: number): number {
  const age = now - since;
  if (age < 60_000) return MIN_DELAY_MS;
  if (usualMs === null) return age < 5 * 60_000 ? 10_000 : 20_000;
  const left = since + usualMs - now;
  const near = Math.max(30_000, usualMs * 0.15);
  if (Math.abs(left) <= near) return MIN_DELAY_MS;
  if (left > 0) return Math.min(MAX_DELAY_MS, Math.max(MIN_DELAY_MS, left - near));
  return 15_000;
}

/**
 * Milliseconds until the next look at a repository (github: "Watching CI"): 5 s at least, 30 s at
 * most but for an empty allowance or budget. Pure.
 */
export function pollDelay(
  waiting: readonly Waiting[],
  allowance: Allowance,
  budget: ForgeBudget | null,
  now: number,
): number {
  const left = refilled(allowance, now);
  // Where all ends are heard of, looks only show how far it is: they leave the allowance to the ends.
  const most = waiting.every((it) => it.covered)
    ? Math.min(HEARD_DELAY_MS, (MAX_DELAY_MS * BURST) / Math.max(1, left))
    : MAX_DELAY_MS;
  let delay = Math.min(most, ...waiting.filter((it) => !it.covered).map((commit) => wanted(commit, now)));
  // The last quarter is spent no faster than it refills.
  if (left < BURST / 4) delay = Math.max(delay, REFILL_MS);
  if (left < 1) delay = Math.max(delay, (1 - left) * REFILL_MS);
  if (budget && budget.remaining < budget.limit * 0.2) {
    const share = Math.max(1, budget.remaining * 0.5);
    delay = Math.max(delay, Math.min((budget.resetsAt - now) / share, Math.max(budget.resetsAt - now, 0)));
  }
  return Math.max(MIN_DELAY_MS, Math.round(delay));
}

/** Looks that webhooks ask for are no closer than this, ms: a matrix of jobs ends in one burst. */
const WOKEN_DELAY_MS = 500;

/**
 * When to look at a repository that somebody says has news, where a look is due at `planned`. Of what
 * may be spent half is kept for news of checks that have `ended`. Pure.
 */
export function wakeAt(planned: number, allowance: Allowance, ended: boolean, now: number): number {
  if (refilled(allowance, now) < (ended ? 1 : BURST / 2)) return planned;
  // So late only where GitHub's own budget is all but spent.
  if (planned - now > HEARD_DELAY_MS) return planned;
  // The allowance was last written by the last look.
  return Math.min(planned, Math.max(now, allowance.at + WOKEN_DELAY_MS));
}
