/** Questions and their answers, between the store, the files and whoever waits. */
import { noSuchTask } from '../tasks/board.ts';
import { announcement } from '../conversations/announce.ts';
import {
  byRule,
  projectIdOf,
  resolveFallback,
  verdictOf,
  type Fallback,
  type FallbackFile,
} from '../conversations/fallback.ts';
import type {
  AskDetails,
  NewPrompt,
  PromptFiles,
  Respond,
  Resumed,
  StoredPrompt,
  TaskPrompts,
} from '../conversations/ports.ts';
import { maskedPrompt } from '../conversations/masking.ts';
import { isExpired, summaryOf, type Automatic, type Prompt } from '../conversations/prompt.ts';
import { describeError, usageError } from '../errors.ts';
import type { Claim, Clock } from '../tasks/ports.ts';
import type { Task } from '../tasks/task.ts';
import type { EngineStore } from './engineStore.ts';
import { createResponding } from './responding.ts';

export interface ConversationDeps {
  it: Pick<EngineStore, 'prompts' | 'tasks' | 'hosts' | 'watcher'>;
  clock: Clock;
  newId(): string;
  files(): PromptFiles;
  /** How long a question waits, ms. */
  timeoutMs(): number;
  /** AMPA_FALLBACK_MODE. */
  fallbackMode(): string;
  /** The files of rules as they are now. */
  rules(): Promise<FallbackFile[]>;
  /** Address of the remote that a task works with; null: the workspace's own, or none. */
  remoteOf(task: Task | null): Promise<string | null>;
  /** The link that opens a task. */
  linkOf(taskId: string): string;
  /** Text as it may be kept and said: without secrets. */
  mask(text: string): string;
  /** Something a person should know. */
  say(notice: string): void;
}

/** The people's and the scripts' side. */
export interface Conversations {
  open(): Promise<Prompt[]>;
  respond: Respond;
  /** Records a question of a script; a rule may answer it at once: then its state is `resumed`. */
  start(session: string, text: string, details: AskDetails): Promise<Prompt>;
  /** Resolves with the answer to a question. Rejects as `respond` does when it is closed without one. */
  wait(id: string, signal: AbortSignal): Promise<Resumed>;
  /** Ends what waited too long. */
  expireDue(): Promise<void>;
  /** The agent of a task and its scripts are gone, and what they had asked with them. */
  loseEarlier(taskId: string): Promise<void>;
  readonly tasks: TaskPrompts;
}

export function createConversations(deps: ConversationDeps): Conversations {
  const { it, clock, newId, files, say } = deps;
  const store = it.prompts;
  const now = (): number => clock.now();

  /**
   * The files follow the store. One that cannot be written keeps nobody from asking or answering. That of a new
   * question is written before its row: by now somebody may have answered it.
   */
  async function show(prompt: Prompt, event: string): Promise<void> {
    const { id, session, task_id, work_item, summary, state } = prompt;
    try {
      if (event !== 'asked') await files().write(prompt);
      await files().session(session, async () => {
        const open = await store.ofSession(session);
        const last = open.at(-1) ?? (await store.get(id)) ?? prompt;
        return {
          session,
          session_id: session,
          state: open.length > 0 ? 'waiting_for_input' : last.state,
          prompt_id: last.id,
          open_prompts: open.map((prompt) => prompt.id),
          pending_prompt_file: last.prompt_file,
          work_item: last.work_item,
          summary: last.summary,
          response: last.response,
          updated_at: last.answered_at ?? last.created_at,
        };
      });
      const answer = { response: prompt.response, answered_by: prompt.answered_by, ...prompt.automatic };
      await files().event({
        at: new Date(now()).toISOString(),
        event,
        prompt_id: id,
        session,
        task_id,
        work_item,
        summary,
        state,
        ...(prompt.response === null ? {} : answer),
      });
    } catch (error) {
      say(`The files of prompt ${id} could not be written: ${describeError(error)}`);
    }
  }

  async function shown(id: string, event: string): Promise<void> {
    it.watcher.poke();
    const prompt = await store.get(id);
    if (prompt) await show(prompt, event);
  }

  async function record(
    given: NewPrompt,
    of: { task: Task | null; claim: Claim | null },
    answer: { response: string; automatic: Automatic } | null,
  ): Promise<StoredPrompt> {
    const at = now();
    const asked = maskedPrompt(given, deps.mask);
    const prompt: StoredPrompt = {
      id: newId(),
      task_id: of.task?.id ?? null,
      session: asked.session,
      work_item: asked.work_item ?? null,
      asks: asked.asks,
      kind: asked.kind ?? 'question',
      summary: summaryOf(asked.summary ?? asked.prompt_text),
      detail: asked.detail ?? asked.prompt_text,
      prompt_text: asked.prompt_text,
      choices: [...(asked.choices ?? [])],
      context: [...(asked.context ?? [])],
      recommendation: asked.recommendation ?? null,
      metadata: asked.metadata ?? {},
      prompt_file: null,
      state: answer ? 'resumed' : 'waiting',
      holder: of.claim?.owner ?? null,
      answer_id: answer ? newId() : null,
      response: answer ? deps.mask(answer.response) : null,
      answered_by: answer ? byRule(answer.automatic) : null,
      answered_at: answer ? new Date(at).toISOString() : null,
      automatic: answer?.automatic ?? asked.automatic ?? null,
      created_at: new Date(at).toISOString(),
      expires_at: at + deps.timeoutMs(),
    };
    const turn = { claim: of.claim, attempt: asked.attempt ?? of.task?.attempts ?? 0 };
    // Before the row: what names the file must find it.
    if (!answer) {
      try {
        prompt.prompt_file = (await files().reserve(prompt.session, at)).file;
        await files().write(prompt);
      } catch (error) {
        prompt.prompt_file = null;
        say(`The file of prompt ${prompt.id} could not be written: ${describeError(error)}`);
      }
    }
    try {
      await store.insert(prompt, turn, answer ? null : announcement(prompt, of.task, placeOf(of.task), deps.linkOf));
    } catch (error) {
      if (prompt.prompt_file !== null) await files().forget(prompt.prompt_file);
      throw error;
    }
    it.watcher.poke();
    await show(prompt, answer ? 'answered_by_rule' : 'asked');
    return prompt;
  }

  async function fallback(
    task: Task | null,
    kind: string,
    metadata: Readonly<Record<string, unknown>>,
  ): Promise<Fallback> {
    const mode = deps.fallbackMode();
    const files = mode.trim() === '' ? await deps.rules() : [];
    const projectId = files.length === 0 ? null : projectIdOf(metadata, await deps.remoteOf(task));
    return resolveFallback({ kind, projectId }, mode, files);
  }

  async function loseEarlier(taskId: string, by?: Claim): Promise<void> {
    for (const id of await store.loseEarlier(taskId, by)) await shown(id, 'lost');
  }

  const { respond, wait, close } = createResponding({ it, clock, newId, show, shown });

  return {
    async open() {
      return (await store.open()).filter((prompt) => prompt.state === 'answering' || !isExpired(prompt, now()));
    },
    respond: (answer) =>
      respond(answer.session === undefined ? answer : { ...answer, session: deps.mask(answer.session) }),
    async start(session, text, details) {
      if (session.trim() === '') throw usageError('the session is empty', 'Any name will do.');
      if (text.trim() === '') throw usageError('the question is empty', 'Say what is to be decided.');
      const taskId = details.task_id ?? null;
      const task = taskId === null ? null : ((await it.tasks.get(taskId)) ?? null);
      if (taskId !== null && task === null) throw noSuchTask(taskId);
      const kind = details.kind ?? 'question';
      const rule = await fallback(task, kind, details.metadata ?? {});
      for (const warning of rule.warnings) say(warning);
      const asked = maskedPrompt({ ...details, kind, session, asks: 'question', prompt_text: text }, deps.mask);
      const verdict = verdictOf(rule, {
        asks: 'question',
        choices: [...(asked.choices ?? [])],
        recommendation: details.recommendation ?? null,
      });
      const automatic = { mode: rule.mode, rule: rule.rule };
      // Inside a task its agent discusses it when it has answered; elsewhere there is no agent, and it is held.
      return verdict.act === 'answer'
        ? record(asked, { task, claim: null }, { response: verdict.response, automatic })
        : record({ ...asked, automatic: rule.mode === 'hold' ? null : automatic }, { task, claim: null }, null);
    },
    wait,
    async expireDue() {
      for (const id of await store.due()) await close('expire', id, await store.expire(null, id));
    },
    loseEarlier: (taskId) => loseEarlier(taskId),
    tasks: {
      fallback: (task, kind) => fallback(task, kind, {}),
      open: (claim, task, asked) => record(asked, { task, claim }, null),
      async answered(claim, task, asked, response, automatic) {
        await record(asked, { task, claim }, { response, automatic });
      },
      statesOf: store.statesOf,
      get: store.get,
      async deliver(claim, id, always) {
        const prompt = await store.deliver(claim, id, always);
        it.watcher.poke();
        return prompt;
      },
      show: (id) => shown(id, 'resumed'),
      async delivered(claim, id) {
        const prompt = await store.delivered(claim, id);
        if (prompt) await show(prompt, 'resumed');
      },
      withdraw: async (claim, id) => void (await close('withdraw', id, await store.withdraw(claim, id))),
      lose: async (claim, id) => void (await close('lose', id, await store.lose(id, claim.owner))),
      expire: async (claim, id) => close('expire', id, await store.expire(claim, id)),
      loseScripts: (claim) => loseEarlier(claim.taskId, claim),
      quoted: store.quoted,
      lostIn: store.lostIn,
      async toDiscuss(taskId) {
        const open = await store.open({ taskId });
        return open.filter(
          (it) => it.holder === null && it.state === 'waiting' && it.automatic?.mode === 'discuss-options',
        );
      },
      async discussed(claim, id, to) {
        if (await store.refresh(claim, id, to)) await shown(id, 'discussed');
      },
    },
  };
}

/** The pull request of a task as `owner/name#12`; null where there is none. */
const placeOf = (task: Task | null): string | null =>
  task?.forge && task.pr_number !== null ? `${task.forge.owner}/${task.forge.name}#${task.pr_number}` : null;
