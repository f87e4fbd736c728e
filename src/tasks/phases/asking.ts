/** The questions of one turn: what a rule answers, what a person is asked, and what the agent is told afterwards. */
import type { Carry } from './phase.ts';
import { ALLOW, ALWAYS, exactMeaning, REJECT } from '../../conversations/choices.ts';
import {
  beginDiscussion,
  decisionText,
  nextRound,
  rejectedText,
  withAnswer,
  type Discussion,
} from '../../conversations/discussion.ts';
import { byRule, verdictOf } from '../../conversations/fallback.ts';
import { DECLINE } from '../../conversations/form.ts';
import type { NewPrompt } from '../../conversations/ports.ts';
import type { Automatic, ContextEntry, Prompt } from '../../conversations/prompt.ts';
import { coalesce } from '../coalesce.ts';
import { AGENT_GONE, type AgentTurn, type AttemptLog } from '../ports.ts';
import type { Task } from '../task.ts';
import { fillForm, type Put } from './fillForm.ts';
import { allowable, isReason, permissionQuestion } from './permissionQuestion.ts';

export interface AskingDeps {
  carry: Carry;
  task: Task;
  log: AttemptLog;
  /** The agent's session as far as it is known. */
  session(): string;
  /** The last words of the agent before a question. */
  recent(): string;
  /** Nobody has answered in time: the turn ends. */
  onExpired(prompt: Prompt): void;
  /** Begins and ends the time in which a person is waited for. */
  hold(): Promise<void>;
  release(): Promise<void>;
  /** Aborted when the turn must end. */
  signal: AbortSignal;
}

export interface Asking extends Pick<AgentTurn, 'onPermission' | 'onForm' | 'onAnswered'> {
  /** The agent works on: what its scripts have asked before does not keep it waiting. */
  goesOn(): void;
  /** The first question that was lost with the agent; null: none. */
  lost(): string | null;
  /** Resolves when everything is written down. */
  stop(): Promise<void>;
}

/** A change that nobody told us of is seen this much later at the latest, ms. */
const LOOK_MS = 30_000;
const CONTEXT_CHARS = 4_000;

type Held = Prompt | 'cancelled';

export function startAsking(deps: AskingDeps): Asking {
  const { carry, task, log } = deps;
  const ended = new AbortController();
  const signal = AbortSignal.any([deps.signal, ended.signal]);
  const { claim } = carry;
  const { prompts, store, clock, onChange } = carry.deps;
  /** Questions that wait, and how to wake whoever waits for each. */
  const waiting = new Map<string, () => void>();
  const writing = new Set<Promise<void>>();
  let books: Promise<void> = Promise.resolve();
  /** What the agent is told when it has answered in full. */
  const later: ({ text: string; prompt: Prompt } | { discussion: Discussion; rule: Automatic; kind: string })[] = [];
  let under: { discussion: Discussion; question: string; rule: Automatic; kind: string; script?: Prompt } | null = null;
  /** Discussed in this turn: asked again, a person is asked at once. */
  const discussed = new Set<string>();
  let lost: string | null = null;
  /** Questions of its scripts that the agent waits for. */
  let scripts: ReadonlySet<string> = new Set();
  /** When the agent was last heard to work, ms since the epoch. */
  let workedAt = 0;

  /** What the agent is told in the middle of its turn is a step of the conversation. */
  const tell = (text: string): string => {
    log.say({ at: new Date(clock.now()).toISOString(), kind: 'prompt', text });
    return text;
  };
  const note = (text: string): void => {
    log.note(text);
    log.say({ at: new Date(clock.now()).toISOString(), kind: 'note', text });
  };
  const expire = (prompt: Prompt): void => {
    note(`nobody answered in time: ${prompt.summary}`);
    deps.onExpired(prompt);
  };
  const afterwards = (work: Promise<void>): void => {
    const done = work
      .catch((error: unknown) => log.note(`a question could not be written down: ${String(error)}`))
      .finally(() => writing.delete(done));
    writing.add(done);
  };

  // One look serves all questions of the turn, however many there are.
  const look = coalesce(async () => {
    if (signal.aborted) return;
    const open = await prompts.statesOf(task.id);
    const states = new Map(open.map((it) => [it.id, it.state]));
    for (const [id, wake] of waiting) if (states.get(id) !== 'waiting') wake();
    // A script of the agent asks: the agent waits, too, and so do the clocks, until it is heard again.
    const asks = open.filter(
      (it) => it.holder === null && it.attempt === task.attempts && Date.parse(it.created_at) > workedAt,
    );
    const ids = new Set(asks.map((it) => it.id));
    for (const id of scripts) {
      const closed = ids.has(id) ? undefined : await prompts.get(id);
      if (closed?.state === 'expired') expire(closed);
    }
    const held = scripts.size > 0;
    scripts = ids;
    if (held !== ids.size > 0) await (held ? deps.release() : deps.hold());
  });
  const off = onChange(() => afterwards(look()));

  /** Asks a person; resolves with the answered question. Its own end closes it. `isForLater`: the agent gets it later. */
  function ask(question: NewPrompt, withdrawn: AbortSignal, isForLater = (_response: string) => false): Promise<Held> {
    const asked = (async (): Promise<Held> => {
      const until = AbortSignal.any([signal, withdrawn]);
      if (until.aborted) return 'cancelled';
      await deps.hold();
      let prompt: Held;
      try {
        prompt = await answerTo(question, withdrawn, until);
      } finally {
        await deps.release();
      }
      if (prompt === 'cancelled') return prompt;
      const { id, summary, response } = prompt;
      if (until.aborted) {
        // It stays booked as not arrived.
        if (isGone(withdrawn)) lost ??= summary;
        book(() => prompts.show(id));
        return 'cancelled';
      }
      book(() => (isForLater(response ?? '') ? prompts.show(id) : prompts.delivered(claim, id)));
      return prompt;
    })();
    // Whoever asked hears what went wrong.
    afterwards(asked.then(nothing, nothing));
    return asked;
  }

  async function answerTo(question: NewPrompt, withdrawn: AbortSignal, until: AbortSignal): Promise<Held> {
    const prompt = await prompts.open(claim, task, question);
    let wake = new AbortController();
    waiting.set(prompt.id, () => wake.abort());
    try {
      for (let woken = false; ;) {
        if (woken && !until.aborted) {
          const taken = await prompts.deliver(claim, prompt.id, allowable(question));
          if (taken) return taken;
        }
        const now = await prompts.get(prompt.id);
        if (!now || now.state === 'withdrawn' || now.state === 'lost') return 'cancelled';
        if (now.state === 'answering' && !until.aborted) {
          const taken = await prompts.deliver(claim, now.id, allowable(question));
          if (taken) return taken;
          continue;
        }
        if (now.state === 'expired' || (clock.now() >= now.expires_at && (await prompts.expire(claim, now.id)))) {
          expire(now);
          return 'cancelled';
        }
        if (until.aborted) {
          await close(now, withdrawn);
          return 'cancelled';
        }
        const left = Math.max(1, Math.min(LOOK_MS, now.expires_at - clock.now()));
        await clock.sleep(left, AbortSignal.any([wake.signal, until]));
        woken = wake.signal.aborted;
        if (woken) wake = new AbortController();
      }
    } finally {
      waiting.delete(prompt.id);
    }
  }

  /**
   * One after the other: other answers go first. The agent gets an answer with the end of its question, and only
   * then is that written down: what is not is quoted by whoever takes the task up. Words that the protocol has no
   * room for come later.
   */
  function book(work: () => Promise<void>): void {
    books = books.then(() => clock.sleep(0)).then(work);
    afterwards(books);
    // Its failure was handed to `afterwards`; the next one does not fail with it.
    books = books.catch(() => undefined);
  }

  async function close(prompt: Prompt, withdrawn: AbortSignal): Promise<void> {
    const gone = isGone(withdrawn);
    if (gone) lost ??= prompt.summary;
    if (gone || signal.aborted) await prompts.lose(claim, prompt.id);
    else await prompts.withdraw(claim, prompt.id);
  }

  const context = (): ContextEntry[] => {
    const cut = (text: string): string => carry.mask(text).slice(-CONTEXT_CHARS).trim();
    const said = cut(deps.recent());
    return [
      { role: 'user', content: cut(task.prompt) },
      ...(said === '' ? [] : [{ role: 'assistant', content: said }]),
    ];
  };

  /** What the rules make of a question: an answer, a discussion, or a person who is asked. */
  async function decide(
    question: NewPrompt,
    declined: 'permission' | 'form',
  ): Promise<{ act: 'answer'; response: string } | { act: 'discussed' } | { act: 'ask'; question: NewPrompt }> {
    const kind = question.kind ?? 'question';
    const fallback = await prompts.fallback(task, kind);
    for (const warning of fallback.warnings) log.note(warning);
    const rule: Automatic = { mode: fallback.mode, rule: fallback.rule };
    const choices = [...(question.choices ?? [])];
    const verdict = verdictOf(fallback, {
      asks: question.asks,
      choices,
      recommendation: question.recommendation ?? null,
    });
    const held = { ...question, automatic: fallback.mode === 'hold' ? null : rule };
    if (verdict.act === 'hold') return { act: 'ask', question: held };
    if (verdict.act === 'answer') {
      await prompts.answered(claim, task, question, verdict.response, rule);
      note(`${verdict.response}, answered by ${byRule(rule)}: ${question.summary ?? question.prompt_text}`);
      return { act: 'answer', response: verdict.response };
    }
    const key = `${kind}\n${question.detail ?? question.prompt_text}`;
    if (discussed.has(key)) return { act: 'ask', question: held };
    discussed.add(key);
    const response = declined === 'permission' ? REJECT : DECLINE;
    await prompts.answered(claim, task, question, response, rule);
    note(`to be discussed first, by ${byRule(rule)}: ${question.summary ?? question.prompt_text}`);
    later.push({ discussion: beginDiscussion(question.prompt_text, declined), rule, kind });
    return { act: 'discussed' };
  }

  const tellLater = (prompt: Prompt): void => {
    const { prompt_text: text, response, answered_by: by } = prompt;
    later.push({ text: rejectedText(text, response ?? '', by ?? ''), prompt });
  };

  const onPermission: AgentTurn['onPermission'] = async (request, withdrawn) => {
    const question = permissionQuestion(request, carry.deps.secrets);
    const always = allowable(question);
    const { allowed = [] } = (await store.get(task.id)) ?? {};
    if (always && allowed.some((it) => it.kind === always.kind && it.command === always.command)) {
      log.note(`always allowed in this task: ${question.summary}`);
      return 'allow';
    }
    const asked = { ...question, session: deps.session(), attempt: task.attempts, context: context() };
    const decided = await decide(asked, 'permission');
    if (decided.act === 'discussed') return 'reject';
    if (decided.act === 'answer') return decided.response === ALLOW ? 'allow' : 'reject';
    const prompt = await ask(decided.question, withdrawn, isReason);
    if (prompt === 'cancelled') return 'cancelled';
    const { response, answered_by: by } = prompt;
    const allow = response === ALLOW || response === ALWAYS;
    log.note(`${allow ? 'allowed' : 'refused'} by ${by}: ${question.summary}`);
    if (isReason(response ?? '')) tellLater(prompt);
    return allow ? 'allow' : 'reject';
  };

  const onForm: AgentTurn['onForm'] = async (form, withdrawn) => {
    const base = { session: deps.session(), attempt: task.attempts, asks: 'question' as const, kind: 'question' };
    const message = carry.mask(form.message);
    // A form goes to the agent as a whole. "Yes, but …" accepts something else than what a form without fields says.
    const isForLater = (response: string): boolean => form.fields.length > 0 || exactMeaning(response) === null;
    const fields: Prompt[] = [];
    const put = async (question: NewPrompt): Promise<Put> => {
      const decided = await decide(question, 'form');
      if (decided.act === 'discussed') return 'declined';
      if (decided.act === 'answer') return { response: decided.response };
      const prompt = await ask(decided.question, withdrawn, isForLater);
      if (prompt === 'cancelled') return prompt;
      if (form.fields.length > 0) fields.push(prompt);
      else if (isForLater(prompt.response ?? '')) tellLater(prompt);
      note(`answered by ${prompt.answered_by}: ${prompt.summary}\n${prompt.response}`);
      return { response: prompt.response ?? '' };
    };
    if (form.fields.length === 0) {
      const answer = await put({ ...base, prompt_text: message, choices: ['accept', DECLINE], context: context() });
      if (typeof answer === 'string') return answer;
      return exactMeaning(answer.response) === 'accept' ? {} : 'declined';
    }
    const filled = await fillForm(form, carry.mask, (question) => put({ ...base, context: context(), ...question }));
    if (filled !== 'cancelled') for (const { id } of fields) book(() => prompts.delivered(claim, id));
    return filled;
  };

  const onAnswered: AgentTurn['onAnswered'] = async (words, gone) => {
    if (under) {
      const discussion = withAnswer(under.discussion, under.question, carry.mask(words ?? ''));
      const question = nextRound(discussion);
      if (question !== null) {
        under = { ...under, discussion, question };
        return tell(question);
      }
      const { rule, kind, script } = under;
      under = null;
      if (script) {
        const context = [...script.context, ...discussion.context];
        const { choices } = discussion.choices.length > 0 ? discussion : script;
        await prompts.discussed(claim, script.id, { context, choices });
        return onAnswered(words, gone);
      }
      const prompt = await ask(
        {
          session: deps.session(),
          attempt: task.attempts,
          asks: 'question',
          kind,
          prompt_text: discussion.text,
          choices: discussion.choices,
          context: [...context().slice(0, 1), ...discussion.context],
          automatic: rule,
        },
        gone,
      );
      if (prompt === 'cancelled') return null;
      note(`decided by ${prompt.answered_by}: ${prompt.response}`);
      return tell(decisionText(discussion, prompt.response ?? '', prompt.answered_by ?? 'A person'));
    }
    const next = later.shift();
    if (next && 'text' in next) {
      book(() => prompts.delivered(claim, next.prompt.id));
      return tell(next.text);
    }
    if (next) return tell((under = begin(next)).question);
    const script = (await prompts.toDiscuss(task.id)).find((it) => !discussed.has(it.id));
    if (!script?.automatic) return null;
    discussed.add(script.id);
    const discussion = beginDiscussion(script.prompt_text, null);
    under = { ...begin({ discussion, rule: script.automatic, kind: script.kind }), script };
    return tell(under.question);
  };

  return {
    onPermission,
    onForm,
    onAnswered,
    goesOn() {
      workedAt = clock.now();
      if (scripts.size > 0) afterwards(look());
    },
    lost: () => lost,
    async stop() {
      off();
      ended.abort();
      while (writing.size > 0) await Promise.all(writing);
      if (scripts.size > 0) await deps.release();
      scripts = new Set();
    },
  };
}

const isGone = (withdrawn: AbortSignal): boolean => withdrawn.aborted && withdrawn.reason === AGENT_GONE;
const nothing = (): void => {};

const begin = <T extends { discussion: Discussion }>(it: T): T & { question: string } => ({
  ...it,
  question: nextRound(it.discussion) ?? '',
});
