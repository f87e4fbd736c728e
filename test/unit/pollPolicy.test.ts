import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  fullAllowance,
  mayAsk,
  MIN_DELAY_MS,
  pollDelay,
  spend,
  wakeAt,
  type Waiting,
} from '../../src/tasks/pollPolicy.ts';

const HOUR = 3_600_000;
const T0 = Date.parse('2026-01-01T00:00:00Z');

/** Looks in one hour, of a repository whose waiting commits are those of each moment. */
function looksInAnHour(waitingAt: (now: number) => Waiting[]): number {
  let allowance = fullAllowance(T0);
  let looks = 0;
  for (let now = T0; now < T0 + HOUR;) {
    allowance = spend(allowance, now);
    looks++;
    now += pollDelay(waitingAt(now), allowance, null, now);
  }
  return looks;
}

describe('the rhythm of looks at a repository', () => {
  it('never costs more than 260 looks an hour, however often ten tasks push', () => {
    assert.ok(looksInAnHour((now) => Array.from({ length: 10 }, () => ({ since: now, usualMs: null }))) <= 260);
    assert.ok(
      looksInAnHour((now) =>
        Array.from({ length: 10 }, (_, i) => ({ since: now - i * 60_000, usualMs: 5 * 60_000 })),
      ) <= 260,
    );
  });

  it('is quick after the push, sparse in the middle, and quick again near the usual end', () => {
    const usualMs = 10 * 60_000;
    const at = (age: number) => pollDelay([{ since: T0, usualMs }], fullAllowance(T0 + age), null, T0 + age);
    assert.equal(at(0), 5_000);
    assert.equal(at(4 * 60_000), 30_000);
    assert.equal(at(9.5 * 60_000), 5_000);
    assert.equal(at(20 * 60_000), 15_000);
  });

  it('wakes for the beginning of the quick time, not somewhere in it', () => {
    const usualMs = 10 * 60_000;
    const near = usualMs - 90_000;
    const delay = pollDelay([{ since: T0, usualMs }], fullAllowance(T0), null, T0 + near - 12_000);
    assert.equal(delay, 12_000);
  });

  it('leaves what it may ask to the ends of runs where those are heard of', () => {
    const waiting = [{ since: T0, usualMs: 60_000, covered: true }];
    const low = spend(fullAllowance(T0), T0, 40);
    assert.equal(pollDelay(waiting, fullAllowance(T0), null, T0), 30_000);
    assert.equal(pollDelay(waiting, low, null, T0), 90_000);
    assert.equal(pollDelay([...waiting, { since: T0, usualMs: null }], fullAllowance(T0), null, T0), 5_000);
    assert.equal(mayAsk(spend(low, T0, 8), T0), true);
    assert.equal(mayAsk(spend(low, T0, 9), T0), false);
  });

  it('slows down as the budget of the hour shrinks, and waits for its renewal when it is gone', () => {
    const waiting = [{ since: T0, usualMs: null }];
    const budget = (remaining: number) => ({ remaining, limit: 5000, resetsAt: T0 + HOUR });
    assert.equal(pollDelay(waiting, fullAllowance(T0), budget(4000), T0), 5_000);
    assert.ok(pollDelay(waiting, fullAllowance(T0), budget(100), T0) > 60_000);
    assert.equal(pollDelay(waiting, fullAllowance(T0), budget(0), T0), HOUR);
  });

  it('is never under five seconds', () => {
    const waiting = fc.record({
      since: fc.integer({ min: T0 - HOUR, max: T0 + HOUR }),
      usualMs: fc.option(fc.integer({ min: 0, max: HOUR })),
    });
    fc.assert(
      fc.property(fc.array(waiting), fc.integer({ min: 0, max: 60 }), (commits, spent) => {
        let allowance = fullAllowance(T0);
        for (let i = 0; i < spent; i++) allowance = spend(allowance, T0);
        assert.ok(pollDelay(commits, allowance, null, T0) >= MIN_DELAY_MS);
      }),
    );
  });
});

describe('a look that a webhook asks for', () => {
  const after = (looks: number) => {
    let allowance = fullAllowance(T0);
    for (let i = 0; i < looks; i++) allowance = spend(allowance, T0);
    return allowance;
  };

  it('is due at once, half a second after the last one at the earliest', () => {
    assert.equal(wakeAt(T0 + 20_000, after(1), true, T0 + 10_000), T0 + 10_000);
    assert.equal(wakeAt(T0 + 20_000, after(1), true, T0 + 100), T0 + 500);
    assert.equal(wakeAt(T0 + 300, after(1), true, T0 + 100), T0 + 300, 'it is due before');
  });

  it('is paid from the same allowance, of which half is kept for checks that have ended', () => {
    assert.equal(wakeAt(T0 + 20_000, after(30), false, T0 + 10_000), T0 + 20_000);
    assert.equal(wakeAt(T0 + 20_000, after(30), true, T0 + 10_000), T0 + 10_000);
    assert.equal(wakeAt(T0 + 20_000, after(60), true, T0 + 10_000), T0 + 20_000);
  });

  it("does not spend the last of GitHub's own budget", () => {
    assert.equal(wakeAt(T0 + 120_000, after(1), true, T0 + 10_000), T0 + 120_000);
  });

  it('keeps to 260 looks an hour, whatever comes', () => {
    let allowance = fullAllowance(T0);
    let looks = 0;
    for (let now = T0; now < T0 + HOUR;) {
      allowance = spend(allowance, now);
      looks++;
      const planned = now + pollDelay([{ since: now, usualMs: null }], allowance, null, now);
      // News comes every 100 ms.
      let next = planned;
      for (let at = now; at < planned; at += 100) {
        next = Math.min(next, wakeAt(planned, allowance, true, at));
        if (next <= at) break;
      }
      now = next;
    }
    assert.ok(looks <= 261, `${looks}`);
  });
});
