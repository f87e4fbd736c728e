import { AmpaError, describeError, type ErrorCode } from '../errors.ts';

/** What each error is over HTTP. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  usage: 400,
  trust: 403,
  refused: 403,
  not_found: 404,
  ambiguous: 409,
  illegal_transition: 409,
  invalid_state: 409,
  merge: 409,
  read_only: 409,
  lost_claim: 409,
  timed_out: 410,
  repository: 422,
  agent: 422,
  git: 502,
  agent_error: 502,
  external: 502,
  store_busy: 503,
  store_newer: 503,
  runtime: 500,
};

/** What the caller is told; of a bug no more than that there is one. */
export function httpError(
  error: unknown,
  mask: (text: string) => string,
): { status: number; code: string; message: string } {
  if (error instanceof AmpaError)
    return { status: STATUS[error.code], code: error.code, message: mask(describeError(error)) };
  return { status: 500, code: 'internal', message: 'an unexpected error; the log of the host says more' };
}
