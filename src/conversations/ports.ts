/** How a question is answered, whichever surface the answer comes from. */

export interface Answer {
  /** By the question itself, or by its session if exactly one of that is open. */
  promptId?: string;
  session?: string;
  response: string;
  /** Who answers, for people: `VS Code`, `alice (Discord)`, `HTTP`, a login. */
  by: string;
}

export interface Resumed {
  status: 'resumed';
  session: string;
  prompt_id: string;
  prompt_file: string | null;
  prompt_text: string;
  choices: readonly string[];
  context: readonly { role: string; content: string }[];
  response: string;
}

/**
 * Answers an open question and resolves when it is delivered. Rejects with `not_found` (no such open
 * question), `invalid_state` (answered already, with by whom and when; or several are open in the
 * session, with their ids), `timed_out` (too old) or `agent_error` (it could not be delivered; it is
 * open again).
 */
export type Respond = (answer: Answer) => Promise<Resumed>;
