import assert from 'node:assert/strict';
import {
  checkRunIdFromUrl,
  checkRunState,
  countingChecks,
  emptyRunState,
  idsFromUrl,
  statusState,
  type FoundCheck,
} from '../../src/adapters/github/checkStates.ts';
import { createStepFilter, timeoutIn, type StepTimes } from '../../src/adapters/github/stepLog.ts';
import type { CheckState } from '../../src/tasks/task.ts';

describe('The state of a check in our words', () => {
  const runs: [status: string, conclusion: string | null, state: CheckState, empty?: CheckState][] = [
    ['queued', null, 'queued'],
    ['requested', null, 'queued'],
    ['waiting', null, 'queued'],
    ['pending', null, 'queued'],
    ['in_progress', null, 'running'],
    ['completed', null, 'running'],
    ['completed', 'success', 'success', 'neutral'],
    ['completed', 'failure', 'failure', 'startup_failure'],
    ['completed', 'neutral', 'neutral'],
    ['completed', 'cancelled', 'cancelled'],
    ['completed', 'skipped', 'skipped'],
    ['completed', 'timed_out', 'timed_out'],
    ['completed', 'action_required', 'action_required'],
    ['completed', 'stale', 'stale'],
    ['completed', 'startup_failure', 'startup_failure'],
    ['completed', 'something_new', 'action_required'],
  ];
  for (const [status, conclusion, state, empty = state] of runs) {
    it(`a check run that is ${status} ${conclusion ?? ''} is ${state}`, () => {
      assert.equal(checkRunState(status, conclusion), state);
      assert.equal(checkRunState(status.toUpperCase(), conclusion?.toUpperCase()), state);
      assert.equal(emptyRunState(status, conclusion), empty, 'a workflow run without jobs');
    });
  }
  const statuses: [string, CheckState][] = [
    ['success', 'success'],
    ['failure', 'failure'],
    ['error', 'failure'],
    ['pending', 'running'],
    ['expected', 'queued'],
    ['whatever', 'action_required'],
  ];
  for (const [word, state] of statuses) {
    it(`a status that is ${word} is ${state}`, () => assert.equal(statusState(word.toUpperCase()), state));
  }
});

describe('The checks that count', () => {
  const found = (more: Partial<FoundCheck>): FoundCheck => ({
    id: 'check:1',
    label: 'build',
    source: 'workflow 1',
    event: 'push',
    state: 'success',
    url: null,
    startedAt: null,
    endedAt: null,
    required: false,
    runId: '10',
    jobId: '1',
    workflow: 'CI',
    ...more,
  });
  const names = (...checks: FoundCheck[]): string[] => countingChecks(checks).map((it) => `${it.name}: ${it.state}`);

  it('are those of the newest run of a workflow, whatever the order', () => {
    const old = found({ state: 'failure', runId: '9', id: 'check:1' });
    const fresh = found({ runId: '10', id: 'check:2' });
    assert.deepEqual(names(old, fresh), ['build: success']);
    assert.deepEqual(names(fresh, old), ['build: success']);
  });

  it('are of each workflow that ran, with its name in front', () => {
    assert.deepEqual(names(found({}), found({ source: 'workflow 2', workflow: 'Lint', id: 'check:2', runId: '11' })), [
      'CI / build: success',
      'Lint / build: success',
    ]);
  });

  it('are of both workflows where two have the same name', () => {
    assert.deepEqual(names(found({ state: 'failure' }), found({ source: 'workflow 2', id: 'check:2', runId: '11' })), [
      'build: failure',
      'build (2): success',
    ]);
  });

  it('are of both events where one workflow ran for two', () => {
    assert.deepEqual(names(found({ state: 'failure' }), found({ event: 'pull_request', id: 'check:2', runId: '11' })), [
      'build (push): failure',
      'build (pull_request): success',
    ]);
  });

  it('are all jobs of one run, those of the same name too: a green leg hides no red one', () => {
    const states = countingChecks([found({ state: 'failure' }), found({ id: 'check:2', jobId: '2' })]);
    assert.deepEqual(
      states.map((it) => it.state),
      ['failure', 'success'],
    );
    assert.equal(new Set(states.map((it) => it.name)).size, 2);
  });

  it('are the newest of each name of another app', () => {
    const other = { source: 'app lint', event: null, runId: null, jobId: null, workflow: null };
    assert.deepEqual(
      names(found({ ...other, id: 'check:99', state: 'failure' }), found({ ...other, id: 'check:100' })),
      ['build: success'],
    );
  });
});

describe('Ids in addresses of GitHub', () => {
  it('are read from all that GitHub writes', () => {
    const web = 'https://github.com/o/r';
    assert.deepEqual(idsFromUrl(`${web}/actions/runs/123/job/456?pr=7`), { runId: '123', jobId: '456' });
    assert.deepEqual(idsFromUrl(`${web}/actions/runs/123/attempts/2/job/456`), { runId: '123', jobId: '456' });
    assert.deepEqual(idsFromUrl(`${web}/actions/runs/123`), { runId: '123', jobId: null });
    assert.deepEqual(idsFromUrl(null), { runId: null, jobId: null });
    assert.equal(checkRunIdFromUrl(`${web}/runs/789`), '789');
    assert.equal(checkRunIdFromUrl(`${web}/runs/789?check_suite_focus=true`), '789');
    assert.equal(checkRunIdFromUrl(`${web}/actions/runs/123/job/456`), '456');
    assert.equal(checkRunIdFromUrl('https://ci.example/build'), null);
  });
});

describe('The part of a log that is one step', () => {
  const step = (more: Partial<StepTimes>): StepTimes => ({
    name: 'Test',
    startedAt: '2026-01-01T00:00:10Z',
    endedAt: '2026-01-01T00:00:20Z',
    sameSecondBefore: 0,
    first: false,
    ...more,
  });
  function part(times: StepTimes, log: string[]): string[] {
    const fateOf = createStepFilter(times);
    let kept: string[] = [];
    for (const line of log) {
      const fate = fateOf(line);
      if (fate === 'restart') kept = [];
      if (fate === 'keep' || fate === 'restart') kept.push(line.replace(/^\S+ /, ''));
    }
    return kept;
  }
  const at = (second: number, text: string): string =>
    `2026-01-01T00:00:${String(second).padStart(2, '0')}.1234567Z ${text}`;

  it('lies between its times, without what began before in the same second', () => {
    const log = [
      at(9, '##[group]Run npm ci'),
      at(10, 'added 9 packages'),
      at(10, '##[group]Run npm test'),
      at(12, 'not ok'),
      at(20, '##[error]Process completed with exit code 1.'),
      at(20, 'Post job cleanup.'),
      at(21, 'bye'),
    ];
    assert.deepEqual(part(step({}), log), [
      '##[group]Run npm test',
      'not ok',
      '##[error]Process completed with exit code 1.',
    ]);
  });

  it('of many steps in one second is the one that its place says', () => {
    const log = ['a', 'b', 'c'].flatMap((it) => [at(10, `##[group]Run ${it}`), at(10, `out ${it}`)]);
    log.push(at(10, '##[error]c failed'), at(10, '##[group]Run always'), at(10, 'out always'));
    const times = step({ endedAt: '2026-01-01T00:00:10Z', sameSecondBefore: 2 });
    assert.deepEqual(part(times, log), ['##[group]Run c', 'out c', '##[error]c failed']);
  });

  it('is found by its name though an earlier step of that second failed and was forgiven', () => {
    const log = [
      at(10, '##[group]Run lint'),
      at(10, '##[error]lint failed'),
      at(10, '##[group]Run npm test'),
      at(10, '##[error]test failed'),
      at(10, 'Post job cleanup.'),
    ];
    const times = step({ name: 'Run npm test', endedAt: '2026-01-01T00:00:10Z', sameSecondBefore: 1 });
    assert.deepEqual(part(times, log), ['##[group]Run npm test', '##[error]test failed']);
  });

  it('keeps lines without a time, a mark in its middle, and a byte order mark before all', () => {
    const log = [`\uFEFF${at(10, '##[group]Run it')}`, 'no time', at(15, '##[group]Run nested'), at(19, 'end')];
    assert.deepEqual(part(step({}), log).length, 4);
  });

  it('of "Set up job" has no mark to begin with', () => {
    const log = [
      at(10, 'Current runner version'),
      at(10, '##[group]Operating System'),
      at(11, '##[error]no such action'),
    ];
    assert.equal(part(step({ first: true, name: 'Set up job' }), log).length, 3);
  });

  it('says when time was up', () => {
    assert.equal(timeoutIn("##[error]The action 'Test' has timed out after 5 minutes."), 'timed out after 5 minutes');
    assert.equal(
      timeoutIn('The job running on runner x has exceeded the maximum execution time of 6 minutes.'),
      'timed out after 6 minutes',
    );
    assert.equal(timeoutIn('ok'), null);
  });
});
