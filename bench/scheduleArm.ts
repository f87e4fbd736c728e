/**
 * One side of the race of the schedulers, in a process of its own: `node --expose-gc bench/scheduleArm.ts
 * SIDE KIND COUNT` arms that many schedules once, and prints `{ms, bytes}`: how long it took, and the
 * heap that they hold then. What is told of the commands is there before on all sides, and not counted.
 */
import { Cron } from 'croner';
import { CronJob, SimpleIntervalJob, Task, ToadScheduler } from 'toad-scheduler';
import type { StoredCommand } from '../src/scheduler/spec.ts';
import { scheduleOf } from '../src/scheduler/choose.ts';
import { EMPTY_STATE, newCommand } from '../src/scheduler/command.ts';
import { rememberCron } from '../src/scheduler/cron.ts';
import { createScheduleIndex } from '../src/scheduler/scheduleIndex.ts';

const ZONE = 'Europe/Berlin';
const [side = '', kind = '', count = ''] = process.argv.slice(2);

/** No two cron expressions are the same: nothing is gained by remembering what was read. */
const commands = Array.from({ length: Number(count) }, (_, i) => ({
  id: `command-${i}`,
  minutes: 60 + (i % 1440),
  cron: `${i % 60} ${Math.floor(i / 60) % 24} * * ${Math.floor(i / 1440) % 7}`,
}));
const now = Date.now();
const stored = (): StoredCommand[] =>
  commands.map(({ id, minutes, cron }) => ({
    spec: newCommand(id, {
      command: 'true',
      ...(kind === 'cron' ? { cron, timezone: ZONE } : { frequency_minutes: minutes }),
    }),
    state: { ...EMPTY_STATE, last_run: now, served: kind === 'cron' ? now : null },
    created_at: now,
    note: null,
  }));

/** Arms all of them, and returns what holds them. */
const ampa = (all: readonly StoredCommand[]) => () => {
  const index = createScheduleIndex();
  const compile = rememberCron();
  for (const command of all) index.set(scheduleOf(command, compile));
  const look = index.nextLook(now, null, { minIntervalMs: 0, priorityWeight: 0.1 });
  if (index.size !== all.length || !Number.isFinite(look)) throw new Error('they are not armed');
  return { index, timer: setTimeout(run, Math.min(look - now, 2 ** 31 - 1)) };
};

function toad(): unknown {
  const scheduler = new ToadScheduler();
  for (const { id, minutes, cron } of commands) {
    const task = new Task(id, run);
    if (kind === 'cron') scheduler.addCronJob(new CronJob({ cronExpression: cron, timezone: ZONE }, task, { id }));
    else scheduler.addSimpleIntervalJob(new SimpleIntervalJob({ minutes }, task, { id }));
  }
  return scheduler;
}

const croner = (): unknown => commands.map(({ cron }) => new Cron(cron, { timezone: ZONE }, run));

function run(): void {
  throw new Error('nothing is due within the race');
}

const sides: Record<string, () => () => unknown> = {
  ampa: () => ampa(stored()),
  'toad-scheduler': () => toad,
  croner: () => croner,
};
const { gc } = globalThis;
if (!gc) throw new Error('run with --expose-gc');
const arm = sides[side]!();
const heap = (): number => {
  // Twice: what finalizers let go of is freed by the next.
  gc();
  gc();
  return process.memoryUsage().heapUsed;
};
const before = heap();
const begun = performance.now();
const held = arm();
const ms = performance.now() - begun;
const bytes = heap() - before;
console.log(JSON.stringify({ ms, bytes }));
// Held until it is measured.
process.exit(held === undefined ? 1 : 0);
