import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FAILURES_MS, forgotten, hasFailed } from '../../src/scheduler/retention.ts';
import type { RunStatus } from '../../src/scheduler/spec.ts';

const MINUTE = 60_000;
const NOW = 100 * FAILURES_MS;

/** Runs that a letter each stands for, the newest last and a minute before now: ok, Failed, Timed out, Interrupted, skipped. */
const runs = (letters: string) =>
  letters
    .split('')
    .map((letter, i) => ({
      id: `${letter}${i}`,
      status: ({ o: 'succeeded', F: 'failed', T: 'timed_out', I: 'interrupted', s: 'skipped' } as const)[letter]!,
      started_at: NOW - (letters.length - i) * MINUTE,
    }))
    .toReversed();

/** What stays, the oldest first. */
const kept = (letters: string, keep = 10, now = NOW): string => {
  const older = runs(letters) as { id: string; status: RunStatus; started_at: number }[];
  const gone = new Set(forgotten(older, keep, now));
  return older
    .filter(({ id }) => !gone.has(id))
    .map(({ id }) => id)
    .toReversed()
    .join(' ');
};

describe('Of the runs behind the newest', () => {
  it('failures stay, each with the success that ended it', () => {
    assert.equal(kept('oooFFooTosIsooo'), 'F3 F4 o5 T7 o8 I10 o12');
    assert.equal(kept('oooosso'), '');
  });

  it('as many failures stay as runs, the newest', () => {
    assert.equal(kept('FoFoFoFF', 3), 'F4 o5 F6 F7');
    assert.equal(kept('FFFFF', 2), 'F3 F4');
  });

  it('failures go after a week', () => {
    assert.equal(kept('Fo', 10, NOW + FAILURES_MS - 2 * MINUTE), 'F0 o1');
    assert.equal(kept('Fo', 10, NOW + FAILURES_MS - 2 * MINUTE + 1), '');
  });

  it('what stays once stays while nothing changes, and is no more than twice the failures', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('o', 'F', 'T', 'I', 's')),
        fc.integer({ min: 1, max: 6 }),
        (letters, keep) => {
          const older = runs(letters.join(''));
          const gone = new Set(forgotten(older, keep, NOW));
          const left = older.filter(({ id }) => !gone.has(id));
          assert.deepEqual(forgotten(left, keep, NOW), []);
          const failures = older.filter(({ status }) => hasFailed(status)).length;
          assert.equal(left.filter(({ status }) => hasFailed(status)).length, Math.min(keep, failures));
          assert.ok(left.length <= 2 * keep);
        },
      ),
    );
  });
});
