/** What GitHub refused or failed, in words for people. No header, token or body of a request gets in. */
import { AmpaError } from '../../errors.ts';
import { redact } from '../../tasks/redact.ts';

const LIMIT = 'The limit of requests is used up.';

interface Answer {
  status: number;
  headers: Readonly<Record<string, string | number | undefined>>;
}

/** An answer of GitHub that is an error (octokit's RequestError), or null for anything else. */
function answerOf(error: unknown): Answer | null {
  if (!(error instanceof Error) || !('status' in error) || !('response' in error)) return null;
  const { status, response } = error as { status: unknown; response?: { headers?: Answer['headers'] } };
  return typeof status === 'number' && response ? { status, headers: response.headers ?? {} } : null;
}

/** The status of GitHub's answer; null where there was none: a dropped connection, a timeout. */
export const statusOf = (error: unknown): number | null => answerOf(error)?.status ?? null;

/** 403 and 429 that are about the number of requests, not about what they ask for. */
function isRateLimit(error: unknown): boolean {
  const answer = answerOf(error);
  if (answer === null) return false;
  if (answer.status !== 403 && answer.status !== 429) return false;
  const text = messageOf(error);
  return (
    answer.status === 429 ||
    String(answer.headers['x-ratelimit-remaining']) === '0' ||
    answer.headers['retry-after'] !== undefined ||
    /rate limit|abuse detection/i.test(text)
  );
}

/** Seconds until GitHub wants to be asked again; null where an error is no limit of requests. */
export function limitEndsIn(error: unknown, nowMs: number): number | null {
  if (!isRateLimit(error)) return null;
  const { headers } = answerOf(error)!;
  if (headers['retry-after'] !== undefined) return Number(headers['retry-after']) || 1;
  const reset = Number(headers['x-ratelimit-reset']);
  // Without a word GitHub asks for a minute.
  if (String(headers['x-ratelimit-remaining']) !== '0' || !reset) return 60;
  return Math.max(1, Math.ceil(reset - nowMs / 1000) + 1);
}

/** GitHub says that this identity may not see or do that. */
export const isForbidden = (error: unknown): boolean => statusOf(error) === 403 && !isRateLimit(error);

/** A 403 that is about a permission, not about the state of what was to be changed. */
export const lacksPermission = (error: unknown): boolean =>
  isForbidden(error) &&
  (answerOf(error)?.headers['x-accepted-github-permissions'] !== undefined ||
    /not accessible by|must have (admin|write)|resource protected/i.test(messageOf(error)));

/** GitHub's own words, without the address of its documentation, masked. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return redact(text.replace(/ - https?:\/\/\S+$/, '')).slice(0, 500);
}

/** An error for people about `what` ("opening the pull request"). Errors that are one already pass through. */
export function failure(what: string, error: unknown): AmpaError {
  if (error instanceof AmpaError) return error;
  const answer = answerOf(error);
  if (answer === null && error instanceof Error && /rate limit/i.test(error.message)) {
    return new AmpaError('external', `GitHub refused ${what}: ${messageOf(error)}`, LIMIT);
  }
  if (answer === null) {
    return new AmpaError(
      'external',
      `GitHub could not be reached for ${what}: ${messageOf(error)}`,
      'Check the network.',
    );
  }
  return new AmpaError(
    'external',
    `GitHub refused ${what} (${answer.status}): ${messageOf(error)}`,
    hintOf(error, answer),
  );
}

function hintOf(error: unknown, { status, headers }: Answer): string {
  if (isRateLimit(error)) {
    const reset = Number(headers['x-ratelimit-reset']);
    const until = reset > 0 ? ` It ends at ${new Date(reset * 1000).toISOString()}.` : '';
    return `${LIMIT}${until}`;
  }
  if (status === 401) return 'The token has expired or was revoked: sign in again.';
  if (status === 403) {
    if (headers['x-github-sso'] !== undefined) return 'Authorize the token for the organization (single sign-on).';
    const needed = headers['x-accepted-github-permissions'];
    return needed ? `The token needs: ${needed}.` : 'The token lacks a permission; `ampa doctor` names it.';
  }
  if (status === 404) return 'The repository does not exist, or the token cannot see it; `ampa doctor` shows which.';
  if (status >= 500) return 'GitHub is having trouble; that usually passes within minutes.';
  return '';
}
