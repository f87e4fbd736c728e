import assert from 'node:assert/strict';
import type { CommandPatch } from '../../src/scheduler/spec.ts';
import { AmpaError } from '../../src/errors.ts';
import type { Claimed, RunEnd } from '../../src/scheduler/ports.ts';
import { START } from '../support/movedClock.ts';
import { scheduleBench } from '../support/scheduleBench.ts';
import { until } from '../support/until.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const OK: RunEnd = { status: 'succeeded', exit_code: 0 };

describe('the scheduler', () => {
  let bench: ReturnType<typeof scheduleBench>;
  beforeEach(() => {
    bench = scheduleBench();
  });
  afterEach(async () => {
    await bench.remove();
    assert.deepEqual(bench.errors, []);
  });

  /** A run that the test ends. */
  const held = () => {
    const open: { claimed: Claimed; signal: AbortSignal; end: (end: RunEnd) => void }[] = [];
    return {
      open,
      execute: (claimed: Claimed, signal: AbortSignal) =>
        new Promise<RunEnd>((resolve) => {
          open.push({ claimed, signal, end: resolve });
          signal.addEventListener('abort', () => resolve({ status: 'interrupted', exit_code: null }));
        }),
    };
  };

  it('sleeps until the next due time, and without a timer where there is nothing', async () => {
    const host = await bench.host('a');
    assert.equal(await host.scheduler.pass(), Infinity);
    await bench.add(host.store, 'daily', { cron: '0 3 * * *', timezone: 'UTC' });
    assert.equal(await host.scheduler.pass(), START + 3 * HOUR);
    await host.store.update('daily', { enabled: false }, START);
    assert.equal(await host.scheduler.pass(), Infinity);
  });

  it('looks again when another process has changed something', async () => {
    const host = await bench.host('a');
    const looping = host.scheduler.loop();
    await bench.add(host.store, 'first', { frequency_minutes: 5 });
    await until('the first run', async () => {
      host.changed();
      return (await host.store.get('first'))?.state.last_status === 'succeeded';
    });
    host.stop.abort();
    await looping;
  });

  it('is not woken by the beats of hosts, only for what is due', async () => {
    const host = await bench.host('a');
    await bench.add(host.store, 'daily', { cron: '0 3 * * *', timezone: 'UTC' });
    const looping = host.scheduler.loop();
    await until('it waits', () => bench.time.sleeps() === 1);
    for (let beat = 1; beat <= 240; beat++) {
      bench.time.to(START + beat * 15_000);
      host.changed();
      await host.store.revision();
    }
    assert.equal(bench.time.sleeps(), 1, 'an hour of beats');
    bench.time.to(START + 3 * HOUR);
    await until('the run', async () => (await host.store.get('daily'))?.state.last_status === 'succeeded');
    host.stop.abort();
    await looping;
  });

  it('says of a first run that it was due since the command was there', async () => {
    const host = await bench.host('a');
    await bench.add(host.store, 'job', { frequency_minutes: 5 });
    bench.time.to(START + MINUTE);
    await host.scheduler.pass();
    await host.scheduler.settled();
    const [run] = await host.store.runsOf('job', 1);
    assert.deepEqual([run!.due_at, run!.started_at], [START, START + MINUTE]);
  });

  it('makes up for a long sleep once', async () => {
    const host = await bench.host('a');
    await bench.add(host.store, 'cron', { cron: '*/10 * * * *', timezone: 'UTC' });
    await bench.add(host.store, 'every', { frequency_minutes: 10 });
    await host.scheduler.pass();
    await host.scheduler.settled();
    bench.time.to(START + 8 * HOUR + 4 * MINUTE);
    for (let i = 0; i < 5; i++) {
      await host.scheduler.pass();
      await host.scheduler.settled();
    }
    assert.equal((await host.store.runsOf('cron', 10)).length, 1);
    assert.equal((await host.store.runsOf('cron', 10))[0]!.due_at, START + 8 * HOUR);
    assert.equal((await host.store.runsOf('every', 10)).length, 2, 'the first run, and one for the night');
  });

  describe('without catching up', () => {
    const beat = async (host: Awaited<ReturnType<typeof bench.host>>, at: number): Promise<void> => {
      bench.time.to(at);
      await host.hosts.beat('row', at, '[]');
      await host.scheduler.pass();
      await host.scheduler.settled();
    };
    const registered = async () => {
      const host = await bench.host('a');
      await host.hosts.register({
        id: 'row',
        kind: 'daemon',
        pid: 1,
        start_time: '',
        boot_id: '',
        pid_namespace: '',
        machine: '',
        asks: 0,
        started_at: '',
        beat_at: START,
      });
      return host;
    };

    it('skips what came due while no host was there', async () => {
      const host = await registered();
      await bench.add(host.store, 'cron', { cron: '0 * * * *', timezone: 'UTC', catch_up: false });
      await bench.add(host.store, 'every', { frequency_minutes: 60, catch_up: false });
      await beat(host, START + 1);
      assert.equal((await host.store.runsOf('every', 9)).length, 1, 'a first run is never skipped');
      await beat(host, START + 5 * HOUR + 30 * MINUTE);
      assert.equal((await host.store.runsOf('cron', 9)).length, 0);
      assert.equal((await host.store.runsOf('every', 9)).length, 1);
      for (let at = START + 5 * HOUR + 30 * MINUTE; at <= START + 6 * HOUR + MINUTE; at += 30_000) await beat(host, at);
      assert.deepEqual(
        (await host.store.runsOf('cron', 9)).map((run) => run.due_at),
        [START + 6 * HOUR],
      );
      assert.equal((await host.store.runsOf('every', 9)).length, 2);
    });

    it('skips what came due while the machine slept, though the scheduler wakes before its host beats again', async () => {
      const host = await registered();
      await bench.add(host.store, 'cron', { cron: '0 * * * *', timezone: 'UTC', catch_up: false });
      await bench.add(host.store, 'every', { frequency_minutes: 60, catch_up: false });
      await bench.add(host.store, 'made-up', { frequency_minutes: 60 });
      const counts = async () =>
        Promise.all(['cron', 'every', 'made-up'].map(async (id) => (await host.store.runsOf(id, 9)).length));
      await beat(host, START + 1);
      assert.deepEqual(await counts(), [0, 1, 1]);
      bench.time.to(START + 5 * HOUR + 30 * MINUTE);
      const look = await host.scheduler.pass();
      await host.scheduler.settled();
      assert.deepEqual(await counts(), [0, 1, 2]);
      assert.equal(look, START + 6 * HOUR);
      await beat(host, START + 5 * HOUR + 30 * MINUTE + 10_000);
      assert.deepEqual(await counts(), [0, 1, 2]);
      for (let at = START + 5 * HOUR + 31 * MINUTE; at <= START + 6 * HOUR + MINUTE; at += 30_000) await beat(host, at);
      assert.deepEqual(await counts(), [1, 2, 2]);
    });

    it('keeps what was late already when the last host left', async () => {
      const host = await registered();
      await bench.add(host.store, 'cron', { cron: '0 * * * *', timezone: 'UTC', catch_up: false, requires_llm: true });
      for (let at = START; at <= START + HOUR + 10_000; at += 30_000) {
        bench.time.to(at);
        await host.hosts.beat('row', at, '[]');
      }
      await beat(host, START + 3 * HOUR);
      assert.equal((await host.store.runsOf('cron', 9)).length, 1);
    });
  });

  it('asks about the LLM once a decision, only for a command that needs it, and again later while it is down', async () => {
    let asked = 0;
    let up = false;
    const host = await bench.host('a', {
      llmUp: async () => {
        asked++;
        return up;
      },
    });
    await bench.add(host.store, 'plain', { frequency_minutes: 5 });
    await host.scheduler.pass();
    assert.equal(asked, 0);
    await bench.add(host.store, 'one', { frequency_minutes: 5, requires_llm: true });
    await bench.add(host.store, 'two', { frequency_minutes: 5, requires_llm: true });
    await host.scheduler.settled();
    assert.equal(await host.scheduler.pass(), START + 5000);
    assert.equal(asked, 1);
    up = true;
    await host.scheduler.pass();
    await host.scheduler.settled();
    assert.deepEqual([(await host.store.runsOf('one', 9)).length, (await host.store.runsOf('two', 9)).length], [1, 1]);
  });

  it('keeps the specification of a run that is edited meanwhile, and lets a disabled one finish', async () => {
    const runs = held();
    const host = await bench.host('a', runs);
    await bench.add(host.store, 'job', { frequency_minutes: 5, command: 'old' });
    await host.scheduler.pass();
    await host.store.update('job', { command: 'new', enabled: false }, START);
    assert.equal(runs.open[0]!.claimed.run.spec.command, 'old');
    assert.equal(runs.open[0]!.signal.aborted, false);
    bench.time.to(START + MINUTE);
    runs.open[0]!.end(OK);
    await host.scheduler.settled();
    const [run] = await host.store.runsOf('job', 1);
    assert.deepEqual([run!.spec.command, run!.status, run!.ended_at], ['old', 'succeeded', START + MINUTE]);
    const { spec, state } = (await host.store.get('job'))!;
    assert.deepEqual([spec.command, state.running, state.last_run], ['new', null, START + MINUTE]);
  });

  for (const [what, before, patch, after, due] of [
    ['a cron command gets another time', { cron: '0 * * * *' }, { cron: '30 * * * *' }, START + 90 * MINUTE, true],
    [
      'a cron command gets a frequency',
      { cron: '0 * * * *' },
      { frequency_minutes: 5 },
      START + 67 * MINUTE + 1,
      false,
    ],
    ['a frequency becomes a cron command', { frequency_minutes: 5 }, { cron: '0 * * * *' }, START + 2 * HOUR, true],
    ['a frequency changes', { frequency_minutes: 5 }, { frequency_minutes: 20 }, START + 82 * MINUTE + 1, false],
    ['it is switched off and on', { cron: '*/30 * * * *' }, { enabled: true }, START + 90 * MINUTE, true],
  ] as const) {
    it(`goes on by the new times where ${what} while it runs`, async () => {
      const runs = held();
      const host = await bench.host('a', runs);
      const zone = (times: CommandPatch): CommandPatch => ('cron' in times ? { ...times, timezone: 'UTC' } : times);
      await bench.add(host.store, 'job', zone(before));
      bench.time.to(START + HOUR);
      await host.scheduler.pass();
      assert.equal(runs.open.length, 1);
      bench.time.to(START + HOUR + MINUTE);
      if ('enabled' in patch) await host.store.update('job', { enabled: false }, bench.clock.now());
      await host.store.update('job', zone(patch), bench.clock.now());
      assert.equal(await host.scheduler.pass(), Infinity, 'it runs, and nothing else is to come');
      bench.time.to(START + HOUR + 2 * MINUTE);
      runs.open[0]!.end(OK);
      await host.scheduler.settled();
      assert.equal(await host.scheduler.pass(), after);
      assert.equal(runs.open.length, 1);
      bench.time.to(after);
      await host.scheduler.pass();
      assert.equal(runs.open.length, 2);
      assert.equal(runs.open[1]!.claimed.run.due_at, due ? after : after - 1);
      runs.open[1]!.end(OK);
      await host.scheduler.settled();
    });
  }

  it('stops the run of a removed command, which does not come back until it is added', async () => {
    const runs = held();
    const host = await bench.host('a', runs);
    const other = await bench.open();
    await bench.add(host.store, 'job', { frequency_minutes: 5 });
    await host.scheduler.pass();
    await other.store.remove('job', START);
    await assert.rejects(bench.add(other.store, 'job', { frequency_minutes: 5 }), /already running/);
    host.changed();
    await host.scheduler.settled();
    assert.deepEqual(await host.store.running(), []);
    assert.equal(await host.store.get('job'), undefined);
    const imported = await host.store.importStore(
      { commands: [], last_global_start: null, dispatches: [], extra: {}, warnings: [] },
      {
        mode: 'once',
        hash: 'x',
        file: 'f',
        now: START,
        keep: 50,
        newId: () => bench.newId(),
        saveOutput: () => undefined,
      },
    );
    assert.deepEqual(imported?.added, []);
    await bench.add(other.store, 'job', { frequency_minutes: 5 });
    assert.equal((await host.store.get('job'))?.state.last_run, null);
  });

  it('clears the run of a dead host, ends its processes, and counts it as a run', async () => {
    const runs = held();
    const gone = await bench.host('gone', runs);
    await bench.add(gone.store, 'job', { frequency_minutes: 5 });
    await gone.scheduler.pass();
    const dead = new Set<string>();
    const heir = await bench.host('heir', { dead });
    assert.equal(await heir.scheduler.pass(), START + 5000, 'looks after it');
    assert.equal((await heir.store.running()).length, 1, 'a living host keeps its run');
    dead.add('gone');
    bench.time.to(START + MINUTE);
    await heir.scheduler.pass();
    const [run] = await heir.store.runsOf('job', 1);
    assert.deepEqual([run!.status, run!.exit_code, heir.reaped], ['interrupted', null, [run!.id]]);
    assert.equal((await heir.store.get('job'))?.state.last_run, START + MINUTE);
    runs.open[0]!.end(OK);
    await gone.scheduler.settled();
    assert.equal((await heir.store.runsOf('job', 1))[0]!.status, 'interrupted', 'the dead have no say');
  });

  it('clears the run of a dead host also where its command was removed meanwhile', async () => {
    const runs = held();
    const gone = await bench.host('gone', runs);
    await bench.add(gone.store, 'job', { frequency_minutes: 5 });
    await gone.scheduler.pass();
    const dead = new Set<string>();
    const heir = await bench.host('heir', { dead });
    await heir.scheduler.pass();
    await heir.store.remove('job', START);
    dead.add('gone');
    await heir.scheduler.pass();
    assert.deepEqual([await heir.store.running(), heir.reaped.length], [[], 1]);
    await bench.add(heir.store, 'job', { frequency_minutes: 5 });
    runs.open[0]!.end(OK);
    await gone.scheduler.settled();
  });

  it('gives one start to whoever claims it first', async () => {
    const a = await bench.open();
    const b = await bench.open();
    await bench.add(a.store, 'job', { frequency_minutes: 5 });
    const request = (owner: string) => ({
      commandId: 'job',
      runId: bench.newId(),
      owner,
      machine: '',
      now: START,
      rules: { minIntervalMs: 0, priorityWeight: 0 },
      manual: false,
    });
    const claims = await Promise.all([a.store.claim(request('a')), b.store.claim(request('b'))]);
    assert.equal(claims.filter(Boolean).length, 1);
    await assert.rejects(
      a.store.claim({ ...request('a'), manual: true }),
      (error: unknown) =>
        error instanceof AmpaError && error.code === 'refused' && /already running/.test(error.message),
    );
    const owner = claims.find(Boolean)!.run;
    await a.store.finish(owner.id, { ...OK, at: START, owner: owner.owner }, 50);
    assert.equal(await b.store.claim(request('b')), undefined, 'it is not late any more');
    const manual = await b.store.claim({ ...request('b'), manual: true });
    assert.equal(manual?.run.due_at, null);
  });

  it('sets the global interval by a manual run, which is not held by it', async () => {
    const host = await bench.host('a', { minIntervalMs: HOUR });
    await bench.add(host.store, 'one', { frequency_minutes: 5 });
    await bench.add(host.store, 'two', { frequency_minutes: 5 });
    for (const runId of ['r1', 'r2']) {
      const claimed = await host.store.claim({
        commandId: 'one',
        runId,
        owner: 'person',
        machine: '',
        now: START,
        rules: { minIntervalMs: HOUR, priorityWeight: 0 },
        manual: true,
      });
      await host.store.finish(claimed!.run.id, { ...OK, at: START, owner: 'person' }, 50);
    }
    assert.equal(await host.scheduler.pass(), START + HOUR);
  });

  it('keeps the newest runs only', async () => {
    const host = await bench.host('a', { keep: 50 });
    await bench.add(host.store, 'job', { frequency_minutes: 1 });
    for (let i = 0; i < 60; i++) {
      bench.time.to(START + i * 2 * MINUTE);
      await host.scheduler.pass();
      await host.scheduler.settled();
    }
    const runs = await host.store.runsOf('job', 100);
    assert.equal(runs.length, 50);
    assert.equal(runs[0]!.started_at, START + 59 * 2 * MINUTE);
  });

  it('remembers what failed in the night, and since when it works again, however often it has run since', async () => {
    const failed = new Set([3, 4, 9]);
    let count = 0;
    const host = await bench.host('a', {
      keep: 5,
      execute: async () =>
        failed.has(count) ? { status: 'failed', exit_code: 3 } : { status: 'succeeded', exit_code: 0 },
    });
    await bench.add(host.store, 'job', { frequency_minutes: 1 });
    for (; count < 60; count++) {
      bench.time.to(START + count * 2 * MINUTE);
      await host.scheduler.pass();
      await host.scheduler.settled();
    }
    const minutes = (await host.store.runsOf('job', 100)).map((run) => (run.started_at - START) / MINUTE / 2);
    assert.deepEqual(minutes.toReversed(), [3, 4, 5, 9, 10, 55, 56, 57, 58, 59]);
    assert.equal((await host.store.runIds('job')).length, 10);
    // A week later nobody asks.
    bench.time.to(START + 8 * 24 * 60 * MINUTE);
    await host.scheduler.pass();
    await host.scheduler.settled();
    assert.equal((await host.store.runIds('job')).length, 5);
  });

  it('starts nothing twice when the clock is set back, and recovers from one that was years ahead', async () => {
    const host = await bench.host('a');
    await bench.add(host.store, 'cron', { cron: '*/10 * * * *', timezone: 'UTC' });
    await bench.add(host.store, 'every', { frequency_minutes: 10 });
    const look = async (at: number): Promise<void> => {
      bench.time.to(at);
      await host.scheduler.pass();
      await host.scheduler.settled();
    };
    const counts = async () => [
      (await host.store.runsOf('cron', 99)).length,
      (await host.store.runsOf('every', 99)).length,
    ];
    await look(START);
    await look(START + 10 * MINUTE + 1);
    assert.deepEqual(await counts(), [1, 2]);
    await look(START + 5 * MINUTE);
    await look(START + 10 * MINUTE + 1);
    assert.deepEqual(await counts(), [1, 2]);
    const years = START + 3 * 365 * 24 * HOUR;
    await look(years);
    assert.deepEqual(await counts(), [2, 3]);
    await look(START + 11 * MINUTE);
    await look(START + 22 * MINUTE);
    assert.deepEqual(await counts(), [3, 4], 'they do not wait for years');
  });
});
