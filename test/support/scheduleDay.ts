/** A day of a scheduler with several hosts: what is scheduled, how a host steps through it, and what must have come of it. */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { compileCron } from '../../src/scheduler/cron.ts';
import type { Run, ScheduleStore } from '../../src/scheduler/ports.ts';
import type { scheduleBench } from './scheduleBench.ts';

const MINUTE = 60_000;
const ZONE = 'Europe/Berlin';
const CRONS = { hourly: '0 * * * *', night: '30 2 * * *', often: '*/15 * * * *' };
const EVERY = { five: 5, ten: 10, hour: 60 };
/** Some 24 starts an hour are wanted, and 60 are allowed. */
const MIN_INTERVAL_MS = MINUTE;

type Bench = ReturnType<typeof scheduleBench>;

/** Runs take up to a minute. */
const durationOf = (run: Run): number => 1000 + ((run.started_at / 1000 + run.command_id.length * 7919) % 59) * 1000;

/** A host that is moved through time step by step. */
export interface DayHost {
  /** Moves to a moment and does what is due; resolves to the moment at which something comes next. */
  step(to: number): Promise<number>;
}

export async function dayHost(bench: Bench, name: string, dead: ReadonlySet<string>): Promise<DayHost> {
  const ends = new Map<string, number>();
  const host = await bench.host(name, {
    minIntervalMs: MIN_INTERVAL_MS,
    pollMs: MINUTE,
    dead,
    async execute({ run }) {
      ends.set(run.id, run.started_at + durationOf(run));
      await bench.clock.sleep(durationOf(run));
      return { status: 'succeeded', exit_code: 0 };
    },
    afterRun: async ({ id }) => void ends.delete(id),
  });
  return {
    async step(to) {
      bench.time.to(to);
      // What has ended must be on record before the next look.
      while ([...ends.values()].some((end) => end <= to)) await setImmediate();
      const look = await host.scheduler.pass();
      return Math.min(look, ...ends.values());
    },
  };
}

export async function addDay(bench: Bench, store: Awaited<ReturnType<Bench['open']>>['store']): Promise<void> {
  for (const [id, cron] of Object.entries(CRONS)) await bench.add(store, id, { cron, timezone: ZONE });
  for (const [id, frequency_minutes] of Object.entries(EVERY)) await bench.add(store, id, { frequency_minutes });
}

/** Nothing ran twice, nothing was missed, nothing came too early or much too late, and the interval was kept. */
export async function checkDay(
  store: Pick<ScheduleStore, 'runsOf'>,
  from: number,
  to: number,
): Promise<{ owners: Set<string>; runs: number; interrupted: number }> {
  const all: Run[] = [];
  for (const id of [...Object.keys(CRONS), ...Object.keys(EVERY)]) {
    const runs = (await store.runsOf(id, 100_000)).toReversed();
    for (const [i, run] of runs.entries()) {
      const before = runs[i - 1];
      if (before)
        assert.ok(before.ended_at !== null && before.ended_at <= run.started_at, `${id} never runs twice at once`);
    }
    all.push(...runs);
  }
  // What came due just before the end may not have had its turn.
  const settled = to - 10 * MINUTE;
  for (const [id, text] of Object.entries(CRONS)) {
    const runs = all.filter((run) => run.command_id === id);
    const cron = compileCron(text, ZONE);
    const wanted: number[] = [];
    for (let t = cron.next(from); t <= settled; t = cron.next(t)) wanted.push(t);
    assert.deepEqual(
      runs.map((run) => run.due_at).filter((t) => t! <= settled),
      wanted,
      `${id}: one run for each due time`,
    );
    for (const run of runs) assert.ok(run.started_at - run.due_at! <= 10 * MINUTE, `${id} is not very late`);
  }
  for (const [id, minutes] of Object.entries(EVERY)) {
    const runs = all.filter((run) => run.command_id === id);
    for (const [i, run] of runs.entries()) {
      if (i === 0) continue;
      const pause = run.started_at - runs[i - 1]!.ended_at!;
      assert.ok(pause > minutes * MINUTE && pause <= (minutes + 5) * MINUTE, `${id}: a pause of ${pause} ms`);
    }
    assert.ok(runs.length > 0 && settled - runs.at(-1)!.started_at < (minutes + 10) * MINUTE, `${id} goes on`);
  }
  const starts = all.map((run) => run.started_at).sort((a, b) => a - b);
  for (const [i, at] of starts.entries())
    assert.ok(i === 0 || at - starts[i - 1]! >= MIN_INTERVAL_MS, 'the interval is kept');
  return {
    owners: new Set(all.map((run) => run.owner)),
    runs: all.length,
    interrupted: all.filter((run) => run.status === 'interrupted').length,
  };
}
