/** The scheduler: a decision among many commands, schedules armed against toad-scheduler and croner, and how often it wakes. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import sinon from 'sinon';
import type { Rules } from '../src/scheduler/spec.ts';
import { watchStore } from '../src/app/watcher.ts';
import { choose, type Schedule } from '../src/scheduler/choose.ts';
import { newCommand } from '../src/scheduler/command.ts';
import { rememberCron } from '../src/scheduler/cron.ts';
import { createScheduleIndex } from '../src/scheduler/scheduleIndex.ts';
import { START } from '../test/support/movedClock.ts';
import { scheduleBench } from '../test/support/scheduleBench.ts';
import { until } from '../test/support/until.ts';
import { median, race, type Row } from './table.ts';

const run = promisify(execFile);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const RULES: Rules = { minIntervalMs: 0, priorityWeight: 0.1 };

export async function scheduler(): Promise<Row[]> {
  return [
    await decision('a frequency each', () => false),
    await decision('half of them cron', (i) => i % 2 === 0),
    ...(await armed('every', 7, ['toad-scheduler'])),
    ...(await armed('cron', 3, ['toad-scheduler', 'croner'])),
    await firstLook(),
    ...(await idle()),
  ];
}

/** Once a week each; no two of the first 10,080 are the same. */
const cronOf = (i: number): string => `${i % 60} ${Math.floor(i / 60) % 24} * * ${Math.floor(i / 1440) % 7}`;

// ---------------------------------------------------------------- a decision

const COMMANDS = 100_000;
const DECISIONS = 50;

/** A decision is a choice, the new state of what was chosen, and when to look next. */
async function decision(which: string, isCron: (i: number) => boolean): Promise<Row> {
  const compile = rememberCron();
  const now = Date.parse('2026-05-05T12:00:30Z');
  const all = Array.from({ length: COMMANDS }, (_, i): Schedule => {
    const isDue = i % 100 < 2 && Math.floor(i / 100) % 2 === i % 2;
    const timed = isCron(i) ? compile(cronOf(i), 'Europe/Berlin') : null;
    return {
      id: `command-${i}`,
      type: 'shell',
      active: true,
      running: false,
      exempt: false,
      requiresLlm: false,
      priority: i % 7,
      desiredMs: timed ? null : HOUR,
      cron: timed,
      lastRun: now - (isDue ? 90 : i % 50) * MINUTE,
      // Every cron command here is due once a week.
      served: timed && (isDue ? timed.next(now - 7 * 24 * HOUR) - 1 : now),
    };
  });
  const due = all.filter((it) => choose([it], now, null, RULES, true)).length;
  if (due < COMMANDS / 110 || due > COMMANDS / 90) throw new Error(`${due} are due, not one in a hundred`);
  const index = createScheduleIndex();
  const plain = new Map<string, Schedule>();
  for (const it of all) {
    index.set(it);
    plain.set(it.id, it);
  }
  const started = (it: Schedule, at: number, servedUntil: number): Schedule => ({
    ...it,
    lastRun: at,
    served: it.cron ? servedUntil : null,
  });
  const chosen: string[][] = [[], []];
  const { ours, theirs } = await race(
    DECISIONS,
    (pair) => {
      const begun = performance.now();
      const choice = index.choose(now + pair, null, RULES, true);
      if (!choice) throw new Error('nothing was chosen');
      index.set(started(index.get(choice.id)!, now + pair, choice.due));
      index.nextLook(now + pair, null, RULES);
      const took = performance.now() - begun;
      chosen[0]!.push(choice.id);
      return took;
    },
    (pair) => {
      const begun = performance.now();
      const choice = choose(plain.values(), now + pair, null, RULES, true);
      if (!choice) throw new Error('nothing was chosen');
      plain.set(choice.id, started(plain.get(choice.id)!, now + pair, choice.due));
      const took = performance.now() - begun;
      chosen[1]!.push(choice.id);
      return took;
    },
  );
  if (chosen[0]!.join() !== chosen[1]!.join()) throw new Error('the index and the scan chose differently');
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    what: `a decision, ms on average (${COMMANDS} commands, ${due} due, ${which})`,
    ours: mean(ours).toFixed(2),
    theirs: `${mean(theirs).toFixed(1)} scan`,
    ratio: (mean(ours) / mean(theirs)).toFixed(3),
    budget: '2 ms',
    ok: mean(ours) <= 2,
  };
}

// ---------------------------------------------------------------- schedules armed

const ARMED = 10_000;
const ARMED_MB = 20;

interface Armed {
  ms: number;
  bytes: number;
}

/** Each in a process of its own, in turn: memory of one is not the other's. */
async function armed(kind: string, rounds: number, peers: readonly string[]): Promise<Row[]> {
  const arm = async (side: string): Promise<Armed> => {
    const program = path.join(import.meta.dirname, 'scheduleArm.ts');
    const { stdout } = await run(process.execPath, ['--expose-gc', program, side, kind, String(ARMED)]);
    return JSON.parse(stdout) as Armed;
  };
  const results: Record<string, Armed[]> = {};
  for (let round = 0; round < rounds; round++)
    for (const side of ['ampa', ...peers]) (results[side] ??= []).push(await arm(side));
  const ms = (side: string): number => median(results[side]!.map((it) => it.ms));
  const mb = (side: string): number => median(results[side]!.map((it) => it.bytes)) / 1024 / 1024;
  const what = kind === 'cron' ? 'cron schedules, no two alike' : 'schedules of a frequency';
  return peers.flatMap((peer): Row[] => {
    // croner stands beside; the race is against the scheduler.
    const races = peer === 'toad-scheduler';
    return [
      {
        what: `${ARMED} ${what} armed, ms`,
        ours: ms('ampa').toFixed(1),
        theirs: `${ms(peer).toFixed(1)} ${peer}`,
        ratio: (ms('ampa') / ms(peer)).toFixed(2),
        budget: races ? '1.00' : '',
        ok: races ? ms('ampa') <= ms(peer) : null,
      },
      {
        what: `${ARMED} ${what} armed, MB of heap`,
        ours: mb('ampa').toFixed(1),
        theirs: `${mb(peer).toFixed(1)} ${peer}`,
        ratio: (mb('ampa') / mb(peer)).toFixed(2),
        budget: `${ARMED_MB} MB`,
        ok: mb('ampa') <= ARMED_MB,
      },
    ];
  });
}

/** What a host does at its start: all commands read from the store, their clocks settled, all armed. */
async function firstLook(): Promise<Row> {
  const bench = scheduleBench();
  try {
    const host = await bench.host('first');
    const specs = Array.from({ length: ARMED }, (_, i) =>
      newCommand(`command-${i}`, { command: 'true', cron: cronOf(i), timezone: 'Europe/Berlin' }),
    );
    for (let i = 0; i < ARMED; i += 1000)
      await host.store.addDefaults(specs.slice(i, i + 1000), bench.clock.now(), { retime: true });
    const begun = performance.now();
    const look = await host.scheduler.pass();
    const took = performance.now() - begun;
    if (!Number.isFinite(look)) throw new Error('they are not armed');
    return {
      what: `${ARMED} cron schedules read from the store and armed, ms`,
      ours: took.toFixed(0),
      theirs: 'they have none',
      ratio: '',
      budget: '',
      ok: null,
    };
  } finally {
    await bench.remove();
  }
}

// ---------------------------------------------------------------- wake-ups

/** What an hour of the real loop on a real database asks of a fake clock, and of the store. */
async function hour(everyMinutes: number | null): Promise<{ wakes: number; decisions: number; runs: number }> {
  const bench = scheduleBench();
  try {
    let decisions = 0;
    const host = await bench.host('idle', { decides: () => decisions++ });
    const midnight = { cron: '0 0 * * *', timezone: 'UTC' };
    await bench.add(host.store, 'daily', midnight);
    if (everyMinutes !== null) await bench.add(host.store, 'heartbeat', { frequency_minutes: everyMinutes });
    const looping = host.scheduler.loop();
    const settled = async (): Promise<void> => {
      for (let quiet = 0, seen = -1; quiet < 20; quiet = seen === decisions ? quiet + 1 : 0) {
        seen = decisions;
        await setImmediate();
      }
    };
    await until('it waits', () => decisions > 0);
    await settled();
    const before = { decisions, runs: (await host.store.runsOf('heartbeat', 1000)).length };
    let wakes = 0;
    for (let next = bench.time.next(); next !== null && next <= START + HOUR; next = bench.time.next()) {
      wakes++;
      bench.time.to(next);
      await settled();
    }
    const runs = (await host.store.runsOf('heartbeat', 1000)).length - before.runs;
    host.stop.abort();
    await looping;
    if (bench.errors.length > 0) throw bench.errors[0];
    return { wakes, decisions: decisions - before.decisions, runs };
  } finally {
    await bench.remove();
  }
}

/** Looks in an hour at whether the open database's file is still there. */
async function fileLooks(): Promise<number> {
  const time = sinon.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const bench = scheduleBench();
  const stat = sinon.spy(fs, 'statSync');
  try {
    await bench.open();
    stat.resetHistory();
    time.tick(HOUR);
    return stat.callCount;
  } finally {
    stat.restore();
    await bench.remove();
    time.restore();
  }
}

/** Looks of the watcher in an hour: it runs for whoever shows or carries something, and reads a counter. */
function looks(busy: boolean): number {
  const time = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    let count = 0;
    const watcher = watchStore({ version: () => (count++, '') });
    watcher.setBusy(busy);
    const off = watcher.onChange(() => undefined);
    count = 0;
    time.tick(HOUR);
    off();
    return count;
  } finally {
    time.restore();
  }
}

async function idle(): Promise<Row[]> {
  const quiet = await hour(null);
  const beating = await hour(1);
  const row = (what: string, count: number, budget: number | null, why: string): Row => ({
    what: `wake-ups an hour: ${what}`,
    ours: String(count),
    theirs: why,
    ratio: '',
    budget: budget === null ? '' : String(budget),
    ok: budget === null ? null : count <= budget,
  });
  return [
    row('the scheduler, nothing due', quiet.wakes, 0, `${quiet.decisions} decisions`),
    row(
      'the scheduler, a heartbeat a minute',
      beating.wakes,
      beating.runs,
      `${beating.runs} runs, ${beating.decisions} decisions`,
    ),
    // Not the scheduler's, and there without it: how hosts see one another's changes, and a vanished database.
    row('the watcher of the store, idle', looks(false), null, 'a version each'),
    row('the watcher of the store, a task runs', looks(true), null, 'a version each'),
    row('is the database still there', await fileLooks(), null, 'a stat each'),
  ];
}
