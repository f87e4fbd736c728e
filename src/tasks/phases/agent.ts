import type { Carry } from './phase.ts';
import { lostText } from '../../conversations/discussion.ts';
import type { Prompt } from '../../conversations/prompt.ts';
import type { AgentEvent, AttemptLog, TurnOutcome } from '../ports.ts';
import { interruptedPrompt, withHistory } from '../prompts.ts';
import { startStallClock } from '../stallClock.ts';
import type { Task } from '../task.ts';
import { startAsking } from './asking.ts';

/** A turn that its carrier's death interrupts this often is given up. */
const MAX_INTERRUPTIONS = 3;
/** A failed turn is tried once more within its number. */
const MAX_FAILURES = 2;

/** One agent turn: a new attempt, or the open one again after a crash or a failure. */
export async function agentPhase(carry: Carry, task: Task): Promise<Task> {
  const { deps, claim, signal } = carry;
  const { store } = deps;

  const attempts = await store.attemptsOf(task.id);
  const open = attempts.find((attempt) => attempt.number === task.attempts && attempt.ended_at === null);
  // An answer that no turn got is the next turn's.
  const lost = task.attempts > 0 ? await deps.prompts.lostIn(task.id, task.attempts) : [];
  if (open && task.turn_interruptions >= MAX_INTERRUPTIONS) {
    await store.endAttempt(claim, task.attempts, {
      outcome: 'interrupted',
      summary: null,
      error: 'interrupted three times',
    });
    const detail = 'Its turn was interrupted three times by the death of its process.';
    return store.apply(
      claim,
      lost.length > 0
        ? { type: 'stop', reason: 'prompt_lost', detail: `${detail} It had asked: ${lost[0]!.summary}` }
        : { type: 'stop', reason: 'agent_failed', detail },
    );
  }
  const messages = await store.messagesOf(task.id);
  const interrupted = open !== undefined && task.sent_at !== null;
  if (!open) {
    const waiting = messages.filter((message) => message.delivered_in === null);
    const quoted = lost.length > 0 ? lostText(lost) : '';
    const prompt = [task.prompt, ...waiting.map((message) => message.text), quoted].filter(Boolean).join('\n\n');
    task = await store.beginAttempt(claim, {
      number: task.attempts + 1,
      prompt,
      delivered: waiting.map((message) => message.id),
      quoted: lost.map((it) => it.id),
    });
  }

  const log = await carry.log(task.attempts);
  const goesOn = (interrupted || (open && lost.length > 0)) && task.thread_id !== null;
  const withLost = (text: string): string => (open && lost.length > 0 ? `${text}\n\n${lostText(lost)}` : text);
  const prompt = withLost(goesOn ? interruptedPrompt(task.prompt) : task.prompt);
  const said = messages.filter((message) => message.delivered_in !== null).map((message) => message.text);
  const freshPrompt = withLost(withHistory(task.request, said, task.prompt));
  log.say({
    at: new Date(deps.clock.now()).toISOString(),
    kind: 'prompt',
    text: task.thread_id ? prompt : freshPrompt,
  });

  const turn = await runTurn(carry, task, log, { prompt, freshPrompt });
  if (signal.aborted && turn.usage?.costUsd !== undefined) await store.patch(claim, { cost_usd: turn.usage.costUsd });
  signal.throwIfAborted();
  // Quoted to an agent that has answered, they are not quoted again.
  if (turn.outcome.outcome === 'completed' && open)
    await deps.prompts.quoted(
      claim,
      lost.map((it) => it.id),
    );
  return conclude(carry, task, turn);
}

interface TurnEnd {
  outcome: TurnOutcome;
  stalled: boolean;
  /** Nobody has answered this in time. */
  expired: Prompt | null;
  /** A question that was lost with the agent; null: none. */
  lost: string | null;
  usage: Extract<AgentEvent, { type: 'usage' }> | undefined;
}

async function runTurn(
  carry: Carry,
  task: Task,
  log: AttemptLog,
  prompts: { prompt: string; freshPrompt: string },
): Promise<TurnEnd> {
  const { deps, claim } = carry;
  const { store, clock } = deps;
  const promptFile = await deps.logs.writePrompt(
    task.id,
    task.attempts,
    task.thread_id ? prompts.prompt : prompts.freshPrompt,
  );
  const stop = new AbortController();
  const tools = new Set<string>();
  let stalled = false;
  let expired: Prompt | null = null;
  let session = task.thread_id;
  let recent = '';
  let held = 0;
  let usage: TurnEnd['usage'];
  const stall = startStallClock(clock, task.limits, () => {
    stalled = true;
    stop.abort();
  });

  const onEvent = (event: AgentEvent): void | Promise<void> => {
    stall.alive();
    const say = (kind: 'text' | 'thought' | 'tool' | 'note', text: string): void =>
      log.say({ at: new Date(clock.now()).toISOString(), kind, text });
    switch (event.type) {
      case 'output':
        return log.write(event.chunk);
      case 'text':
      case 'thought':
        if (event.type === 'text') recent = (recent + event.text).slice(-8_000);
        say(event.type, event.text);
        if (tools.size === 0) asking.goesOn();
        return log.write(event.text);
      case 'tool':
        if (event.state === 'started') {
          tools.add(event.id);
          say('tool', event.title);
          log.note(`tool: ${event.title}`);
        } else {
          tools.delete(event.id);
          if (event.state === 'failed') log.note(`tool failed: ${event.title}`);
        }
        stall.tools(tools.size);
        if (tools.size === 0) asking.goesOn();
        return;
      case 'usage':
        // Cumulative figures of the session: the last one counts, they are never summed.
        usage = { ...usage, ...event };
        if (task.limits.costUsd !== null && (usage.costUsd ?? 0) >= task.limits.costUsd) carry.halt('budget_cost');
        return;
      case 'denied':
        say('note', `Not allowed: ${event.title}`);
        log.note(`not allowed: ${event.title}`);
        return;
      case 'session':
        return;
    }
  };

  // Parallel tool calls ask in parallel: clocks stand still, and the slot is free, until all are answered.
  const asking = startAsking({
    carry,
    task,
    log,
    session: () => session ?? task.id,
    recent: () => recent,
    onExpired(prompt) {
      expired ??= prompt;
      stop.abort();
    },
    async hold() {
      if (held++ > 0) return;
      stall.pause(true);
      carry.pauseClock(true);
      await store.releaseSlot(claim);
    },
    async release() {
      if (--held > 0) return;
      // The agent goes on at once, if need be beside a full set of others: a person has waited enough.
      if (!carry.signal.aborted) await store.takeSlot(claim, Number.MAX_SAFE_INTEGER);
      if (held > 0) return;
      stall.pause(false);
      carry.pauseClock(false);
    },
    signal: AbortSignal.any([carry.signal, stop.signal]),
  });

  try {
    const outcome = await deps.agents.runTurn(
      task.agent_spec,
      {
        cwd: task.worktree!,
        ...prompts,
        session: task.thread_id,
        permissions: task.permissions,
        env: {
          AMPA_TASK_ID: task.id,
          AMPA_ATTEMPT: String(task.attempts),
          AMPA_SESSION_ID: task.thread_id ?? '',
          AMPA_PROMPT_FILE: promptFile,
        },
        signal: AbortSignal.any([carry.signal, stop.signal]),
        onEvent,
        onSession: async (begun) => {
          session = begun;
          if (begun !== task.thread_id) await store.patch(claim, { thread_id: begun });
        },
        onSending: async () => {
          await store.patch(claim, { sent_at: new Date(clock.now()).toISOString() });
        },
        onPermission: asking.onPermission,
        onForm: asking.onForm,
        onAnswered: asking.onAnswered,
      },
      carry.processes,
    );
    return { outcome, stalled, expired, lost: asking.lost(), usage };
  } finally {
    stall.stop();
    await asking.stop();
    // A wrapper's child or a server the agent left behind must not work on beside the next phase.
    await carry.processes.endAll();
  }
}

async function conclude(carry: Carry, task: Task, { outcome, stalled, expired, lost, usage }: TurnEnd): Promise<Task> {
  const { deps, claim } = carry;
  const { store } = deps;
  const summary = carry.mask(outcome.summary?.trim() ?? '').slice(0, 4000) || null;
  const end = {
    summary,
    cost_usd: usage?.costUsd ?? null,
    input_tokens: usage?.inputTokens ?? null,
    output_tokens: usage?.outputTokens ?? null,
  };
  const patch = {
    summary,
    denied: task.denied || outcome.denied,
    ...(usage?.costUsd === undefined ? {} : { cost_usd: usage.costUsd }),
  };

  // Its scripts have died with a turn that did not end in order.
  if (expired || stalled || outcome.outcome !== 'completed') await deps.prompts.loseScripts(claim);
  if (expired) {
    const { summary: asked } = expired;
    await store.endAttempt(claim, task.attempts, { ...end, outcome: 'cancelled', error: 'nobody answered in time' });
    return store.apply(claim, { type: 'stop', reason: 'prompt_expired', detail: `It had asked: ${asked}` }, patch);
  }
  if (stalled) {
    await store.endAttempt(claim, task.attempts, { ...end, outcome: 'stalled', error: 'silent for too long' });
    return store.apply(claim, { type: 'stop', reason: 'agent_stalled' }, patch);
  }
  if (outcome.outcome === 'completed') {
    await store.endAttempt(claim, task.attempts, { ...end, outcome: 'completed', error: null });
    return store.apply(claim, { type: 'advance', phase: 'committing' }, patch);
  }
  const detail = carry.mask(outcome.error ?? 'It ended without saying why.');
  if (!outcome.auth && task.turn_failures + 1 < MAX_FAILURES) {
    const log = await carry.log(task.attempts);
    log.note(`the turn failed and is tried once more: ${detail}`);
    await store.note(claim, 'The turn failed and is tried once more.');
    return store.patch(claim, { ...patch, turn_failures: task.turn_failures + 1, sent_at: null });
  }
  await store.endAttempt(claim, task.attempts, { ...end, outcome: 'failed', error: detail });
  if (lost !== null && !outcome.auth)
    return store.apply(
      claim,
      { type: 'stop', reason: 'prompt_lost', detail: `It had asked: ${lost}\nThen its process ended: ${detail}` },
      patch,
    );
  return store.apply(claim, { type: 'stop', reason: outcome.auth ? 'agent_auth' : 'agent_failed', detail }, patch);
}
