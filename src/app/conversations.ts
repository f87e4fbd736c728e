/** Questions and their answers, between the store, the files and whoever waits. */
import { announcement } from '../conversations/announce.ts';
import { acceptResponse } from '../conversations/choices.ts';
import {
  byRule,
  projectIdOf,
  resolveFallback,
  verdictOf,
  type Fallback,
  type FallbackFile,
} from '../conversations/fallback.ts';
import type {
  Answer,
  AskDetails,
  NewPrompt,
  PromptFiles,
  Respond,
  Resumed,
  StoredPrompt,
  TaskPrompts,
} from '../conversations/ports.ts';
import {
  DELIVERY_MS,
  isExpired,
  noSuchPrompt,
  refusal,
  severalPrompts,
  summaryOf,
  type Automatic,
  type Prompt,
} from '../conversations/prompt.ts';
import { AmpaError, describeError, notFound, usageError } from '../errors.ts';
import type { Claim, Clock } from '../tasks/ports.ts';
import type { Task } from '../tasks/task.ts';
import type { EngineStore } from './engineStore.ts';
import { isOwnerDead } from './hosts.ts';

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
  /** Something a person should know. */
  say(notice: string): void;
}

/** How often a holder's death is looked for while an answer waits for it, ms. */
const LOOK_MS = 1_000;

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

export const resumedOf = (prompt: Prompt): Resumed => ({
  status: 'resumed',
  session: prompt.session,
  prompt_id: prompt.id,
  prompt_file: prompt.prompt_file,
  prompt_text: prompt.prompt_text,
  choices: prompt.choices,
  context: prompt.context,
  response: prompt.response ?? '',
});

export function createConversations(deps: ConversationDeps): Conversations {
  const { it, clock, newId, files, say } = deps;
  const store = it.prompts;
  const now = (): number => clock.now();

  /** The files follow the store. One that cannot be written keeps nobody from asking or answering. */
  async function show(prompt: Prompt, event: string): Promise<void> {
    const { id, session, task_id, work_item, summary, state } = prompt;
    try {
      await files().write(prompt);
      await files().session(session, async () => {
        const open = await store.open({ session });
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
    asked: NewPrompt,
    of: { task: Task | null; claim: Claim | null },
    answer: { response: string; automatic: Automatic } | null,
  ): Promise<StoredPrompt> {
    const at = now();
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
      response: answer?.response ?? null,
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
      await store.insert(prompt, turn, answer ? null : announcement(prompt, of.task, placeOf(of.task)));
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

  /** The question that an answer means. Rejects with the closed errors. */
  async function find({ promptId, session }: Answer): Promise<StoredPrompt> {
    if (promptId !== undefined) {
      const id = promptId.trim();
      const prompt = (await store.get(id)) ?? (await byPart(id.toUpperCase()));
      if (prompt) return prompt;
      throw noSuchPrompt();
    }
    if (session === undefined) throw usageError('no prompt is named', 'Give its id or its session.');
    const open = await store.open({ session });
    const fresh = open.filter((prompt) => !isExpired(prompt, now()));
    if (fresh.length > 1)
      throw severalPrompts(
        session,
        fresh.map((prompt) => prompt.id),
      );
    const prompt = fresh[0] ?? open[0];
    if (prompt) return prompt;
    throw noSuchPrompt();
  }

  async function byPart(text: string): Promise<StoredPrompt | undefined> {
    if (!/^[0-9A-Z]{4,26}$/.test(text)) return undefined;
    for (const open of [true, false]) {
      const ids = await store.like(text, open);
      if (ids.length > 1)
        throw new AmpaError(
          'ambiguous',
          `${JSON.stringify(text)} could be ${ids.slice(0, 5).join(', ')}`,
          'Give more of the id.',
        );
      if (ids[0] !== undefined) return store.get(ids[0]);
    }
    return undefined;
  }

  const respond: Respond = async (answer) => {
    let prompt = await find(answer);
    const accepted = acceptResponse(prompt, answer.response);
    for (;;) {
      const refused = refusal(prompt, now());
      if (refused) {
        if (refused.code === 'timed_out' && (await store.expire(prompt.id))) await shown(prompt.id, 'expired');
        throw refused;
      }
      if (!accepted.ok) throw accepted.error;
      const given = { id: newId(), response: accepted.response, by: answer.by, automatic: null };
      const taken = await store.answer(prompt.id, given);
      if (taken) {
        it.watcher.poke();
        if (taken.state === 'answering') return delivery(taken, given.id);
        await show(taken, 'resumed');
        return resumedOf(taken);
      }
      // Whoever was faster is named, unless it waits again.
      prompt = (await store.get(prompt.id)) ?? prompt;
    }
  };

  /** Waits until the holder has handed the answer on; takes it back after 10 s. */
  async function delivery({ id, holder }: StoredPrompt, answerId: string): Promise<Resumed> {
    const undelivered = (why: string, hint: string): AmpaError =>
      new AmpaError('agent_error', `the answer to prompt ${id} was not delivered: ${why}`, hint);
    const deadline = now() + DELIVERY_MS;
    let looked = now();
    const change = changes();
    try {
      for (;;) {
        const prompt = await store.get(id);
        const mine = prompt?.answer_id === answerId;
        if (prompt && mine && prompt.state === 'resumed') return resumedOf(prompt);
        if (!prompt || !mine || prompt.state !== 'answering') {
          const hint = mine ? 'It is quoted to the agent where the process that asked has died.' : '';
          throw undelivered(`the question was ${prompt?.state ?? 'removed'} meanwhile`, hint);
        }
        if (now() >= deadline) {
          if (await store.fail(id, answerId)) {
            it.watcher.poke();
            throw undelivered('the agent did not take it within 10 s', 'The question is open again.');
          }
          continue;
        }
        if (now() - looked >= LOOK_MS) {
          looked = now();
          if (holder !== null && (await holderIsDead(prompt)) && (await store.lose(id, holder))) {
            await shown(id, 'lost');
            throw undelivered(
              'the process that asked has died',
              'It is kept, and quoted to the agent when the task is taken up.',
            );
          }
        }
        await change.next(Math.min(LOOK_MS, Math.max(1, deadline - now())));
      }
    } finally {
      change.stop();
    }
  }

  async function holderIsDead(prompt: StoredPrompt): Promise<boolean> {
    const task = prompt.task_id === null ? undefined : await it.tasks.get(prompt.task_id);
    const lease = task?.owner === prompt.holder ? task.lease_expires_at : 0;
    return isOwnerDead(it.hosts, prompt.holder, lease, now);
  }

  /** Looks often from now on; `next` waits for a change since the last one, at most so many ms. */
  function changes(): { next(ms: number, signal?: AbortSignal): Promise<void>; stop(): void } {
    const release = it.watcher.keepBusy();
    let wake = new AbortController();
    const off = it.watcher.onChange(() => wake.abort());
    return {
      async next(ms, signal) {
        await clock.sleep(ms, signal ? AbortSignal.any([wake.signal, signal]) : wake.signal);
        wake = new AbortController();
      },
      stop() {
        off();
        release();
      },
    };
  }

  async function close(event: 'withdraw' | 'lose' | 'expire', id: string, done: boolean): Promise<boolean> {
    if (done) await shown(id, { withdraw: 'withdrawn', lose: 'lost', expire: 'expired' }[event]);
    return done;
  }

  return {
    async open() {
      return (await store.open()).filter((prompt) => prompt.state === 'answering' || !isExpired(prompt, now()));
    },
    respond,
    async start(session, text, details) {
      if (session.trim() === '') throw usageError('the session is empty', 'Any name will do: it is opaque.');
      if (text.trim() === '') throw usageError('the question is empty', 'Say what is to be decided.');
      const taskId = details.task_id ?? null;
      const task = taskId === null ? null : ((await it.tasks.get(taskId)) ?? null);
      if (taskId !== null && task === null) throw notFound('task', taskId, '`ampa ls --all` lists them.');
      const kind = details.kind ?? 'question';
      const rule = await fallback(task, kind, details.metadata ?? {});
      for (const warning of rule.warnings) say(warning);
      const asked: NewPrompt = { ...details, kind, session, asks: 'question', prompt_text: text };
      const verdict = verdictOf(rule, {
        asks: 'question',
        choices: [...(details.choices ?? [])],
        recommendation: details.recommendation ?? null,
      });
      const automatic = { mode: rule.mode, rule: rule.rule };
      // A script's session has no agent that could be asked for a discussion: it is held with the rule shown.
      return verdict.act === 'answer'
        ? record(asked, { task, claim: null }, { response: verdict.response, automatic })
        : record({ ...asked, automatic: rule.mode === 'hold' ? null : automatic }, { task, claim: null }, null);
    },
    async wait(id, signal) {
      const change = changes();
      try {
        for (;;) {
          const prompt = await store.get(id);
          if (!prompt) throw noSuchPrompt();
          if (prompt.state === 'resumed') return resumedOf(prompt);
          const refused = prompt.state === 'answering' ? null : refusal(prompt, now());
          if (refused) {
            if (refused.code === 'timed_out') await close('expire', id, await store.expire(id));
            throw refused;
          }
          if (signal.aborted)
            throw new AmpaError(
              'refused',
              'interrupted; the question stays open',
              `Answer it: \`ampa respond ${id} TEXT\`.`,
            );
          await change.next(Math.min(60_000, Math.max(1, prompt.expires_at - now())), signal);
        }
      } finally {
        change.stop();
      }
    },
    async expireDue() {
      for (const id of await store.due()) await close('expire', id, await store.expire(id));
    },
    async loseEarlier(taskId) {
      for (const id of await store.loseEarlier(taskId)) await shown(id, 'lost');
    },
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
      async delivered(id) {
        await store.delivered(id);
        await shown(id, 'resumed');
      },
      withdraw: async (claim, id) => void (await close('withdraw', id, await store.withdraw(claim, id))),
      lose: async (claim, id) => void (await close('lose', id, await store.lose(id, claim.owner))),
      expire: async (id) => close('expire', id, await store.expire(id)),
      lostIn: store.lostIn,
    },
  };
}

/** Where a task's work is seen: its pull request, else its title. */
const placeOf = (task: Task | null): string | null =>
  task?.forge && task.pr_number !== null ? `${task.forge.owner}/${task.forge.name}#${task.pr_number}` : null;
