import assert from 'node:assert/strict';
import fc from 'fast-check';
import { foldChecks, workflowRun, type ChecksVerdict } from '../../src/tasks/fold.ts';
import type { CheckState } from '../../src/tasks/task.ts';

const STATES: readonly CheckState[] = [
  'queued',
  'running',
  'success',
  'failure',
  'timed_out',
  'cancelled',
  'stale',
  'action_required',
  'startup_failure',
  'skipped',
  'neutral',
];

describe('the fold of checks', () => {
  const table: [CheckState[], ChecksVerdict][] = [
    [[], 'missing'],
    [['success'], 'green'],
    [['success', 'skipped', 'neutral'], 'green'],
    [['skipped', 'neutral'], 'missing'],
    [['success', 'failure'], 'red'],
    [['timed_out'], 'red'],
    [['failure', 'running'], 'pending'],
    [['queued'], 'pending'],
    [['success', 'cancelled'], 'rerun'],
    [['stale'], 'rerun'],
    [['success', 'action_required'], 'blocked'],
    [['startup_failure'], 'blocked'],
    [['failure', 'startup_failure'], 'red'],
    [['cancelled', 'startup_failure'], 'blocked'],
  ];
  for (const [states, verdict] of table) {
    it(`says ${verdict} of ${states.join(', ') || 'no check'}`, () => assert.equal(foldChecks(states), verdict));
  }

  it('is blocked where the one re-run is spent', () => assert.equal(foldChecks(['cancelled'], true), 'blocked'));

  it('is never green without a success, nor with anything red or unfinished', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...STATES)), fc.boolean(), (states, spent) => {
        if (foldChecks(states, spent) !== 'green') return;
        assert.ok(states.includes('success'));
        assert.ok(states.every((state) => state === 'success' || state === 'skipped' || state === 'neutral'));
      }),
    );
  });

  it('does not depend on the order of the checks', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...STATES)), (states) => {
        assert.equal(foldChecks(states), foldChecks([...states].reverse()));
      }),
    );
  });
});

describe('the run of the checks', () => {
  const repo = { kind: 'github', host: 'github.com', owner: 'acme', name: 'widget' } as const;
  const table: [string, [CheckState, string | null][], string | null][] = [
    ['is none where nothing checks', [], null],
    ['is none where no workflow checks', [['failure', null]], null],
    [
      'is the first while none is red',
      [
        ['success', '1'],
        ['running', '2'],
      ],
      '1',
    ],
    [
      'is the red one, wherever it stands',
      [
        ['failure', null],
        ['success', '1'],
        ['timed_out', '2'],
      ],
      '2',
    ],
  ];
  for (const [name, checks, id] of table) {
    it(name, () =>
      assert.deepEqual(
        workflowRun(
          repo,
          checks.map(([state, runId]) => ({ state, runId })),
        ),
        { ci_run_id: id, ci_url: id && `https://github.com/acme/widget/actions/runs/${id}` },
      ),
    );
  }
});
