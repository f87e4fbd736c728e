import { endProcesses } from '../adapters/process/end.ts';
import { AmpaError } from '../errors.ts';
import type { Clock } from '../tasks/ports.ts';
import { isActive, type Task } from '../tasks/task.ts';
import { STOP_MS } from '../tasks/timings.ts';
import { transition } from '../tasks/transition.ts';
import { nextChange } from '../tasks/waiting.ts';
import { reapPredecessors } from './carriers.ts';
import type { EngineStore } from './engineStore.ts';
import { isOwnerDead, stateOfHost } from './hosts.ts';

/** How long a live carrier has to stop by itself, with a little for noticing and writing it. */
const PATIENCE_MS = STOP_MS + 4_000;

/**
 * Stops a task; resolves when its processes are gone. A live carrier does it itself; for a task that
 * nobody holds, or whose carrier does not answer, this process does. `loseQuestions` closes what its agent had asked.
 */
export async function abortTask(
  store: EngineStore,
  id: string,
  clock: Clock,
  loseQuestions: (store: EngineStore, taskId: string) => Promise<void>,
): Promise<Task> {
  const { now } = clock;
  const before = await store.tasks.get(id);
  // An abort that could not end everything has said so, and is repeated by asking again.
  if (before?.status === 'aborted' && (await reapPredecessors(store.hosts, id, before.token + 1))) return before;
  const asked = await store.board.requestAbort(id);
  store.watcher.poke();
  const deadline = now() + PATIENCE_MS;
  for (let task: Task | undefined = asked; task; task = await store.tasks.get(id)) {
    if (task.status === 'aborted') {
      // A script's question, which its carrier leaves open.
      await loseQuestions(store, id);
      return task;
    }
    const verdict = transition(task, { type: 'abort' });
    // Merged, say, by somebody else in the meantime.
    if (!verdict.ok) throw verdict.error;
    const unheld =
      !isActive(task.status) ||
      task.status === 'queued' ||
      (await isOwnerDead(store.hosts, task.owner, task.lease_expires_at, now));
    if (unheld) {
      if (await stopUnheld(store, task, loseQuestions)) continue;
    } else if (now() > deadline) {
      await endCarrier(store, task);
      continue;
    }
    await nextChange(store.watcher.onChange, clock, Math.min(500, Math.max(50, deadline - now())));
  }
  throw new AmpaError('not_found', `task ${id} no longer exists`, '`ampa ls --all` lists what there is.');
}

/** Takes the task out of everybody's hands first, then ends what may be left of its processes. */
async function stopUnheld(
  store: EngineStore,
  task: Task,
  loseQuestions: (store: EngineStore, taskId: string) => Promise<void>,
): Promise<boolean> {
  if (!(await store.board.abortUnowned(task.id, task.token))) return false;
  await loseQuestions(store, task.id);
  store.watcher.poke();
  await reapPredecessors(store.hosts, task.id, task.token + 1);
  return true;
}

/** A carrier that hangs (stopped by a debugger, stuck on a dead disk) is ended from outside. */
async function endCarrier(store: EngineStore, task: Task): Promise<void> {
  const host = task.owner === null ? undefined : await store.hosts.host(task.owner);
  if (!host || host.kind !== 'carrier') {
    throw new AmpaError(
      'external',
      `the process that carries task ${task.id} does not answer`,
      `End it by hand${host ? ` (pid ${host.pid} on ${host.machine})` : ''} and abort again.`,
    );
  }
  const seen = await stateOfHost(host);
  if (seen === 'elsewhere') {
    throw new AmpaError(
      'external',
      `the process that carries task ${task.id} runs elsewhere (pid ${host.pid} on ${host.machine}) and does not answer`,
      'Abort it there.',
    );
  }
  await endProcesses({ refs: [{ pid: host.pid, startTime: host.start_time }], markers: [] }, { graceMs: 500 });
}
