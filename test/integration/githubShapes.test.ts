import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Task } from '../../src/tasks/task.ts';
import type { Conclusion, FakeCheckRun } from '../support/fakeGitHubState.ts';
import { createHubProject, type HubProject } from '../support/hubProject.ts';
import { failed, line, longLog, step } from '../support/jobLogs.ts';

interface Shape {
  name: string;
  jobs: string[];
  ends: Record<string, Conclusion | Partial<FakeCheckRun>>;
  /** Stands in the prompt. */
  told: RegExp[];
}

/** Lines of other steps and of jobs that are green: nothing of them may be told. */
const ELSEWHERE = /error in the set-up|from checkout|from afterwards|green leg/;

const GREEN_LEG: Partial<FakeCheckRun> = {
  conclusion: 'success',
  steps: [step(1, 'Set up job', 0, 2)],
  log: line(1, 'error: green leg'),
};

const SHAPES: Shape[] = [
  {
    name: 'a compile error',
    jobs: ['build'],
    ends: { build: failed(['gcc -c main.c', "\u001b[31mmain.c:3:5: error: 'x' undeclared\u001b[0m"]) },
    told: [/The check "build" failed/, /Failed step: Build/, /^main\.c:3:5: error: 'x' undeclared$/m, /exit code 2/],
  },
  {
    name: 'a failing test in the middle of 50 MB',
    jobs: ['test'],
    ends: { test: failed([], { log: longLog(['not ok 7 - the needle', '  expected 1, got 2']) }) },
    told: [/^not ok 7 - the needle\n {2}expected 1, got 2$/m, /exit code 1/],
  },
  {
    name: 'a step that was killed by its timeout',
    jobs: ['test'],
    ends: { test: failed(['still going', "##[error]The action 'Build' has timed out after 5 minutes."]) },
    told: [/timed out after 5 minutes/, /^still going$/m],
  },
  {
    name: 'a job that was killed by its timeout',
    jobs: ['test'],
    ends: {
      test: {
        conclusion: 'timed_out',
        steps: [step(1, 'Set up job', 0, 2), step(2, 'Run tests', 2, 30, 'cancelled')],
        annotations: [
          {
            path: '.github',
            start_line: 1,
            message: 'The job running on runner x has exceeded the maximum execution time of 6 minutes.',
            annotation_level: 'failure',
          },
        ],
        log: line(2, '##[group]Run make') + line(9, 'half way') + line(30, '##[error]The operation was canceled.'),
      },
    },
    told: [/timed out after 6 minutes/, /Failed step: Run tests/, /^half way$/m],
  },
  {
    name: 'one failing leg of a matrix',
    jobs: ['test (18)', 'test (20)', 'test (22)'],
    ends: { 'test (18)': GREEN_LEG, 'test (20)': failed(['FAIL on 20 only']), 'test (22)': GREEN_LEG },
    told: [/The check "test \(20\)" failed/, /^FAIL on 20 only$/m],
  },
  {
    name: 'a failing job of a reusable workflow',
    jobs: ['lint', 'release / build'],
    ends: { lint: GREEN_LEG, 'release / build': failed(['FAIL inside of what is called']) },
    told: [/The check "release \/ build" failed/, /^FAIL inside of what is called$/m],
  },
];

describe('CI on pull requests only', () => {
  let it_: HubProject;
  beforeEach(async () => {
    it_ = await createHubProject('ampa-shapes-');
  });
  afterEach(() => it_.remove());

  const prompt = (attempt: number): string => readFileSync(path.join(it_.project.box.dir, `prompt-${attempt}`), 'utf8');
  /** An agent that keeps each prompt, and does well the second time. */
  async function run(jobs: string[], ends: (turn: number) => Shape['ends'], fault = it_.fake.fault): Promise<Task> {
    it_.hub.workflow({ name: 'CI', on: ['pull_request'], jobs });
    it_.startCi((sha) => ends(Number(it_.fileAt(sha, 'state.txt'))));
    it_.fake.fault = fault;
    const app = await it_.open(`cat > '${it_.project.box.dir}/prompt-'$AMPA_ATTEMPT; echo "$AMPA_ATTEMPT" > state.txt`);
    const { id } = await app.start({ prompt: 'Make it good' });
    return app.carryHere(id, new AbortController().signal);
  }

  for (const { name, jobs, ends, told } of SHAPES) {
    it(`tells the agent the failing step's own lines of ${name}, and is green when it is mended`, async () => {
      const task = await run(jobs, (turn) => (turn === 1 ? ends : {}));
      assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
      assert.equal(task.attempts, 2);
      assert.ok(it_.hub.runs.every((it) => it.event === 'pull_request'));
      for (const words of told) assert.match(prompt(2), words);
      assert.doesNotMatch(prompt(2), ELSEWHERE);
      assert.ok(prompt(2).length < 6_000, `${prompt(2).length} characters`);
    }).timeout(60_000);
  }

  it('says in the prompt and on the task which check was red on the base, too', async () => {
    const { hub, project } = it_;
    const base = hub.run(project.box.git(project.origin, 'rev-parse', 'main'), {
      workflow: 'CI',
      jobs: ['build', 'lint'],
    });
    hub.finish(base, { build: 'failure' });
    const both = { build: failed(['main.c:3: error: no']), lint: failed(['lint: error: too long']) };
    const { id, status } = await run(['build', 'lint'], (turn) => (turn === 1 ? both : {}));
    assert.equal(status, 'success');
    assert.match(prompt(2), /The check "build" failed on your last commit \(it is red on the base too\)\./);
    assert.match(prompt(2), /The check "lint" failed on your last commit\./);
    const { events } = await (await it_.open('true')).show(id);
    assert.deepEqual(
      events.flatMap(({ note }) => (note?.startsWith('Red on') ? [note] : [])),
      ['Red on the base too: build'],
    );
  }).timeout(60_000);

  it('gives the agent no turn for a job that never started', async () => {
    const task = await run(['build'], () => ({ build: 'startup_failure' }));
    assert.equal(task.reason, 'checks_blocked');
    assert.match(task.reason_detail!, /build: startup failure/);
    assert.equal(task.attempts, 1);
  }).timeout(60_000);

  it('gives the agent no turn for a job that GitHub did not start and calls failed', async () => {
    const message = 'The job was not started because recent account payments have failed.';
    const annotations = [{ path: '.github', start_line: 1, message, annotation_level: 'failure' }];
    const task = await run(['build'], () => ({ build: { conclusion: 'failure', annotations } }));
    assert.equal(task.reason, 'checks_blocked', `${task.reason}: ${task.reason_detail}`);
    assert.match(task.reason_detail!, /^build: the job never started: .*payments have failed/);
    assert.equal(task.attempts, 1);
  }).timeout(60_000);

  it('tells the agent what failed although several jobs before it never started', async () => {
    const message = 'The job was not started because recent account payments have failed.';
    const annotations = [{ path: '.github', start_line: 1, message, annotation_level: 'failure' }];
    const never = { conclusion: 'failure', annotations } as const;
    const red = { a: never, b: never, c: never, real: failed(['main.c:3: error: no']) };
    const green = { a: 'success', b: 'success', c: 'success', real: 'success' } as const;
    const task = await run(Object.keys(red), (n) => (n === 1 ? red : green));
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
    assert.equal(task.attempts, 2);
    assert.match(prompt(2), /The check "real" failed[\s\S]*main\.c:3: error: no/);
  }).timeout(60_000);

  it('is run once more where it was cancelled, and goes on if that is green', async () => {
    let ends = 0;
    const task = await run(['build'], () => ({ build: ends++ === 0 ? 'cancelled' : 'success' }));
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
    assert.equal(task.attempts, 1);
    assert.equal(it_.fake.requests.filter((it) => it.includes('rerun')).length, 1);
  }).timeout(60_000);

  it('stops for a person where it is cancelled again', async () => {
    const task = await run(['build'], () => ({ build: 'cancelled' }));
    assert.equal(task.reason, 'checks_blocked');
    assert.equal(task.attempts, 1);
    assert.equal(it_.fake.requests.filter((it) => it.includes('rerun')).length, 1);
  }).timeout(60_000);

  it('names the permission that a second run would need', async () => {
    const task = await run(
      ['build'],
      () => ({ build: 'cancelled' }),
      ({ path: at }) =>
        at.includes('rerun')
          ? {
              status: 403,
              headers: { 'x-accepted-github-permissions': 'actions=write' },
              message: 'Resource not accessible by integration',
            }
          : null,
    );
    assert.equal(task.reason, 'checks_blocked');
    assert.match(
      task.reason_detail!,
      /^build: cancelled, and it may not be run again by this identity, which lacks the permission actions: write on acme\/widget/,
    );
    assert.equal(task.attempts, 1);
  }).timeout(60_000);
});
