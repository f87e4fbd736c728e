import assert from 'node:assert/strict';
import type { ForgeSnapshot } from '../../src/tasks/forge.ts';
import { badGateway, secondaryLimit } from '../support/fakeGitHub.ts';
import { ACME, setUpGitHub, sha, type GitHubSetup } from '../support/github.ts';

const shown = (it: ForgeSnapshot | undefined): string[] =>
  (it?.checks ?? []).map((c) => `${c.name}: ${c.state}`).sort();

describe('Checks of commits on GitHub', () => {
  let it_: GitHubSetup;
  beforeEach(async () => {
    it_ = await setUpGitHub();
  });
  afterEach(() => it_.fake.close());

  const look = async (...commits: (string | [sha: string, pull: number])[]) => {
    const { forge } = await it_.make();
    const waiting = commits.map((c) =>
      typeof c === 'string' ? { sha: c, pullRequest: null } : { sha: c[0], pullRequest: c[1] },
    );
    return forge.snapshots(ACME, waiting, it_.signal);
  };

  /** Both APIs have to tell the same. */
  async function both(test: () => Promise<void>): Promise<void> {
    await test();
    it_.fake.graphqlOff = true;
    await test();
  }

  it('of ten commits are told by one request', async () => {
    for (let n = 1; n <= 10; n++) {
      it_.repo.push(sha(n), `amp/${n}`);
      it_.repo.finish(it_.repo.run(sha(n), { workflow: 'CI', jobs: ['build'] }), n === 3 ? 'failure' : 'success');
    }
    const { snapshots, budget } = await look(...Array.from({ length: 10 }, (_, i) => sha(i + 1)));
    assert.equal(it_.fake.counted, 1);
    assert.deepEqual(
      snapshots.map((s) => s.sha),
      Array.from({ length: 10 }, (_, i) => sha(i + 1)),
    );
    assert.deepEqual(shown(snapshots[2]), ['build: failure']);
    assert.deepEqual(shown(snapshots[9]), ['build: success']);
    assert.equal(budget?.limit, 5000);
    assert.equal(budget?.remaining, 4999);
  });

  it('of all workflows, other apps and statuses are told alike by both APIs', async () => {
    const { repo } = it_;
    repo.push(sha(1), 'amp/1');
    const ci = repo.run(sha(1), { workflow: 'CI', jobs: ['build', 'test'] });
    repo.start(ci, 'test');
    repo.finish(repo.run(sha(1), { workflow: 'Lint', jobs: ['lint'] }), 'success');
    repo.run(sha(1), { workflow: 'Deploy', jobs: [] });
    repo.check(sha(1), { app: 'codecov', name: 'coverage', status: 'completed', conclusion: 'neutral' });
    repo.status(sha(1), 'ci/old', 'failure');
    repo.status(sha(1), 'ci/old', 'pending');
    const seen: ForgeSnapshot[] = [];
    await both(async () => {
      const { snapshots } = await look(sha(1));
      assert.deepEqual(shown(snapshots[0]), [
        'CI / build: queued',
        'CI / test: running',
        'Deploy: queued',
        'Lint / lint: success',
        'ci/old: running',
        'coverage: neutral',
      ]);
      seen.push(snapshots[0]!);
    });
    const ids = seen.map((s) => s.checks.map((c) => `${c.id} ${c.runId} ${c.jobId} ${c.workflow} ${c.url}`).sort());
    assert.deepEqual(ids[0], ids[1]);
  });

  it('of more than a hundred are all there', async () => {
    const jobs = Array.from({ length: 230 }, (_, i) => `job ${i}`);
    it_.repo.push(sha(1), 'amp/1');
    it_.repo.finish(it_.repo.run(sha(1), { workflow: 'CI', jobs }), { 'job 229': 'failure' });
    await both(async () => {
      const { snapshots } = await look(sha(1));
      assert.equal(snapshots[0]?.checks.length, 230);
      assert.equal(snapshots[0]?.checks.filter((c) => c.state === 'failure').length, 1);
    });
  });

  it('of a re-run replace those before, and a cancelled run can be run again', async () => {
    const { repo } = it_;
    repo.push(sha(1), 'amp/1');
    const run = repo.run(sha(1), { workflow: 'CI', jobs: ['build', 'test'] });
    repo.finish(run, { test: 'cancelled' });
    const { forge } = await it_.make();
    const waiting = [{ sha: sha(1), pullRequest: null }];
    const before = (await forge.snapshots(ACME, waiting, it_.signal)).snapshots[0]!;
    assert.deepEqual(shown(before), ['build: success', 'test: cancelled']);
    await forge.rerun(
      ACME,
      before.checks.filter((c) => c.state === 'cancelled'),
      it_.signal,
    );
    const after = (await forge.snapshots(ACME, waiting, it_.signal)).snapshots[0]!;
    assert.deepEqual(shown(after), ['build: success', 'test: queued']);
    assert.notEqual(after.checks.find((c) => c.name === 'test')?.id, before.checks.find((c) => c.name === 'test')?.id);
    // Asked again while it runs, as after a lost answer: that is no error.
    await forge.rerun(
      ACME,
      before.checks.filter((c) => c.state === 'cancelled'),
      it_.signal,
    );
    assert.equal(run.attempt, 2);
  });

  it('of a re-run replace those before also where GitHub still lists them, but jobs of one name all count', async () => {
    const { repo } = it_;
    repo.earlierAttempts = true;
    repo.push(sha(1), 'amp/1');
    const run = repo.run(sha(1), { workflow: 'CI', jobs: ['build', 'build', 'test'] });
    repo.finish(run, { test: 'failure' });
    run.jobs[0]!.conclusion = 'failure';
    await both(async () => {
      assert.deepEqual(shown((await look(sha(1))).snapshots[0]), [
        'build (2): success',
        'build: failure',
        'test: failure',
      ]);
    });
    it_.fake.graphqlOff = false;
    repo.rerun(run, true);
    repo.finish(run, 'success');
    await both(async () => {
      assert.deepEqual(
        (await look(sha(1))).snapshots[0]?.checks.map((c) => c.state),
        ['success', 'success', 'success'],
      );
    });
  });

  it('of a run that never got a job are its own state', async () => {
    const { repo } = it_;
    repo.push(sha(1), 'amp/1');
    repo.finish(repo.run(sha(1), { workflow: 'CI', jobs: [] }), 'startup_failure');
    repo.finish(repo.run(sha(1), { workflow: 'Broken', jobs: [] }), 'failure');
    repo.finish(repo.run(sha(1), { workflow: 'First time', jobs: [] }), 'action_required');
    await both(async () => {
      assert.deepEqual(shown((await look(sha(1))).snapshots[0]), [
        'Broken: startup_failure',
        'CI: startup_failure',
        'First time: action_required',
      ]);
    });
  });

  it('of a repository whose CI runs on pull requests only come with the pull request', async () => {
    const { repo } = it_;
    repo.workflow({ name: 'CI', on: ['pull_request'], jobs: [{ name: 'build', required: true }] });
    repo.push(sha(1), 'amp/1');
    assert.deepEqual((await look(sha(1))).snapshots[0]?.checks, []);
    const pull = repo.openPull({ title: 't', body: '', head: 'amp/1', base: 'main', draft: true });
    const [snapshot] = (await look([sha(1), pull.number])).snapshots;
    assert.deepEqual(shown(snapshot), ['build: queued']);
    assert.equal(snapshot?.checks[0]?.required, true);
    assert.equal(snapshot?.mergeable, 'clean');
  });

  it('of a pull request with conflicts are none, and the conflict is told', async () => {
    const { repo } = it_;
    repo.workflow({ name: 'CI', on: ['pull_request'], jobs: ['build'] });
    repo.conflicts.add('amp/1');
    repo.push(sha(1), 'amp/1');
    const pull = repo.openPull({ title: 't', body: '', head: 'amp/1', base: 'main', draft: true });
    await both(async () => {
      const [snapshot] = (await look([sha(1), pull.number])).snapshots;
      assert.deepEqual(snapshot, { sha: sha(1), checks: [], mergeable: 'conflict', hidden: [] });
    });
    pull.mergeable = null;
    repo.conflicts.clear();
    it_.fake.graphqlOff = false;
    assert.equal((await look([sha(1), pull.number])).snapshots[0]?.mergeable, 'unknown');
    repo.push(sha(2), 'amp/1');
    pull.mergeable = true;
    assert.equal((await look([sha(1), pull.number])).snapshots[0]?.mergeable, 'unknown', 'said of another head');
  });

  it('that the token may not see are named, and the jobs of Actions are still seen', async () => {
    const { repo, fake } = it_;
    fake.tokens.set(fake.token, { login: 'octocat', permissions: ['actions', 'contents', 'pull_requests'] });
    repo.push(sha(1), 'amp/1');
    repo.finish(repo.run(sha(1), { workflow: 'CI', jobs: ['build'] }), 'success');
    const { forge } = await it_.make();
    const waiting = [{ sha: sha(1), pullRequest: null }];
    const { snapshots } = await forge.snapshots(ACME, waiting, it_.signal);
    assert.deepEqual(shown(snapshots[0]), ['build: success']);
    assert.deepEqual(snapshots[0]?.hidden.sort(), ['check runs (checks: read)', 'commit statuses (statuses: read)']);
    const before = fake.requests.filter((r) => r.includes('graphql')).length;
    await forge.snapshots(ACME, waiting, it_.signal);
    assert.equal(
      fake.requests.filter((r) => r.includes('graphql')).length,
      before,
      'what was refused is not asked again',
    );
  });

  it('that are all hidden leave nothing but their names', async () => {
    it_.fake.tokens.set(it_.fake.token, { login: 'octocat', permissions: ['contents'] });
    it_.repo.push(sha(1), 'amp/1');
    it_.repo.run(sha(1), { workflow: 'CI', jobs: ['build'] });
    const [snapshot] = (await look(sha(1))).snapshots;
    assert.deepEqual(snapshot?.checks, []);
    assert.equal(snapshot?.hidden.length, 3);
  });

  it('by REST that did not change are not counted', async () => {
    const { repo, fake } = it_;
    fake.graphqlOff = true;
    repo.push(sha(1), 'amp/1');
    const run = repo.run(sha(1), { workflow: 'CI', jobs: ['build'] });
    const github = await it_.make();
    const ask = async () =>
      (await github.forge.snapshots(ACME, [{ sha: sha(1), pullRequest: null }], it_.signal)).snapshots[0];
    await ask();
    const first = fake.counted;
    for (let n = 0; n < 5; n++) assert.deepEqual(shown(await ask()), ['build: queued']);
    assert.equal(fake.counted, first);
    assert.equal(github.counted(), first);
    assert.equal(fake.notModified, 15);
    repo.finish(run, 'success');
    assert.deepEqual(shown(await ask()), ['build: success']);
  });

  it('whose runs have ended are told without being counted while that stays the same', async () => {
    const { repo, fake } = it_;
    const [one, two] = [1, 2].map((n) => repo.run(sha(n), { workflow: 'CI', jobs: ['build'] }));
    const { forge } = await it_.make();
    const ask = () => forge.endedRuns(ACME, it_.signal);
    repo.finish(one!, 'success');
    assert.deepEqual(await ask(), { runs: [{ id: `${one!.id}.1`, runId: `${one!.id}`, sha: sha(1) }], counted: 1 });
    const first = fake.counted;
    repo.start(two!);
    for (let n = 0; n < 5; n++) assert.equal((await ask())?.counted, 0);
    assert.equal(fake.counted, first);
    repo.rerun(one!, false);
    repo.finish(two!, 'failure');
    assert.deepEqual(await ask(), { runs: [{ id: `${two!.id}.1`, runId: `${two!.id}`, sha: sha(2) }], counted: 1 });
    repo.finish(one!, 'success');
    assert.deepEqual(
      (await ask())?.runs.map((run) => run.id),
      [`${two!.id}.1`, `${one!.id}.2`],
    );
    fake.tokens.set(fake.token, { login: 'octocat', permissions: ['checks'] });
    assert.equal(await ask(), null);
  });

  it('are asked again after a 502, a dropped connection and a secondary limit', async () => {
    it_.repo.push(sha(1), 'amp/1');
    it_.repo.finish(it_.repo.run(sha(1), { workflow: 'CI', jobs: ['build'] }));
    for (const fault of [badGateway, 'drop' as const, secondaryLimit(2)]) {
      let left = 2;
      it_.fake.fault = () => (left-- > 0 ? fault : null);
      assert.deepEqual(shown((await look(sha(1))).snapshots[0]), ['build: success']);
    }
  });

  it('that GitHub cannot tell are an error, never none', async () => {
    it_.repo.push(sha(1), 'amp/1');
    it_.fake.fault = () => badGateway;
    await assert.rejects(look(sha(1)), /AmpaError: GitHub refused the checks \(502\)/);
    it_.fake.fault = () => 'drop';
    await assert.rejects(look(sha(1)), /AmpaError: GitHub could not be reached for the checks/);
    it_.fake.fault = () => null;
    it_.fake.limits.graphql.remaining = 0;
    await assert.rejects(look(sha(1)), /rate limit exceeded/);
    it_.fake.limits.graphql.remaining = 5000;
    const { forge } = await it_.make();
    const nowhere = { ...ACME, name: 'nowhere' };
    await assert.rejects(forge.snapshots(nowhere, [{ sha: sha(1), pullRequest: null }], it_.signal), /nowhere/);
  });

  it('by a token that has expired are an error that says so', async () => {
    it_.fake.tokens.clear();
    await assert.rejects(look(sha(1)), (error: Error & { hint: string }) => {
      assert.match(error.message, /401.*Bad credentials/);
      assert.match(error.hint, /sign in again/);
      assert.ok(!JSON.stringify(error).includes(it_.fake.token));
      return true;
    });
  });

  it('that GitHub does not answer about end with the wait', async () => {
    it_.fake.fault = () => 'hang';
    const { forge } = await it_.make({ timeoutMs: 50 });
    const waiting = [{ sha: sha(1), pullRequest: null }];
    await assert.rejects(forge.snapshots(ACME, waiting, it_.signal), /could not be reached.*timeout/i);
    const abort = new AbortController();
    const slow = (await it_.make()).forge.snapshots(ACME, waiting, abort.signal);
    abort.abort();
    await assert.rejects(slow, { name: 'AbortError' });
  });

  it('exist where there is a workflow file, or something checked the base', async () => {
    const { forge } = await it_.make();
    assert.equal(await forge.hasChecks(ACME, 'main', it_.signal), false);
    assert.equal(await forge.hasChecks(ACME, null, it_.signal), false);
    it_.repo.status('a'.repeat(40), 'ci', 'success');
    assert.equal(await forge.hasChecks(ACME, 'main', it_.signal), true);
    it_.repo.statuses = [];
    it_.repo.check('a'.repeat(40), { app: 'x', name: 'y' });
    assert.equal(await forge.hasChecks(ACME, null, it_.signal), true);
    it_.repo.checkRuns = [];
    it_.repo.files['.github/workflows/ci.yml'] = 'on: push';
    assert.equal(await forge.hasChecks(ACME, 'main', it_.signal), true);
    it_.fake.fault = () => badGateway;
    await assert.rejects(forge.hasChecks(ACME, 'main', it_.signal));
  });
});
