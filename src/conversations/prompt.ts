/** A question that waits for a person: what it is, and how it may change. Plain values, pure rules. */
import { AmpaError } from '../errors.ts';

export const PROMPT_STATES = ['waiting', 'answering', 'resumed', 'withdrawn', 'lost', 'expired'] as const;
export type PromptState = (typeof PROMPT_STATES)[number];

/** One turn of what was said before, or about, the question. */
export interface ContextEntry {
  role: string;
  content: string;
}

/** Whether it is a permission (allow, reject, always) or anything else. */
export type PromptAsks = 'permission' | 'question';

/** Given by a rule instead of a person. */
export interface Automatic {
  /** `auto-accept`, … */
  mode: string;
  /** Which rule decided: `AMPA_FALLBACK_MODE`, `projects.x.overrides.y`, `default`, … */
  rule: string;
}

/** A question as it is recorded. */
export interface Prompt {
  id: string;
  /** The task that it belongs to; null for a script's. */
  task_id: string | null;
  /** The session that asks, opaque: of an agent, or any name that a script gave. */
  session: string;
  work_item: string | null;
  asks: PromptAsks;
  /** The category that fallback rules name: of a permission the ACP tool kind. */
  kind: string;
  /** One line, at most 500 characters. */
  summary: string;
  /** The exact command or paths of a permission; else the whole question. */
  detail: string;
  prompt_text: string;
  /** Answers on offer; `choiceLabel` says how people see them. None: free text. */
  choices: string[];
  context: ContextEntry[];
  /** `accept` or `decline`; null where nothing is recommended. */
  recommendation: string | null;
  metadata: Readonly<Record<string, unknown>>;
  /** Full path of its `pending_prompt_…` file; null where that could not be written. */
  prompt_file: string | null;
  state: PromptState;
  response: string | null;
  answered_by: string | null;
  /** ISO time of the answer. */
  answered_at: string | null;
  /** Set where a rule answered, or where one was tried and it was held all the same. */
  automatic: Automatic | null;
  created_at: string;
  /** ms since the epoch. */
  expires_at: number;
}

/** A question that waits for a person (or whose answer is on its way). */
export type OpenPrompt = Prompt;

/** What can happen to a question. */
export type PromptEvent =
  /** Somebody answers one that a process holds: that process has to deliver. */
  | 'answer'
  /** Somebody, or a rule, answers one that no process holds. */
  | 'answer_at_once'
  /** The holder hands the answer to the agent. */
  | 'deliver'
  /** Nobody took it in time. */
  | 'fail'
  /** The agent does not need it any more. */
  | 'withdraw'
  /** The process that asked is gone. */
  | 'lose'
  | 'expire';

const STEPS: Record<PromptEvent, { from: readonly PromptState[]; to: PromptState }> = {
  answer: { from: ['waiting'], to: 'answering' },
  answer_at_once: { from: ['waiting'], to: 'resumed' },
  deliver: { from: ['answering'], to: 'resumed' },
  fail: { from: ['answering'], to: 'waiting' },
  withdraw: { from: ['waiting', 'answering'], to: 'withdrawn' },
  lose: { from: ['waiting', 'answering'], to: 'lost' },
  // An answer that is on its way came in time.
  expire: { from: ['waiting'], to: 'expired' },
};

/** The states that an event may start from, and where it leads: the store's conditions are read off this. */
export const stepOf = (event: PromptEvent): { from: readonly PromptState[]; to: PromptState } => STEPS[event];

/** What becomes of a question; null where the event is not legal. Total. */
export const nextState = (state: PromptState, event: PromptEvent): PromptState | null =>
  STEPS[event].from.includes(state) ? STEPS[event].to : null;

/** Nobody has answered it in so long, ms. */
export const isExpired = (prompt: Pick<Prompt, 'expires_at'>, now: number): boolean => now >= prompt.expires_at;

/** How long a holder has to deliver an answer, ms. */
export const DELIVERY_MS = 10_000;

/**
 * Its answer was to be delivered long ago, and whoever gave it did not take it back: that process is gone, too.
 * Both have their time before anybody else acts.
 */
export const isStuck = (prompt: Pick<Prompt, 'state' | 'answered_at'>, now: number): boolean =>
  prompt.state === 'answering' && now > Date.parse(prompt.answered_at ?? '') + 2 * DELIVERY_MS;

/** Why a question cannot be answered in its state; null where it can. Closed: `not_found`, `invalid_state`, `timed_out`. */
export function refusal(
  prompt: Pick<Prompt, 'id' | 'state' | 'answered_by' | 'answered_at' | 'response' | 'expires_at'>,
  now: number,
): AmpaError | null {
  const it = `prompt ${prompt.id}`;
  const who = `${prompt.answered_by ?? 'somebody'} at ${prompt.answered_at ?? 'an unknown time'}`;
  switch (prompt.state) {
    case 'waiting':
      return isExpired(prompt, now) ? expiredError(prompt.id) : null;
    case 'answering':
      return new AmpaError('invalid_state', `${it} is being answered by ${who}`, 'The first answer counts.');
    case 'resumed':
      return new AmpaError('invalid_state', `${it} was answered by ${who}`, 'The first answer counts.');
    case 'expired':
      return expiredError(prompt.id);
    case 'withdrawn':
      return new AmpaError('invalid_state', `${it} was withdrawn by the agent`, 'There is nothing left to answer.');
    case 'lost':
      return new AmpaError(
        'invalid_state',
        prompt.response === null
          ? `${it} was lost with the process that asked`
          : `${it} was lost with the process that asked; the answer of ${who} is quoted to the agent`,
        'The agent goes on, and asks again where it still has to know.',
      );
  }
}

const expiredError = (id: string): AmpaError =>
  new AmpaError(
    'timed_out',
    `prompt ${id} is too old to be answered`,
    'Continue its task with the answer, or ask again.',
  );

export const noSuchPrompt = (): AmpaError =>
  new AmpaError('not_found', 'No pending prompt found', '`ampa prompts` lists the open ones.');

export const severalPrompts = (session: string, ids: readonly string[]): AmpaError =>
  new AmpaError(
    'invalid_state',
    `${ids.length} prompts are open in session ${JSON.stringify(session)}: ${ids.join(', ')}`,
    'Answer one of them by its id.',
  );

/** Cut to `length` UTF-16 units with an ellipsis, never inside a surrogate pair. */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = length - 1;
  const splits = /[\uD800-\uDBFF]/.test(text[end - 1] ?? '');
  return `${text.slice(0, splits ? end - 1 : end)}…`;
}

/** The question in one line of at most 500 characters. */
export const summaryOf = (text: string): string => cutText(text.replace(/\s+/g, ' ').trim(), 500);

/** A pending prompt as its file holds it. `stamp` is ms since the epoch. */
export function payloadOf(prompt: Prompt, stamp: number): Record<string, unknown> {
  const open = prompt.state === 'waiting' || prompt.state === 'answering';
  return {
    prompt_id: prompt.id,
    session: prompt.session,
    session_id: prompt.session,
    work_item: prompt.work_item,
    summary: prompt.summary,
    prompt_text: prompt.prompt_text,
    choices: prompt.choices,
    context: prompt.context,
    state: open ? 'waiting_for_input' : prompt.state,
    created_at: prompt.created_at,
    stamp: String(stamp),
    ...(open ? {} : { response: prompt.response, answered_by: prompt.answered_by, answered_at: prompt.answered_at }),
  };
}
