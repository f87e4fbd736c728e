/** The questions of one turn: what a rule answers, what a person is asked, and what the agent is told afterwards. */
import { ALLOW, ALWAYS, choiceThat, REJECT } from '../../conversations/choices.ts';
import {
  beginDiscussion,
  decisionText,
  nextRound,
  rejectedText,
  withAnswer,
  type Discussion,
} from '../../conversations/discussion.ts';
import { byRule, verdictOf } from '../../conversations/fallback.ts';
import {
  DECLINE,
  fieldChoices,
  fieldQuestion,
  parseField,
  type FieldValue,
  type Form,
} from '../../conversations/form.ts';
import type { NewPrompt } from '../../conversations/ports.ts';
import type { Automatic, ContextEntry, Prompt } from '../../conversations/prompt.ts';
import type { Carry } from '../carry.ts';
import { AGENT_GONE, type AgentTurn, type AttemptLog, type PermissionRequest } from '../ports.ts';
import type { Allowed, Task } from '../task.ts';

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
  const { carry, task, log, signal } = deps;
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
  let scripts = false;

  /** What the agent is told in the middle of its turn is a step of the conversation. */
  const tell = (text: string): string => {
    log.say({ at: new Date(clock.now()).toISOString(), kind: 'prompt', text });
    return text;
  };
  const note = (text: string): void => {
    log.note(text);
    log.say({ at: new Date(clock.now()).toISOString(), kind: 'note', text });
  };
  const afterwards = (work: Promise<void>): void => {
    const done = work
      .catch((error: unknown) => log.note(`a question could not be written down: ${String(error)}`))
      .finally(() => writing.delete(done));
    writing.add(done);
  };

  // One look serves all questions of the turn, however many there are.
  let looking = false;
  let again = false;
  const look = async (): Promise<void> => {
    again = true;
    if (looking) return;
    looking = true;
    try {
      while (again && !signal.aborted) {
        again = false;
        const open = await prompts.statesOf(task.id);
        const states = new Map(open.map((it) => [it.id, it.state]));
        for (const [id, wake] of waiting) if (states.get(id) !== 'waiting') wake();
        // A script of the agent asks: the agent waits, too, and so do the clocks.
        const asks = open.some((it) => it.holder === null && it.attempt === task.attempts);
        if (asks !== scripts) {
          scripts = asks;
          await (asks ? deps.hold() : deps.release());
        }
      }
    } finally {
      looking = false;
    }
  };
  const off = onChange(() => afterwards(look()));

  /** Asks a person; resolves with the answered question. Its own end closes it. */
  async function ask(question: NewPrompt, withdrawn: AbortSignal): Promise<Held> {
    const until = AbortSignal.any([signal, withdrawn]);
    if (until.aborted) return 'cancelled';
    await deps.hold();
    try {
      const prompt = await prompts.open(claim, task, question);
      let wake = new AbortController();
      waiting.set(prompt.id, () => wake.abort());
      try {
        for (let woken = false; ;) {
          if (woken) {
            const taken = await prompts.deliver(claim, prompt.id, allowable(question));
            if (taken) return arrives(taken);
          }
          const now = await prompts.get(prompt.id);
          if (!now || now.state === 'withdrawn' || now.state === 'lost') return 'cancelled';
          if (now.state === 'answering') {
            const taken = await prompts.deliver(claim, now.id, allowable(question));
            if (taken) return arrives(taken);
            continue;
          }
          if (now.state === 'expired' || (clock.now() >= now.expires_at && (await prompts.expire(now.id)))) {
            note(`nobody answered in time: ${now.summary}`);
            deps.onExpired(now);
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
    } finally {
      await deps.release();
    }
  }

  /** One after the other: other answers go first. */
  function book(work: () => Promise<void>): void {
    books = books.then(() => clock.sleep(0)).then(work);
    afterwards(books);
    books = books.catch(() => undefined);
  }

  /**
   * The agent gets it in this same tick, and only then is that written down: what is not is quoted by
   * whoever takes the task up. Words that the protocol has no room for come later.
   */
  function arrives(prompt: Prompt): Prompt {
    book(() => (hasReason(prompt) ? prompts.show(prompt.id) : prompts.delivered(prompt.id)));
    return prompt;
  }

  async function close(prompt: Prompt, withdrawn: AbortSignal): Promise<void> {
    const gone = withdrawn.aborted && withdrawn.reason === AGENT_GONE;
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

  const onPermission: AgentTurn['onPermission'] = async (request, withdrawn) => {
    const question = permissionQuestion(carry, request);
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
    const prompt = await ask(decided.question, withdrawn);
    if (prompt === 'cancelled') return 'cancelled';
    const { response, answered_by: by } = prompt;
    const allow = response === ALLOW || response === ALWAYS;
    log.note(`${allow ? 'allowed' : 'refused'} by ${by}: ${question.summary}`);
    if (hasReason(prompt)) later.push({ text: rejectedText(prompt.prompt_text, response ?? '', by ?? ''), prompt });
    return allow ? 'allow' : 'reject';
  };

  const onForm: AgentTurn['onForm'] = async (form, withdrawn) => {
    const base = { session: deps.session(), attempt: task.attempts, asks: 'question' as const, kind: 'question' };
    const message = carry.mask(form.message);
    const put = async (question: NewPrompt): Promise<Put> => {
      const decided = await decide(question, 'form');
      if (decided.act === 'discussed') return 'declined';
      if (decided.act === 'answer') return { response: decided.response };
      const prompt = await ask(decided.question, withdrawn);
      if (prompt === 'cancelled') return prompt;
      note(`answered by ${prompt.answered_by}: ${prompt.summary}\n${prompt.response}`);
      return { response: prompt.response ?? '' };
    };
    if (form.fields.length === 0) {
      const answer = await put({ ...base, prompt_text: message, choices: ['accept', DECLINE], context: context() });
      if (typeof answer === 'string') return answer;
      return choiceThat('accept', [answer.response]) === null ? 'declined' : {};
    }
    return fillForm({ ...form, message }, (question) => put({ ...base, context: context(), ...question }));
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
        await prompts.discussed(script.id, { context, choices });
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
      book(() => prompts.delivered(next.prompt.id));
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
    lost: () => lost,
    async stop() {
      off();
      while (writing.size > 0) await Promise.all(writing);
      if (scripts) await deps.release();
      scripts = false;
    },
  };
}

/** A permission that was refused with a reason in words. */
const hasReason = ({ asks, response }: Prompt): boolean =>
  asks === 'permission' && response !== ALLOW && response !== ALWAYS && response !== REJECT;

const begin = <T extends { discussion: Discussion }>(it: T): T & { question: string } => ({
  ...it,
  question: nextRound(it.discussion) ?? '',
});

/** What `always` would allow; null where the question names nothing exact. */
function allowable(question: NewPrompt): Allowed | null {
  const { command } = question.metadata ?? {};
  return question.asks === 'permission' && typeof command === 'string'
    ? { kind: question.kind ?? 'other', command }
    : null;
}

function permissionQuestion(
  carry: Carry,
  request: PermissionRequest,
): Omit<NewPrompt, 'session'> & { summary: string; session: string } {
  const [summary, detail] = [carry.mask(request.title), carry.mask(request.detail)];
  return {
    session: '',
    asks: 'permission',
    kind: request.kind,
    summary,
    detail,
    prompt_text: detail === summary || detail === '' ? summary : `${summary}\n\n${detail}`,
    choices: request.command === null ? [ALLOW, REJECT] : [ALLOW, REJECT, ALWAYS],
    metadata: request.command === null ? {} : { command: carry.mask(request.command) },
  };
}

/** How a question of a form was answered. */
type Put = { response: string } | 'declined' | 'cancelled';

/** One field after another: each can be answered from a phone. */
async function fillForm(
  form: Form,
  put: (question: Pick<NewPrompt, 'prompt_text' | 'choices' | 'metadata'>) => Promise<Put>,
): Promise<Record<string, FieldValue> | 'declined' | 'cancelled'> {
  const values: Record<string, FieldValue> = {};
  for (const [i, field] of form.fields.entries()) {
    const choices = fieldChoices(field);
    const answer = await put({
      prompt_text: fieldQuestion(form, field, i + 1, form.fields.length),
      choices,
      metadata: { field },
    });
    if (typeof answer === 'string') return answer;
    if (answer.response === DECLINE && choices.includes(DECLINE)) return 'declined';
    const parsed = parseField(field, answer.response);
    // Whoever answered was told so already: a rule has answered what the field cannot take.
    if (!parsed.ok) return 'declined';
    if (parsed.value !== null) values[field.name] = parsed.value;
  }
  return values;
}
