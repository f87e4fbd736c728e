import assert from 'node:assert/strict';
import { ACME, setUpGitHub, sha, type GitHubSetup } from '../support/github.ts';

describe('Checks that GitHub tells in part', () => {
  let it_: GitHubSetup;
  beforeEach(async () => {
    it_ = await setUpGitHub();
    for (const n of [1, 2]) {
      it_.repo.push(sha(n), `amp/${n}`);
      it_.repo.check(sha(n), { app: 'ci', name: 'build', status: 'completed', conclusion: 'success' });
    }
  });
  afterEach(() => it_.fake.close());

  for (const api of ['GraphQL', 'REST']) {
    it(`are known by ${api} for every commit but the one whose pull request is not there`, async () => {
      it_.fake.graphqlOff = api === 'REST';
      const { forge } = await it_.make();
      const commits = [
        { sha: sha(1), pullRequest: 77 },
        { sha: sha(2), pullRequest: null },
      ];
      const { snapshots, unknown } = await forge.snapshots(ACME, commits, it_.signal);
      assert.deepEqual(
        snapshots.map((it) => [it.sha, it.checks.map((check) => check.state)]),
        [[sha(2), ['success']]],
      );
      assert.deepEqual(
        unknown.map((it) => it.sha),
        [sha(1)],
      );
      assert.match(unknown[0]!.detail, /PullRequest with the number of 77|Not Found/);
      await assert.rejects(forge.snapshots(ACME, commits.slice(0, 1), it_.signal), { code: 'external' });
    });
  }
});
