import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { RedCheck } from '../../src/tasks/prompts.ts';
import type { FakeCheckRun } from '../support/fakeGitHubState.ts';
import { ACME, setUpGitHub, sha, type GitHubSetup } from '../support/github.ts';
import { failed, line, longLog, step } from '../support/jobLogs.ts';
import type { LogReading } from '../support/logReader.ts';

describe('What a red check on GitHub says', () => {
  let it_: GitHubSetup;
  let folder: string;
  beforeEach(async () => {
    it_ = await setUpGitHub();
    folder = await mkdtemp(path.join(tmpdir(), 'ampa-logs-'));
    it_.repo.push(sha(1), 'amp/1');
  });
  afterEach(async () => {
    await it_.fake.close();
    await rm(folder, { recursive: true });
  });

  async function red(name: string, secrets: string[] = []): Promise<{ check: RedCheck; log: string }> {
    const { forge } = await it_.make({ secrets });
    const { snapshots } = await forge.snapshots(ACME, [{ sha: sha(1), pullRequest: null }], it_.signal);
    const found = snapshots[0]?.checks.find((it) => it.name === name);
    assert.ok(found, `${name} is among ${snapshots[0]?.checks.map((it) => it.name).join(', ')}`);
    const file = path.join(folder, 'check.log');
    const check = await forge.failure(ACME, found, file, it_.signal);
    return { check, log: (await stat(file)).size > 10_000_000 ? '' : await readFile(file, 'utf8') };
  }
  const run = (jobs: Record<string, Partial<FakeCheckRun>>, names = Object.keys(jobs)): void =>
    it_.repo.finish(it_.repo.run(sha(1), { workflow: 'CI', jobs: names }), jobs);

  it('is the failing step’s own lines: a compile error', async () => {
    run({ build: failed(['gcc -c main.c', "\u001b[31mmain.c:3:5: error: 'x' undeclared\u001b[0m"]) });
    const { check, log } = await red('build');
    assert.equal(check.step, 'Build');
    assert.match(check.url ?? '', /\/actions\/runs\/\d+\/job\/\d+$/);
    assert.equal(
      check.excerpt,
      "##[group]Run make\ngcc -c main.c\nmain.c:3:5: error: 'x' undeclared\n##[error]Process completed with exit code 2.",
    );
    assert.equal(check.remark, null);
    assert.equal(log.split('\n').length, 5);
    assert.match(log, /^2026-01-01T10:00:04/);
  });

  it('masks secrets in the excerpt and in the file', async () => {
    run({ build: failed(['error: token hunter2hunter2 and ghp_0123456789012345678901234567890123456789']) });
    const { check, log } = await red('build', ['hunter2hunter2']);
    for (const text of [check.excerpt, log]) {
      assert.match(text, /error: token \*\*\* and \*\*\*/);
      assert.doesNotMatch(text, /hunter2|ghp_/);
    }
  });

  it('is the failing leg of a matrix, and the job of a reusable workflow', async () => {
    const legs = ['test (ubuntu)', 'test (windows)', 'call / inner'];
    run({ 'test (windows)': failed(['FAIL windows.test.ts']), 'call / inner': failed(['FAIL inner.test.ts']) }, legs);
    assert.match((await red('test (windows)')).check.excerpt, /FAIL windows/);
    assert.match((await red('call / inner')).check.excerpt, /FAIL inner/);
  });

  it('names the time when a step was ended by it', async () => {
    run({ build: failed(['still going', "##[error]The action 'Build' has timed out after 5 minutes."]) });
    assert.equal((await red('build')).check.remark, 'timed out after 5 minutes');
  });

  it('names the time when the whole job was ended by it', async () => {
    const steps = [step(1, 'Set up job', 0, 2), step(2, 'Build', 2, 30, 'cancelled')];
    const message = 'The job running on runner x has exceeded the maximum execution time of 6 minutes.';
    const annotations = [{ path: '.github', start_line: 1, message, annotation_level: 'failure' }];
    const log = line(2, '##[group]Run make') + line(9, 'half way') + line(30, '##[error]The operation was canceled.');
    run({ build: { conclusion: 'timed_out', steps, annotations, log } });
    const { check } = await red('build');
    assert.equal(check.remark, 'timed out after 6 minutes');
    assert.equal(check.step, 'Build');
    assert.match(check.excerpt, /half way/);
  });

  it('of a job that never started are its annotations', async () => {
    const message = 'The job was not started because recent account payments have failed.';
    const annotations = [{ path: '.github', start_line: 1, message, annotation_level: 'failure' }];
    run({ build: { conclusion: 'failure', annotations } });
    const { check, log } = await red('build');
    assert.deepEqual(check, {
      name: 'build',
      step: null,
      url: check.url,
      excerpt: `failure: ${message}`,
      remark: 'the job never started',
      neverStarted: true,
    });
    assert.equal(log, `failure: ${message}`);
  });

  it('of another app is its title, summary, text and annotations', async () => {
    it_.repo.check(sha(1), {
      app: 'lint',
      name: 'style',
      status: 'completed',
      conclusion: 'failure',
      output: { title: '1 problem', summary: 'Look below', text: null },
      annotations: [{ path: 'a.ts', start_line: 3, message: 'no tabs', annotation_level: 'failure', title: 'style' }],
    });
    assert.equal((await red('style')).check.excerpt, '1 problem\n\nLook below\n\na.ts:3: failure: style: no tabs');
  });

  it('of a status is its description', async () => {
    it_.repo.status(sha(1), 'ci/old', 'failure', { description: 'Build 7 failed' });
    const { check } = await red('ci/old');
    assert.equal(check.excerpt, 'Build 7 failed');
    assert.match(check.url ?? '', /ci\.example/);
  });

  it('of a log that is still on its way is waited for, and one that is gone is replaced by words', async () => {
    run({ build: failed(['error: here']) });
    let left = 2;
    it_.fake.fault = ({ path }) =>
      path.endsWith('/logs') && left-- > 0 ? { status: 404, message: 'Not Found' } : null;
    assert.match((await red('build')).check.excerpt, /error: here/);
    it_.fake.fault = ({ path }) => (path.endsWith('/logs') ? { status: 410, message: 'Gone' } : null);
    const { check } = await red('build');
    assert.equal(check.remark, 'GitHub has no log of it');
    assert.equal(check.step, 'Build');
  });

  it('where Actions are not visible is what the check run says', async () => {
    it_.fake.tokens.set(it_.fake.token, { login: 'octocat', permissions: ['checks', 'statuses', 'contents'] });
    const output = { title: 'Build failed', summary: null, text: null };
    run({ build: failed(['error: here'], { output }) });
    const { check } = await red('build');
    assert.equal(check.excerpt, 'Build failed');
    assert.match(check.remark ?? '', /not visible.*actions: read/);
  });

  it('is all of the log where the times of step and log do not meet', async () => {
    run({ build: failed([], { log: 'no times here\nerror: lost\n' }) });
    assert.match((await red('build')).check.excerpt, /error: lost/);
  });

  it('of a log that breaks off or cannot be had is an error, not an empty log', async () => {
    run({ build: failed(['error: here']) });
    let left = 2;
    it_.fake.fault = ({ path }) => (path.startsWith('/_logs/') && left-- > 0 ? 'drop' : null);
    assert.match((await red('build')).check.excerpt, /error: here/);
    it_.fake.fault = ({ path }) => (path.startsWith('/_logs/') ? 'drop' : null);
    await assert.rejects(red('build'), /AmpaError: GitHub could not be reached for the log of build/);
  });

  it('of 200 MB is found in its middle, in memory that does not grow with it', async function () {
    this.timeout(60_000);
    run({ build: failed([], { log: longLog(['not ok 7 - the needle', '  expected 1, got 2'], 4000) }) });
    const file = path.join(folder, 'check.log');
    // In a process of its own: the fake, which makes the log, takes memory, too.
    const reader = path.resolve(import.meta.dirname, '../support/logReader.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [reader, it_.fake.url, it_.fake.token, file]);
    const { check, grown } = JSON.parse(stdout) as LogReading;
    assert.match(check.excerpt, /not ok 7 - the needle\n {2}expected 1, got 2/);
    assert.ok(check.excerpt.length <= 4000);
    assert.ok(check.excerpt.trimEnd().endsWith('exit code 1.'));
    const { size } = await stat(file);
    assert.ok(size > 200_000_000, `the file has ${size} bytes`);
    assert.ok(grown < 120_000_000, `it took ${Math.round(grown / 1e6)} MB`);
  });
});
