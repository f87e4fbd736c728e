import assert from 'node:assert/strict';
import { scheduleBench } from '../support/scheduleBench.ts';
import { addDay, checkDay, dayHost } from '../support/scheduleDay.ts';
import { dayOfProcesses } from '../support/scheduleProcessDay.ts';

const HOUR = 3600_000;

describe('a day of the scheduler', () => {
  for (const [count, begin, change] of [
    [2, '2026-03-28T12:00Z', 'forward'],
    [5, '2026-10-24T12:00Z', 'back'],
  ] as const) {
    it(`on ${count} hosts, in which the clocks go ${change}: nothing runs twice, nothing is missed`, async function () {
      this.timeout(60_000);
      const from = Date.parse(begin);
      const bench = scheduleBench({ at: from });
      try {
        const hosts = await Promise.all(
          Array.from({ length: count }, (_, i) => dayHost(bench, `host${i}`, new Set<string>())),
        );
        const { store } = await bench.open();
        await addDay(bench, store);
        const end = from + 24 * HOUR;
        for (let now = from, steps = 0; now <= end; steps++) {
          const looks: number[] = [];
          // Every now and then all at once; otherwise who comes first changes.
          if (steps % 20 === 0) looks.push(...(await Promise.all(hosts.map((host) => host.step(now)))));
          else for (const host of hosts) looks.push(await host.step(now));
          hosts.push(hosts.shift()!);
          now = Math.max(Math.min(...looks), now + 1);
        }
        const { owners, runs } = await checkDay(store, from, end);
        assert.ok(runs > 400, `${runs} runs`);
        assert.equal(owners.size, count, 'every host had its share');
        assert.deepEqual(bench.errors, []);
      } finally {
        await bench.remove();
      }
    });
  }

  it('on two processes, one of them killed now and then: nothing runs twice, nothing is missed', async function () {
    this.timeout(60_000);
    const from = Date.parse('2026-03-29T00:00Z');
    const { owners, killed, interrupted } = await dayOfProcesses({ hosts: 2, from, hours: 3, killEverySteps: 60 });
    assert.ok(owners.size >= 3 && killed >= 2, `${owners.size} owners, ${killed} killed, ${interrupted} interrupted`);
  });
});
