/** When a message that could not be sent is tried again. Pure. */

export interface RetryPolicy {
  /** Times a message is tried in all. */
  tries: number;
  /** ms until the second try; doubled with each failure. */
  baseMs: number;
}

/** Nothing waits for longer, whatever a channel asks for; ms. */
export const LONGEST_WAIT_MS = 3600_000;

/** So often a message that fails keeps those behind it waiting; then they go first. */
export const PATIENT_TRIES = 3;

export type RetryDecision = { again: true; inMs: number } | { again: false };

/**
 * What comes after the failed try number `tries` (1 is the first). The wait is base · 2^(tries − 1), a
 * quarter more or less by `random` (in [0, 1)), and never shorter than the channel has asked for.
 */
export function afterFailure(
  policy: RetryPolicy,
  failure: { tries: number; permanent: boolean; retryAfterMs: number | null },
  random: number,
): RetryDecision {
  if (failure.permanent || failure.tries >= policy.tries) return { again: false };
  const wait = policy.baseMs * 2 ** (failure.tries - 1) * (0.75 + random / 2);
  return { again: true, inMs: Math.ceil(Math.min(LONGEST_WAIT_MS, Math.max(wait, failure.retryAfterMs ?? 0))) };
}
