import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { watchStore } from '../../src/app/watcher.ts';
import { compileCron } from '../../src/scheduler/cron.ts';
import { createScheduler } from '../../src/scheduler/loop.ts';
import type { Clock } from '../../src/tasks/ports.ts';
import { START } from '../support/movedClock.ts';
import { scheduleBench } from '../support/scheduleBench.ts';
import { until } from '../support/until.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('a scheduler whose timers are wrong', () => {
  let bench: ReturnType<typeof scheduleBench>;
  beforeEach(() => {
    bench = scheduleBench();
  });
  afterEach(async () => {
    await bench.remove();
    assert.deepEqual(bench.errors, []);
  });

  it('makes up once for what a sleeping machine missed, at the first look of the watcher', async () => {
    const host = await bench.host('a');
    await bench.add(host.store, 'cron', { cron: '*/10 * * * *', timezone: 'UTC' });
    await bench.add(host.store, 'every', { frequency_minutes: 10 });
    const looping = host.scheduler.loop();
    await until('the first run', async () => (await host.store.get('every'))?.state.last_status === 'succeeded');
    bench.time.set(START + 8 * HOUR + 4 * MINUTE);
    await until('both have run', async () => {
      host.looked();
      return (await host.store.runsOf('cron', 9)).length === 1 && (await host.store.runsOf('every', 9)).length === 2;
    });
    for (let look = 0; look < 50; look++) {
      host.looked();
      await host.store.revision();
    }
    host.stop.abort();
    await looping;
    assert.deepEqual(
      (await host.store.runsOf('cron', 9)).map((run) => run.due_at),
      [START + 8 * HOUR],
    );
    assert.equal((await host.store.runsOf('every', 9)).length, 2);
  });

  it('does nothing at a look that sees the clock where it should be', async () => {
    const host = await bench.host('a');
    await bench.add(host.store, 'daily', { cron: '0 3 * * *', timezone: 'UTC' });
    const looping = host.scheduler.loop();
    await until('it waits', () => bench.time.sleeps() === 1);
    for (let at = START; at < START + HOUR; at += 2000) {
      bench.time.set(at);
      host.looked();
    }
    await host.store.revision();
    assert.equal(bench.time.sleeps(), 1);
    host.stop.abort();
    await looping;
  });

  for (const [what, jump] of [
    ['beyond the due time', 2 * HOUR],
    ['to just before the due time', HOUR - 500],
  ] as const) {
    it(`runs within seconds what is due by a clock set forward ${what}, with real timers and nothing else going on`, async () => {
      const host = await bench.open();
      let ahead = START - Date.now();
      const clock: Clock = {
        now: () => Date.now() + ahead,
        sleep: (ms, signal) =>
          new Promise((resolve) => {
            const timer = setTimeout(resolve, ms);
            signal?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
          }),
        after(ms, fire) {
          const timer = setTimeout(fire, ms);
          return () => clearTimeout(timer);
        },
      };
      const watcher = watchStore(host.database);
      // Ten times faster than an idle watcher: 200 ms instead of 2 s.
      watcher.setBusy(true);
      await bench.add(host.store, 'hourly', { cron: '0 * * * *', timezone: 'UTC' });
      const stop = new AbortController();
      let looks = 0;
      const scheduler = createScheduler(
        {
          store: host.store,
          clock,
          owner: 'a',
          machine: '',
          newId: bench.newId,
          rules: () => (looks++, { minIntervalMs: 0, priorityWeight: 0 }),
          llmUp: async () => true,
          pollMs: () => 5000,
          isDead: async () => false,
          reap: async () => undefined,
          execute: async () => ({ status: 'succeeded', exit_code: 0 }),
          afterRun: async () => undefined,
          keepRuns: () => 9,
          onChange: watcher.onChange,
          onLook: watcher.onLook,
          onError: (error) => bench.errors.push(error),
        },
        stop.signal,
      );
      const looping = scheduler.loop();
      try {
        await until('it waits', () => looks > 0);
        ahead += jump;
        // Its own timer would fire in an hour.
        await until('the run', async () => (await host.store.get('hourly'))?.state.last_status === 'succeeded');
      } finally {
        stop.abort();
        await looping;
        watcher.stop();
      }
    });
  }

  it('starts on two hosts exactly what is due, whichever way the clock goes', async () => {
    const hosts = [await bench.host('a'), await bench.host('b')];
    const { store } = hosts[0]!;
    const cron = compileCron('*/7 * * * *', 'Europe/Berlin');
    const moves = fc.array(
      fc.record({ minutes: fc.integer({ min: -60, max: 90 }), restart: fc.boolean(), both: fc.boolean() }),
      { minLength: 4, maxLength: 20 },
    );
    let round = 0;
    let now = START;
    await fc.assert(
      fc.asyncProperty(moves, async (steps) => {
        round++;
        // Beyond what an earlier round has left.
        now += 48 * HOUR;
        bench.time.to(now);
        await bench.add(store, `cron${round}`, { cron: '*/7 * * * *', timezone: 'Europe/Berlin' });
        await bench.add(store, `every${round}`, { frequency_minutes: 10 });
        let served = now;
        let last: number | null = null;
        const due: number[] = [];
        const starts: number[] = [];
        for (const { minutes, restart, both } of steps) {
          now += minutes * MINUTE;
          bench.time.to(now);
          if (restart) {
            hosts[1]!.stop.abort();
            hosts[1] = await bench.host('b');
          }
          hosts.reverse();
          if (both) await Promise.all(hosts.map((host) => host.scheduler.pass()));
          else for (const host of hosts) await host.scheduler.pass();
          for (const host of hosts) await host.scheduler.settled();

          const newest = cron.newest(served, now);
          if (newest !== null) due.push((served = newest));
          if (last !== null) last = Math.min(last, now);
          if (last === null || now - last > 10 * MINUTE) starts.push((last = now));
        }
        const runsOf = async (id: string) => (await store.runsOf(id, 99)).toSorted((a, b) => (a.id < b.id ? -1 : 1));
        assert.deepEqual(
          (await runsOf(`cron${round}`)).map((run) => run.due_at),
          due,
        );
        assert.deepEqual(
          (await runsOf(`every${round}`)).map((run) => run.started_at),
          starts,
        );
        await store.remove(`cron${round}`, now);
        await store.remove(`every${round}`, now);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });

  it('has a watcher that looks every 2 s while nothing goes on, every 200 ms otherwise, and not where nobody listens', () => {
    const time = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      let looks = 0;
      const watcher = watchStore({ version: () => '1' });
      time.tick(MINUTE);
      const off = watcher.onLook(() => looks++);
      time.tick(MINUTE);
      assert.equal(looks, 30);
      watcher.setBusy(true);
      time.tick(MINUTE);
      assert.equal(looks, 330);
      off();
      time.tick(MINUTE);
      assert.equal(looks, 330);
      assert.equal(time.countTimers(), 0);
    } finally {
      time.restore();
    }
  });
});
