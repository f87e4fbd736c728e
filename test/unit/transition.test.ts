import assert from 'node:assert/strict';
import fc from 'fast-check';
import { REASONS, statusOf, type Reason } from '../../src/tasks/reasons.ts';
import { PHASES, STATUSES, type Status } from '../../src/tasks/task.ts';
import { transition, type Lifecycle, type TransitionEvent } from '../../src/tasks/transition.ts';

const REASON_NAMES = (Object.keys(REASONS) as Reason[]).filter(
  (reason): reason is Exclude<Reason, 'user'> => reason !== 'user',
);

/** The table of the contract: from which status to which. */
const LEGAL: Record<Status, readonly Status[]> = {
  queued: ['running', 'aborted', 'error'],
  running: ['running', 'retrying', 'needs_review', 'success', 'error', 'aborted'],
  retrying: ['running', 'retrying', 'needs_review', 'error', 'aborted'],
  needs_review: ['queued', 'aborted', 'success'],
  error: ['queued', 'aborted'],
  aborted: ['queued'],
  success: ['queued', 'aborted', 'success'],
};

const lifecycle = fc.record<Lifecycle>({
  status: fc.constantFrom(...STATUSES),
  phase: fc.option(fc.constantFrom(...PHASES)),
  reason: fc.option(fc.constantFrom(...REASON_NAMES)),
  merged_at: fc.option(fc.constant('2026-01-01T00:00:00.000Z')),
});
const event = fc.oneof<fc.Arbitrary<TransitionEvent>[]>(
  fc.constantFrom<TransitionEvent>(
    { type: 'begin' },
    { type: 'retry' },
    { type: 'succeed' },
    { type: 'abort' },
    { type: 'continue' },
    { type: 'merge', at: '2026-01-02T00:00:00.000Z' },
  ),
  fc.constantFrom(...PHASES).map((phase) => ({ type: 'advance' as const, phase })),
  fc.constantFrom(...REASON_NAMES).map((reason) => ({ type: 'stop' as const, reason })),
);

describe('the transition of a task', () => {
  it('has an answer for every state and event, and never goes where the table does not', () => {
    fc.assert(
      fc.property(lifecycle, event, (from, what) => {
        const result = transition(from, what);
        if (!result.ok) {
          assert.equal(result.error.code, 'illegal_transition');
          assert.match(result.error.message, /^cannot \w+ an? /);
          assert.notEqual(result.error.hint, '');
          return;
        }
        assert.ok(
          LEGAL[from.status].includes(result.to.status),
          `${from.status} → ${result.to.status} by ${what.type}`,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps phase, reason and status consistent', () => {
    fc.assert(
      fc.property(lifecycle, event, (from, what) => {
        const result = transition(from, what);
        if (!result.ok) return;
        const { status, phase, reason } = result.to;
        assert.equal(phase !== null, status === 'running' || status === 'retrying', 'a phase only while active');
        if (reason !== null) assert.equal(statusOf(reason as Reason), status);
        assert.equal(reason !== null, status === 'needs_review' || status === 'error' || status === 'aborted');
      }),
      { numRuns: 2000 },
    );
  });

  it('reaches every legal pair of the table', () => {
    const seen = new Set<string>();
    for (const status of STATUSES) {
      const events: TransitionEvent[] = [
        { type: 'begin' },
        { type: 'retry' },
        { type: 'succeed' },
        { type: 'abort' },
        { type: 'continue' },
        { type: 'merge', at: 'now' },
        { type: 'advance', phase: 'checks' },
        ...REASON_NAMES.map((reason) => ({ type: 'stop' as const, reason })),
      ];
      for (const what of events) {
        const result = transition({ status, phase: null, reason: null, merged_at: null }, what);
        if (result.ok) seen.add(`${status} ${result.to.status}`);
      }
    }
    for (const from of STATUSES) for (const to of LEGAL[from]) assert.ok(seen.has(`${from} ${to}`), `${from} → ${to}`);
  });

  it('says what cannot be done to a merged task', () => {
    const merged: Lifecycle = { status: 'success', phase: null, reason: null, merged_at: 'now' };
    for (const what of [{ type: 'continue' }, { type: 'abort' }, { type: 'merge', at: 'later' }] as const) {
      const result = transition(merged, what);
      assert.ok(!result.ok);
      assert.equal(result.error.message, `cannot ${what.type} a merged task`);
    }
  });
});
