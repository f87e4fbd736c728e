import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AmpaError, describeError } from '../../src/errors.ts';
import type { Forge, ForgeCheck } from '../../src/tasks/forge.ts';
import { badGateway, secondaryLimit, type GitHubFault } from '../support/fakeGitHub.ts';
import { ACME, setUpGitHub, sha, type GitHubSetup } from '../support/github.ts';

const CHECK: ForgeCheck = {
  id: 'check:1',
  name: 'build',
  state: 'failure',
  url: null,
  startedAt: null,
  endedAt: null,
  required: false,
  runId: '2',
  jobId: '1',
  workflow: 'CI',
};

describe('Every call to GitHub', () => {
  let it_: GitHubSetup;
  let folder: string;
  beforeEach(async () => {
    it_ = await setUpGitHub();
    folder = await mkdtemp(path.join(tmpdir(), 'ampa-faults-'));
  });
  afterEach(async () => {
    await it_.fake.close();
    await rm(folder, { recursive: true });
  });

  const text = { title: 't', body: 'b' };
  const calls: Record<string, (forge: Forge, signal: AbortSignal) => Promise<unknown>> = {
    login: (forge) => forge.login(ACME),
    openPullRequest: (forge, signal) =>
      forge.openPullRequest(ACME, { ...text, head: 'a', base: 'main', draft: true }, signal),
    pullRequest: (forge, signal) => forge.pullRequest(ACME, 1, signal),
    updatePullRequest: (forge, signal) => forge.updatePullRequest(ACME, 1, text, signal),
    markReady: (forge, signal) => forge.markReady(ACME, 1, signal),
    snapshots: (forge, signal) => forge.snapshots(ACME, [{ sha: sha(1), pullRequest: 1 }], signal),
    endedRuns: (forge, signal) => forge.endedRuns(ACME, signal),
    rerun: (forge, signal) => forge.rerun(ACME, [CHECK], signal),
    failure: (forge, signal) => forge.failure(ACME, CHECK, path.join(folder, 'log'), signal),
    hasChecks: (forge, signal) => forge.hasChecks(ACME, null, signal),
    pullRequestTemplate: (forge, signal) => forge.pullRequestTemplate(ACME, signal),
    merge: (forge, signal) =>
      forge.merge(ACME, 1, { method: null, sha: sha(1), title: 't', from: null, beforeMerge: async () => {} }, signal),
    issue: (forge, signal) => forge.issue(ACME, 1, signal),
    probe: (forge) => forge.probe(ACME),
  };
  const faults: [string, GitHubFault, RegExp][] = [
    ['a 502 that stays', badGateway, /\(502\)/],
    ['a connection that always drops', 'drop', /could not be reached/],
    ['a secondary limit that stays', secondaryLimit(1), /\(403\).*secondary rate limit/],
    [
      'a limit that ends in an hour',
      {
        status: 403,
        headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '4102444800' },
        message: 'API rate limit exceeded for user ID 1.',
      },
      /used up.*2100-01-01T00:00:00/,
    ],
    ['a token that is refused', { status: 401, message: 'Bad credentials' }, /\(401\).*sign in again/],
  ];

  for (const [fault, what, message] of faults) {
    it(`meets ${fault} with an error for people, and without the token`, async function () {
      this.timeout(90_000);
      it_.fake.fault = () => what;
      for (const [name, call] of Object.entries(calls)) {
        const { forge } = await it_.make({ secondMs: 1 });
        await assert.rejects(call(forge, it_.signal), (error) => {
          assert.ok(error instanceof AmpaError, `${name}: ${String(error)}`);
          assert.equal(error.code, 'external', name);
          assert.match(describeError(error), message, name);
          assert.ok(!`${error.stack} ${JSON.stringify(error)}`.includes(it_.fake.token), name);
          assert.equal(error.cause, undefined, `${name} carries no request with it`);
          return true;
        });
      }
    });
  }

  it('ends at once when it is aborted, also while it waits for the next try', async () => {
    it_.fake.fault = () => secondaryLimit(50);
    for (const [name, call] of Object.entries(calls)) {
      if (name === 'login' || name === 'probe') continue;
      const { forge } = await it_.make({ secondMs: 1000 });
      const abort = new AbortController();
      const asked = it_.fake.requests.length;
      const answer = call(forge, abort.signal);
      answer.catch(() => {});
      while (it_.fake.requests.length === asked) await new Promise((resolve) => setImmediate(resolve));
      abort.abort();
      await assert.rejects(answer, { name: 'AbortError' }, name);
    }
  });
});
