import type { Carry } from '../carry.ts';
import type { AgentEvent, AttemptLog, PermissionRequest, TurnOutcome } from '../ports.ts';
import { interruptedPrompt, withHistory } from '../prompts.ts';
import { startStallClock } from '../stallClock.ts';
import type { Task } from '../task.ts';

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
  if (open && task.turn_interruptions >= MAX_INTERRUPTIONS) {
    await store.endAttempt(claim, task.attempts, {
      outcome: 'interrupted',
      summary: null,
      error: 'interrupted three times',
      head_sha: null,
    });
    return store.apply(claim, {
      type: 'stop',
      reason: 'agent_failed',
      detail: 'Its turn was interrupted three times by the death of its process.',
    });
  }
  const messages = await store.messagesOf(task.id);
  const interrupted = open !== undefined && task.sent_at !== null;
  if (!open) {
    const waiting = messages.filter((message) => message.delivered_in === null);
    const prompt = [task.prompt, ...waiting.map((message) => message.text)].filter(Boolean).join('\n\n');
    task = await store.beginAttempt(claim, {
      number: task.attempts + 1,
      prompt,
      delivered: waiting.map((message) => message.id),
    });
  }

  const log = await carry.log(task.attempts);
  const prompt = interrupted && task.thread_id ? interruptedPrompt(task.prompt) : task.prompt;
  const said = messages.filter((message) => message.delivered_in !== null).map((message) => message.text);
  const freshPrompt = withHistory(task.request, said, task.prompt);
  log.say({
    at: new Date(deps.clock.now()).toISOString(),
    kind: 'prompt',
    text: task.thread_id ? prompt : freshPrompt,
  });

  const turn = await runTurn(carry, task, log, { prompt, freshPrompt });
  if (signal.aborted && turn.usage?.costUsd !== undefined) await store.patch(claim, { cost_usd: turn.usage.costUsd });
  signal.throwIfAborted();
  return conclude(carry, task, turn);
}

interface TurnEnd {
  outcome: TurnOutcome;
  stalled: boolean;
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
  let asking = 0;
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
        say(event.type, event.text);
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
        onSession: async (session) => {
          if (session !== task.thread_id) await store.patch(claim, { thread_id: session });
        },
        onSending: async () => {
          await store.patch(claim, { sent_at: new Date(clock.now()).toISOString() });
        },
        onPermission: async (request, withdrawn) => {
          // Parallel tool calls ask in parallel: clocks stand still, and the slot is free, until all are answered.
          if (asking++ === 0) {
            stall.pause(true);
            carry.pauseClock(true);
            await store.releaseSlot(claim);
          }
          try {
            return await askPerson(carry, log, request, AbortSignal.any([carry.signal, stop.signal, withdrawn]));
          } finally {
            if (--asking === 0) {
              // The agent goes on at once, if need be beside a full set of others: a person has waited enough.
              if (!carry.signal.aborted) await store.takeSlot(claim, Number.MAX_SAFE_INTEGER);
              stall.pause(false);
              carry.pauseClock(false);
            }
          }
        },
      },
      carry.processes,
    );
    return { outcome, stalled, usage };
  } finally {
    stall.stop();
    // A wrapper's child or a server the agent left behind must not work on beside the next phase.
    await carry.processes.endAll();
  }
}

/** Asks through the store, so that any host's person can answer; where no host can ask, the answer is no. */
async function askPerson(
  carry: Carry,
  log: AttemptLog,
  request: PermissionRequest,
  signal: AbortSignal,
): Promise<'allow' | 'reject' | 'cancelled'> {
  const { store, clock, onChange } = carry.deps;
  if (!(await store.canAsk())) {
    log.note(`nobody can be asked here, so refused: ${request.title}`);
    return 'reject';
  }
  const id = await store.openPrompt(carry.claim, request);
  try {
    while (!signal.aborted) {
      const prompt = await store.promptState(id);
      if (prompt.state === 'resumed') {
        log.note(`${prompt.response === 'allow' ? 'allowed' : 'refused'} by ${prompt.answeredBy}: ${request.title}`);
        return prompt.response === 'allow' ? 'allow' : 'reject';
      }
      if (prompt.state !== 'waiting') return 'cancelled';
      const wake = new AbortController();
      const off = onChange(() => wake.abort());
      await clock.sleep(5_000, AbortSignal.any([wake.signal, signal]));
      off();
    }
    return 'cancelled';
  } finally {
    await store.withdrawPrompt(id);
  }
}

async function conclude(carry: Carry, task: Task, { outcome, stalled, usage }: TurnEnd): Promise<Task> {
  const { deps, claim } = carry;
  const { store } = deps;
  const summary = carry.mask(outcome.summary?.trim() ?? '').slice(0, 4000) || null;
  const end = {
    summary,
    head_sha: null,
    cost_usd: usage?.costUsd ?? null,
    input_tokens: usage?.inputTokens ?? null,
    output_tokens: usage?.outputTokens ?? null,
  };
  const patch = {
    summary,
    denied: task.denied || outcome.denied,
    ...(usage?.costUsd === undefined ? {} : { cost_usd: usage.costUsd }),
  };

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
  return store.apply(claim, { type: 'stop', reason: outcome.auth ? 'agent_auth' : 'agent_failed', detail }, patch);
}
