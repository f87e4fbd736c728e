import { AmpaError, codeOf, describeError } from '../errors.ts';
import { startBudgetClock, type BudgetClock } from './budgetClock.ts';
import { agentPhase } from './phases/agent.ts';
import { checksPhase } from './phases/checks.ts';
import { committingPhase } from './phases/committing.ts';
import { openingPrPhase } from './phases/openingPr.ts';
import type { Carry, CarryDeps, Halt } from './phases/phase.ts';
import { preparingPhase } from './phases/preparing.ts';
import { pushingPhase } from './phases/pushing.ts';
import type { AttemptLog, Claim, TaskStore } from './ports.ts';
import { redact } from './redact.ts';
import { holdsSlot, isActive, type Phase, type Task } from './task.ts';
import { BEAT_MS, WIND_DOWN_MS } from './timings.ts';
import { nextChange } from './waiting.ts';

type PhaseStep = (carry: Carry, task: Task) => Promise<Task>;

const PHASE_STEPS: Record<Phase, PhaseStep> = {
  preparing: preparingPhase,
  agent: agentPhase,
  committing: committingPhase,
  pushing: pushingPhase,
  opening_pr: openingPrPhase,
  checks: checksPhase,
};

/**
 * Carries one claimed task until it is no longer active, its claim is lost, or `shutdown` aborts.
 *
 * Every phase is safe to repeat: it looks at what is there before it acts, and writes the result in
 * one conditional statement. So a carrier can die at any instruction, and the next one calls this
 * same function. When it returns, no process of the claim is left.
 */
export async function carryTask(deps: CarryDeps, claim: Claim, shutdown: AbortSignal): Promise<Task> {
  const { store } = deps;
  const controller = new AbortController();
  const { processes } = deps;
  let halted: Halt | undefined;
  const budget = startBudgetClock(deps.clock.now, 2 * BEAT_MS);
  let open: { attempt: number; log: AttemptLog } | undefined;

  const halt = (why: Halt): void => {
    halted ??= why;
    controller.abort();
  };
  const carry: Carry = {
    deps,
    claim,
    processes,
    signal: controller.signal,
    halt,
    mask: (text) => redact(text, deps.secrets),
    pauseClock: budget.pause,
    async log(attempt) {
      if (open?.attempt !== attempt) {
        await open?.log.close();
        open = { attempt, log: await deps.logs.open(claim.taskId, attempt) };
      }
      return open.log;
    },
  };

  const onShutdown = (): void => halt('shutdown');
  shutdown.addEventListener('abort', onShutdown);
  if (shutdown.aborted) onShutdown();
  const beat = startBeat(carry, budget);

  try {
    let task = await require(store, claim);
    if (task.abort_requested_at) halt('abort');
    while (isActive(task.status)) {
      if (halted) {
        task = await windUp(carry, task, halted);
        break;
      }
      task = await step(carry, budget, task, () => halted);
    }
    return task;
  } finally {
    beat.stop();
    shutdown.removeEventListener('abort', onShutdown);
    try {
      await processes.endAll();
    } finally {
      await open?.log.close();
    }
  }
}

async function require(store: TaskStore, claim: Claim): Promise<Task> {
  const task = await store.get(claim.taskId);
  if (task && task.token === claim.token && task.owner === claim.owner) return task;
  throw new AmpaError('lost_claim', `task ${claim.taskId} is carried by another process`, 'Nothing to do here.');
}

/** Runs one phase. Whatever it throws ends in a reason on the task, unless the halt explains it. */
async function step(carry: Carry, budget: BudgetClock, task: Task, halted: () => Halt | undefined): Promise<Task> {
  const { deps, claim } = carry;
  const phase = task.phase ?? 'preparing';
  const run = PHASE_STEPS[phase];
  const work = (async () => {
    await takeSlot(carry, budget, task, phase);
    return run(carry, task);
  })();
  const settled = new AbortController();
  let windDown = (): void => {};
  const stopped = new Promise<'stopped'>((resolve) => {
    windDown = () => void deps.clock.sleep(WIND_DOWN_MS, settled.signal).then(() => resolve('stopped'));
  });
  carry.signal.addEventListener('abort', windDown, { once: true });
  try {
    const result = await Promise.race([work, stopped]);
    if (result !== 'stopped') return result;
    work.catch(() => undefined); // Its processes are about to be ended; the halt is what counts now.
    return task;
  } catch (error) {
    if (halted()) return (await deps.store.get(claim.taskId)) ?? task;
    if (error instanceof AmpaError && error.code === 'lost_claim') {
      carry.halt('lost');
      return task;
    }
    if (isDiskFull(error)) return await stopDiskFull(carry, error);
    const log = await carry.log(task.attempts);
    log.note(carry.mask(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    const detail = carry.mask(describeError(error));
    return await deps.store.apply(claim, { type: 'stop', reason: 'internal', detail });
  } finally {
    carry.signal.removeEventListener('abort', windDown);
    // A timer left over would keep a finished carrier alive.
    settled.abort();
  }
}

const isDiskFull = (error: unknown): boolean =>
  hasCode(error, 'ENOSPC') || hasCode(error, 'SQLITE_FULL') || /no space left on device/i.test(describeError(error));

/** To say that the disk is full takes a little of it: what filled it up is ended, and the word retried for a minute. */
async function stopDiskFull(carry: Carry, cause: unknown): Promise<Task> {
  const { store, clock } = carry.deps;
  await carry.processes.endAll().catch(() => undefined); // Its own bookkeeping may lack the space; it is done again at the end.
  for (let tries = 0; ; tries++) {
    try {
      return await store.apply(carry.claim, {
        type: 'stop',
        reason: 'disk_full',
        detail: carry.mask(describeError(cause)),
      });
    } catch (error) {
      if (!isDiskFull(error) || tries === 12 || carry.signal.aborted) throw error;
    }
    await clock.sleep(5_000, carry.signal);
  }
}

function hasCode(error: unknown, code: string): boolean {
  for (let e: unknown = error; e instanceof Error; e = e.cause) if (codeOf(e) === code) return true;
  return false;
}

/** A phase that works on this machine waits for a slot; one that only waits for others gives it back. */
async function takeSlot(carry: Carry, budget: BudgetClock, task: Task, phase: Phase): Promise<void> {
  const { store, clock, onChange } = carry.deps;
  if (!holdsSlot(phase, task.checks)) {
    if (task.slot) await store.releaseSlot(carry.claim);
    budget.hold(false);
    return;
  }
  budget.hold(task.slot);
  if (task.slot) return;
  while (!(await store.takeSlot(carry.claim, carry.deps.slots()))) {
    await nextChange(onChange, clock, BEAT_MS, carry.signal);
    carry.signal.throwIfAborted();
  }
  budget.hold(true);
}

/** Ends the processes and writes down why. A lost claim writes nothing: the task is somebody else's. */
async function windUp(carry: Carry, task: Task, why: Halt): Promise<Task> {
  const { store } = carry.deps;
  await carry.processes.endAll();
  if (why === 'lost' || why === 'shutdown') return task;
  if (task.attempts > 0) {
    await carry.deps.prompts.loseScripts(carry.claim);
    await store.endAttempt(carry.claim, task.attempts, {
      outcome: 'cancelled',
      summary: null,
      error: null,
    });
  }
  return store.apply(carry.claim, why === 'abort' ? { type: 'abort' } : { type: 'stop', reason: why });
}

/** Renews the lease, counts the slot-held time, and notices an abort, an empty budget or a lost claim. */
function startBeat(carry: Carry, budget: BudgetClock): { stop(): void } {
  const { store, clock, onChange } = carry.deps;
  let stopped = false;
  let cancel = (): void => {};

  const look = (task: Task | undefined): void => {
    if (stopped) return;
    if (!task || task.token !== carry.claim.token || task.owner !== carry.claim.owner) {
      // An ended task has no owner: its carrier has written that itself.
      if (!task || isActive(task.status)) carry.halt('lost');
    } else if (task.abort_requested_at) carry.halt('abort');
    else if (task.held_ms >= task.limits.timeMs) carry.halt('budget_time');
  };
  const beat = async (): Promise<void> => {
    const held = budget.due();
    const renewed = await store.renew(carry.claim, held);
    budget.charged(held);
    look(renewed ?? (await store.get(carry.claim.taskId)));
  };
  const schedule = (): void => {
    if (stopped) return;
    cancel = clock.after(BEAT_MS, () => {
      // A failed beat is tried again at the next: the lease allows three.
      beat().then(schedule, schedule);
    });
  };
  schedule();
  const off = onChange(() => {
    store.get(carry.claim.taskId).then(look, () => undefined); // The beat reads the same row again.
  });
  return {
    stop() {
      stopped = true;
      cancel();
      off();
    },
  };
}
