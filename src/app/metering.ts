/** What is counted where tasks are carried and commands run: the store as it is, with a look at what passes. */
import type { ScheduleStore } from '../scheduler/ports.ts';
import type { TaskStore } from '../tasks/ports.ts';
import type { Task } from '../tasks/task.ts';
import type { Meter } from './meter.ts';

/** Upper bounds of the buckets of lateness, seconds. */
export const LATENESS_BUCKETS = [1, 5, 15, 60, 300, 1800, 7200] as const;

/** For the carrier of one task: attempts and their agent's time, and the time that checks took. */
export function meterTask<S extends TaskStore>(store: S, meter: Meter, now: () => number): S {
  let turnBegan: number | null = null;
  let checksBegan: number | null = null;
  const seconds = (since: number): number => Math.max(0, now() - since) / 1000;
  const look = (task: Task): void => {
    if (task.phase === 'checks') checksBegan ??= now();
    else if (checksBegan !== null) {
      meter.count('ampa_checks_wait_seconds_total', { provider: task.checks.provider }, seconds(checksBegan));
      checksBegan = null;
    }
  };
  return {
    ...store,
    async get(id) {
      const task = await store.get(id);
      if (task) look(task);
      return task;
    },
    async apply(claim, event, patch, note) {
      const task = await store.apply(claim, event, patch, note);
      look(task);
      return task;
    },
    async beginAttempt(claim, attempt) {
      const task = await store.beginAttempt(claim, attempt);
      turnBegan = now();
      return task;
    },
    async endAttempt(claim, number, end) {
      const ended = await store.endAttempt(claim, number, end);
      if (ended) meter.count('ampa_attempts_total', { outcome: end.outcome ?? 'unknown' });
      if (turnBegan !== null) meter.count('ampa_agent_seconds_total', {}, seconds(turnBegan));
      turnBegan = null;
      return ended;
    },
  };
}

/** For the host that runs commands: their results, and how late they began. */
export function meterRuns<S extends Pick<ScheduleStore, 'claim' | 'finish'>>(store: S, meter: Meter): S {
  return {
    ...store,
    async claim(request) {
      const claimed = await store.claim(request);
      if (claimed && claimed.run.due_at !== null) {
        const late = Math.max(0, claimed.run.started_at - claimed.run.due_at) / 1000;
        const le = String(LATENESS_BUCKETS.find((bound) => late <= bound) ?? '+Inf');
        meter.count('ampa_scheduler_lateness_seconds_bucket', { le });
        meter.count('ampa_scheduler_lateness_seconds_sum', {}, late);
      }
      return claimed;
    },
    async finish(runId, end, keep) {
      const done = await store.finish(runId, end, keep);
      if (done) meter.count('ampa_scheduler_runs_total', { result: end.status });
      return done;
    },
  };
}
