/** How a question is asked and answered, whichever side or surface that comes from. */
import type { Message } from '../notifications/message.ts';
import type { Claim } from '../tasks/ports.ts';
import type { Allowed, Task } from '../tasks/task.ts';
import type { Fallback } from './fallback.ts';
import type { Automatic, ContextEntry, Prompt, PromptAsks, PromptState } from './prompt.ts';

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
 * session, with their ids), `timed_out` (too old), `agent_error` (it could not be delivered; it is
 * open again) or `usage` (no answer to this question: it is open still).
 */
export type Respond = (answer: Answer) => Promise<Resumed>;

/** What a question may come with. */
export interface AskDetails {
  work_item?: string | null;
  choices?: readonly string[];
  context?: readonly ContextEntry[];
  /** The task that it is asked in. */
  task_id?: string | null;
  /** The category that fallback rules name; default `question`. */
  kind?: string;
  /** `accept` or `decline`. */
  recommendation?: string | null;
  /** Anything else; `project_id` picks the fallback rules of a project. */
  metadata?: Readonly<Record<string, unknown>>;
}

/** Records a question of a script; its `state` is `resumed` where a rule has answered it at once. */
export type StartConversation = (session: string, prompt: string, details?: AskDetails) => Promise<Prompt>;

/** A question that is to be recorded. */
export interface NewPrompt extends AskDetails {
  session: string;
  asks: PromptAsks;
  prompt_text: string;
  /** Default: the text. */
  summary?: string;
  detail?: string;
  /** Of the turn that asks. */
  attempt?: number;
  /** A rule was tried, and it is held all the same. */
  automatic?: Automatic | null;
}

/** The files that show open questions to whoever looks into the folder. */
export interface PromptFiles {
  /** A path for a prompt of that session, taken by nobody else, and its ms since the epoch. */
  reserve(session: string, at: number): Promise<{ file: string; stamp: number }>;
  /** Writes a pending prompt as it is now. */
  write(prompt: Prompt): Promise<void>;
  /** Forgets a path whose prompt was never recorded. */
  forget(file: string): Promise<void>;
  /** Says of a session what `read` tells, until that stays so. */
  session(session: string, read: () => Promise<Readonly<Record<string, unknown>>>): Promise<void>;
  event(event: Readonly<Record<string, unknown>>): Promise<void>;
  /** Removes the files of prompts that are older, ms since the epoch; returns how many. */
  prune(before: number): Promise<number>;
}

/** A prompt with what its delivery needs. */
export interface StoredPrompt extends Prompt {
  /** Owner of the claim whose process holds the agent; null: nobody has to deliver the answer. */
  holder: string | null;
  /** Of the answer that is on its way, or has arrived. */
  answer_id: string | null;
}

/** What the file of a session says of one of its questions. */
export type SessionPrompt = Pick<
  Prompt,
  'id' | 'state' | 'prompt_file' | 'work_item' | 'summary' | 'response' | 'answered_at' | 'created_at'
>;

/** An answer on its way into the store. */
export interface GivenAnswer {
  id: string;
  response: string;
  by: string;
  /** Set where a rule answers. */
  automatic: Automatic | null;
}

/** Where questions are kept. Each change is one conditional statement: what is not legal changes nothing. */
export interface PromptStore {
  /** Records a question, and what is said of it, in one transaction; with a claim rejects with `lost_claim`. */
  insert(prompt: StoredPrompt, turn: { claim: Claim | null; attempt: number }, message: Message | null): Promise<void>;
  get(id: string): Promise<StoredPrompt | undefined>;
  /** Open ones, oldest first, too old or not; of a session, or of a task. */
  open(of?: { session: string } | { taskId: string }): Promise<StoredPrompt[]>;
  /** What a session has open, without the long texts, oldest first. */
  ofSession(session: string): Promise<SessionPrompt[]>;
  /** Where questions stand, without their texts. */
  statesOfIds(ids: readonly string[]): Promise<{ id: string; state: PromptState; answer_id: string | null }[]>;
  /** Those of a task that are open now, without their texts. */
  statesOf(
    taskId: string,
  ): Promise<
    { id: string; state: 'waiting' | 'answering'; holder: string | null; attempt: number; created_at: string }[]
  >;
  /** Ids that start or end with a text, newest first; open ones only, or all. */
  like(text: string, open: boolean): Promise<string[]>;
  /** The first answer wins: undefined when it is not waiting, or too old. */
  answer(id: string, answer: GivenAnswer): Promise<StoredPrompt | undefined>;
  /** The answer was not delivered: it waits again. False: it was, or is somebody else's. */
  fail(id: string, answerId: string): Promise<boolean>;
  /** The holder takes the answer to hand it on; `always` is remembered where that is the answer. Undefined: there is none any more. */
  deliver(claim: Claim, id: string, always: Allowed | null): Promise<StoredPrompt | undefined>;
  /** The agent has it; gives the question back. Undefined: the claim is lost. */
  delivered(claim: Claim, id: string): Promise<StoredPrompt | undefined>;
  /** The agent was told of these as they are. */
  quoted(claim: Claim, ids: readonly string[]): Promise<void>;
  /** False: it was closed before, or the claim is lost. */
  withdraw(claim: Claim, id: string): Promise<boolean>;
  /** The process that asked, of that holder, is gone. An answer on its way stays with it. */
  lose(id: string, holder: string): Promise<boolean>;
  /** What was asked by processes of a task that are gone: earlier holders, scripts of an interrupted turn; returns the ids. By a carrier: nothing once its claim is lost. */
  loseEarlier(taskId: string, by?: Claim): Promise<string[]>;
  /** A discussion is added, and the choices are what came of it. False: it is not waiting any more, or the claim is lost. */
  refresh(
    claim: Claim,
    id: string,
    to: { context: readonly ContextEntry[]; choices: readonly string[] },
  ): Promise<boolean>;
  /** False: it is not waiting any more, or not too old, or the claim (null: of nobody) is lost. */
  expire(claim: Claim | null, id: string): Promise<boolean>;
  /** Those that are too old and still waiting. */
  due(): Promise<string[]>;
  /** What was lost in a turn, or answered without having arrived, and was not quoted. */
  lostIn(taskId: string, attempt: number): Promise<StoredPrompt[]>;
}

/** What a carrier asks through: fenced by its claim, seen by every host, and shown as files. */
export interface TaskPrompts {
  /** What the rules say of a decision in this task, as they are now. */
  fallback(task: Task, kind: string): Promise<Fallback>;
  /** Records a question that waits. Rejects with `lost_claim`. */
  open(claim: Claim, task: Task, prompt: NewPrompt): Promise<Prompt>;
  /** Records a question that a rule has answered. */
  answered(claim: Claim, task: Task, prompt: NewPrompt, response: string, rule: Automatic): Promise<void>;
  statesOf: PromptStore['statesOf'];
  get(id: string): Promise<Prompt | undefined>;
  deliver(claim: Claim, id: string, always: Allowed | null): Promise<Prompt | undefined>;
  /** Shows that it is answered. */
  show(id: string): Promise<void>;
  /** The agent has the answer; shows that, too. */
  delivered(claim: Claim, id: string): Promise<void>;
  quoted: PromptStore['quoted'];
  withdraw(claim: Claim, id: string): Promise<void>;
  lose(claim: Claim, id: string): Promise<void>;
  /** False: it was answered at the last moment. */
  expire(claim: Claim, id: string): Promise<boolean>;
  /** The turn has not ended in order: the scripts that had asked have ended with it. */
  loseScripts(claim: Claim): Promise<void>;
  lostIn(taskId: string, attempt: number): Promise<Prompt[]>;
  /** Questions of scripts in this task that a rule wants discussed before a person is asked. */
  toDiscuss(taskId: string): Promise<Prompt[]>;
  /** The agent has discussed it: what was said, and the choices that came of it. */
  discussed(
    claim: Claim,
    id: string,
    to: { context: readonly ContextEntry[]; choices: readonly string[] },
  ): Promise<void>;
}
