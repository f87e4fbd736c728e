/** Answers on their way: who is first, whether the agent gets it, and what the others are told. */
import { acceptResponse } from '../conversations/choices.ts';
import type { Answer, Respond, Resumed, StoredPrompt } from '../conversations/ports.ts';
import {
  DELIVERY_MS,
  isExpired,
  isStuck,
  noSuchPrompt,
  refusal,
  severalPrompts,
  type Prompt,
  type PromptState,
} from '../conversations/prompt.ts';
import { AmpaError, usageError } from '../errors.ts';
import { coalesce } from '../tasks/coalesce.ts';
import type { Clock } from '../tasks/ports.ts';
import type { EngineStore } from './engineStore.ts';
import { isOwnerDead } from './hosts.ts';

export interface RespondingDeps {
  it: Pick<EngineStore, 'prompts' | 'tasks' | 'hosts' | 'watcher'>;
  clock: Clock;
  newId(): string;
  /** Shows a question as it is now to those who look at files. */
  show(prompt: Prompt, event: string): Promise<void>;
  /** The same, read anew, for everybody. */
  shown(id: string, event: string): Promise<void>;
}

/** How often a holder's death is looked for while an answer waits for it, ms. */
const LOOK_MS = 2_000;

const resumedOf = (prompt: Prompt): Resumed => ({
  status: 'resumed',
  session: prompt.session,
  prompt_id: prompt.id,
  prompt_file: prompt.prompt_file,
  prompt_text: prompt.prompt_text,
  choices: prompt.choices,
  context: prompt.context,
  response: prompt.response ?? '',
});

export function createResponding({ it, clock, newId, show, shown }: RespondingDeps) {
  const store = it.prompts;
  const now = (): number => clock.now();

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
      if (isStuck(prompt, now()) && (await store.fail(prompt.id, prompt.answer_id ?? '')))
        prompt = (await store.get(prompt.id)) ?? prompt;
      const refused = refusal(prompt, now());
      if (refused) {
        if (refused.code === 'timed_out' && (await store.expire(null, prompt.id))) await shown(prompt.id, 'expired');
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
      await changed(prompt, Math.min(LOOK_MS, Math.max(1, deadline - now())));
    }
  }

  async function holderIsDead(prompt: StoredPrompt): Promise<boolean> {
    const task = prompt.task_id === null ? undefined : await it.tasks.get(prompt.task_id);
    const lease = task?.owner === prompt.holder ? task.lease_expires_at : 0;
    return isOwnerDead(it.hosts, prompt.holder, lease, now);
  }

  /** Whoever waits for a question to change, and from what. */
  const waiting = new Set<{ id: string; state: PromptState; answerId: string | null; wake(): void }>();
  let off = (): void => {};
  /** One look serves all who wait: with each change there is one query, however many they are. */
  const look = coalesce(async () => {
    if (waiting.size === 0) return;
    try {
      const rows = await store.statesOfIds([...new Set([...waiting].map((it) => it.id))]);
      const now = new Map(rows.map((row) => [row.id, row]));
      for (const it of waiting) {
        const row = now.get(it.id);
        if (row?.state !== it.state || row.answer_id !== it.answerId) it.wake();
      }
    } catch {
      // Each of them looks for itself, later, and says what is wrong.
    }
  });

  /** Resolves when the question is not any more as it was read, at the latest after so many ms. */
  async function changed(prompt: StoredPrompt, ms: number, signal?: AbortSignal): Promise<void> {
    const wake = new AbortController();
    const entry = { id: prompt.id, state: prompt.state, answerId: prompt.answer_id, wake: () => wake.abort() };
    waiting.add(entry);
    if (waiting.size === 1) {
      const release = it.watcher.keepBusy();
      const stop = it.watcher.onChange(() => void look());
      off = () => {
        stop();
        release();
      };
    }
    // It may have changed since it was read.
    void look();
    await clock.sleep(ms, signal ? AbortSignal.any([wake.signal, signal]) : wake.signal);
    waiting.delete(entry);
    if (waiting.size === 0) off();
  }

  /** Resolves with the answer to a question. Rejects as `respond` does when it is closed without one. */
  async function wait(id: string, signal: AbortSignal): Promise<Resumed> {
    for (;;) {
      const prompt = await store.get(id);
      if (!prompt) throw noSuchPrompt();
      if (prompt.state === 'resumed') return resumedOf(prompt);
      const refused = prompt.state === 'answering' ? null : refusal(prompt, now());
      if (refused) {
        if (refused.code === 'timed_out') await close('expire', id, await store.expire(null, id));
        throw refused;
      }
      if (signal.aborted)
        throw new AmpaError(
          'refused',
          'interrupted; the question stays open',
          `Answer it: \`ampa respond ${id} TEXT\`.`,
        );
      await changed(prompt, Math.min(60_000, Math.max(1, prompt.expires_at - now())), signal);
    }
  }

  async function close(event: 'withdraw' | 'lose' | 'expire', id: string, done: boolean): Promise<boolean> {
    if (done) await shown(id, { withdraw: 'withdrawn', lose: 'lost', expire: 'expired' }[event]);
    return done;
  }

  return { respond, wait, close };
}
