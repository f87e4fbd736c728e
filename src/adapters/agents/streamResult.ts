/** What a parser of JSON lines makes of one run. */
import type { AgentEvent } from '../../tasks/ports.ts';

export interface StreamResult {
  /** The session as the agent named it. */
  session: string | null;
  /** `running` until a last line has said how it ended. */
  state: 'running' | 'completed' | 'failed';
  error: string | null;
  auth: boolean;
  summary: string | null;
  denied: boolean;
  /** The session to resume does not exist any more. */
  noSession: boolean;
}

/** Nothing is known of the run yet. */
export const newStreamResult = (): StreamResult => ({
  session: null,
  state: 'running',
  error: null,
  auth: false,
  summary: null,
  denied: false,
  noSession: false,
});

export interface StreamParser {
  /** One parsed line. `SIGN_OF_LIFE` where it tells nothing. */
  push(line: unknown): AgentEvent[];
  result(): StreamResult;
}
