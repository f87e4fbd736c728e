/**
 * Errors that a person will see. Each is born from a factory with a closed code and a hint that
 * names the next step; anything else that is thrown is a bug and ends in an error report.
 */

export type ErrorCode =
  | 'usage' // the call is malformed: CLI exit 2
  | 'not_found' // the named thing does not exist: CLI exit 2
  | 'ambiguous' // a shortened id names several things: CLI exit 2
  | 'illegal_transition' // the task's state does not allow it
  | 'repository' // the folder is not a usable git repository
  | 'agent' // no agent, or one that cannot be used
  | 'git' // a git command failed
  | 'merge' // a merge could not be made
  | 'trust' // the folder is not trusted for this
  | 'refused' // a guard said no
  | 'store_newer' // the database comes from a newer version
  | 'store_busy' // the database stayed locked
  | 'read_only' // another machine works on this workspace
  | 'invalid_state' // a question that was answered before, or one of several: HTTP 409
  | 'timed_out' // a question that is too old: HTTP 410
  | 'agent_error' // an answer that could not be delivered: HTTP 502
  | 'lost_claim' // the fencing token no longer holds
  | 'runtime' // Node is too old
  | 'external'; // something outside failed: disk, process

export class AmpaError extends Error {
  readonly code: ErrorCode;
  /** The next step, one sentence, or empty. */
  readonly hint: string;

  constructor(code: ErrorCode, message: string, hint = '', cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'AmpaError';
    this.code = code;
    this.hint = hint;
  }
}

export const usageError = (message: string, hint = 'Run `ampa --help` for the commands and their flags.'): AmpaError =>
  new AmpaError('usage', message, hint);

export const notFound = (what: string, id: string, hint: string): AmpaError =>
  new AmpaError('not_found', `${what} ${JSON.stringify(id)} does not exist`, hint);

/** The code that the system or SQLite gave an error (`ENOENT`, `SQLITE_FULL`); empty where it has none. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** One line for people: the message and, where there is one, the next step. */
export function describeError(error: unknown): string {
  if (error instanceof AmpaError) return error.hint ? `${error.message}. ${error.hint}` : error.message;
  return error instanceof Error ? error.message : String(error);
}
