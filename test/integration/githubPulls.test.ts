import assert from 'node:assert/strict';
import { badGateway, type GitHubFault } from '../support/fakeGitHub.ts';
import { ACME, setUpGitHub, sha, type GitHubSetup } from '../support/github.ts';

const PR = { title: 'Mend it', body: 'What was asked', head: 'amp/mend', base: 'main', draft: true };

describe('Pull requests on GitHub', () => {
  let it_: GitHubSetup;
  beforeEach(async () => {
    it_ = await setUpGitHub();
    it_.repo.push(sha(1), PR.head);
  });
  afterEach(() => it_.fake.close());

  const open = async (more: Partial<typeof PR> = {}) =>
    (await it_.make()).forge.openPullRequest(ACME, { ...PR, ...more }, it_.signal);

  it('are opened as drafts, and found by their branch the next time', async () => {
    const first = await open();
    assert.deepEqual(first, { kind: 'open', number: 1, url: 'https://github.com/acme/widget/pull/1', draft: true });
    assert.deepEqual(await open(), first);
    assert.equal(it_.repo.pullRequests.length, 1);
  });

  it('are opened once, wherever the answer is lost', async () => {
    const faults: GitHubFault[] = ['drop answer', { answered: 502 }, 'drop', badGateway];
    for (const [n, fault] of faults.entries()) {
      it_.repo.push(sha(10 + n), `amp/${n}`);
      for (const method of ['GET', 'POST']) {
        let left = 1;
        it_.fake.fault = (request) => (request.method === method && left-- > 0 ? fault : null);
        const outcome = await open({ head: `amp/${n}` });
        assert.equal(outcome.kind, 'open', JSON.stringify(fault));
      }
    }
    assert.equal(it_.repo.pullRequests.length, faults.length);
  });

  it('that somebody opened between the look and the opening are taken', async () => {
    it_.fake.fault = ({ method }) => {
      if (method === 'POST') it_.repo.openPull({ ...PR, draft: false });
      return null;
    };
    assert.deepEqual(await open(), {
      kind: 'open',
      number: 1,
      url: 'https://github.com/acme/widget/pull/1',
      draft: false,
    });
  });

  it('are ordinary where drafts are refused', async () => {
    it_.repo.drafts = false;
    assert.equal(((await open()) as { draft: boolean }).draft, false);
  });

  it('that were ended by a person are not opened a second time', async () => {
    it_.repo.openPull(PR).state = 'closed';
    assert.deepEqual(await open(), { kind: 'ended', number: 1, url: 'https://github.com/acme/widget/pull/1' });
    it_.repo.openPull(PR);
    assert.equal(((await open()) as { number: number }).number, 2);
    assert.equal(it_.repo.pullRequests.length, 2);
  });

  it('that cannot be opened say why', async () => {
    it_.repo.refs.set('amp/same', it_.repo.refs.get('main')!);
    const outcome = await open({ head: 'amp/same' });
    assert.equal(outcome.kind, 'failed');
    assert.match((outcome as { detail: string }).detail, /No commits between main and amp\/same/);
    it_.fake.tokens.set(it_.fake.token, { login: 'octocat', permissions: ['contents'] });
    assert.match(((await open()) as { detail: string }).detail, /not accessible/);
  });

  it('are unsupported where they are switched off, and an error where the repository is not there', async () => {
    it_.repo.pulls = false;
    assert.deepEqual(await open(), { kind: 'unsupported' });
    const { forge } = await it_.make();
    await assert.rejects(forge.openPullRequest({ ...ACME, name: 'nowhere' }, PR, it_.signal), /404/);
  });

  it('get new words, and become ready once', async () => {
    await open();
    const { forge } = await it_.make();
    await forge.updatePullRequest(ACME, 1, { title: 'Mended', body: 'Closes #4' }, it_.signal);
    assert.equal(it_.repo.pullRequests[0]?.title, 'Mended');
    assert.equal(it_.repo.pullRequests[0]?.body, 'Closes #4');
    await forge.markReady(ACME, 1, it_.signal);
    assert.equal(it_.repo.pullRequests[0]?.draft, false);
    const asked = it_.fake.requests.filter((r) => r.includes('graphql')).length;
    await forge.markReady(ACME, 1, it_.signal);
    assert.equal(it_.fake.requests.filter((r) => r.includes('graphql')).length, asked);
  });

  it('use the template wherever the repository keeps it', async () => {
    const { forge } = await it_.make();
    assert.equal(await forge.pullRequestTemplate(ACME, it_.signal), null);
    it_.repo.files['docs/PULL_REQUEST_TEMPLATE.md'] = '## Docs';
    assert.equal(await forge.pullRequestTemplate(ACME, it_.signal), '## Docs');
    it_.repo.files['.github/Pull_Request_Template.md'] = '## Why\n\nÄ';
    assert.equal(await forge.pullRequestTemplate(ACME, it_.signal), '## Why\n\nÄ');
  });

  it('an issue is its title and body', async () => {
    const { forge } = await it_.make();
    it_.repo.issues.set(4, { title: 'It breaks', body: null });
    assert.deepEqual(await forge.issue(ACME, 4, it_.signal), {
      title: 'It breaks',
      body: '',
      url: 'https://github.com/acme/widget/issues/4',
    });
    await assert.rejects(forge.issue(ACME, 5, it_.signal), { code: 'not_found' });
  });

  describe('are merged', () => {
    const merge = async (more: object = {}) => {
      const how = {
        method: null,
        sha: sha(1),
        title: 'Mend it (#1)',
        from: null,
        beforeMerge: async () => {},
        ...more,
      };
      return (await it_.make()).forge.merge(ACME, 1, how, it_.signal);
    };
    const said = async (more: object = {}): Promise<string> => {
      const outcome = await merge(more);
      return 'detail' in outcome ? `${outcome.kind}: ${outcome.detail}` : outcome.kind;
    };
    beforeEach(() => void it_.repo.openPull({ ...PR, draft: false }));

    it('by the first method that is allowed', async () => {
      it_.repo.mergeMethods = ['squash'];
      const outcome = await merge();
      assert.deepEqual(outcome, { kind: 'merged', sha: it_.repo.pullRequests[0]!.mergedSha, head: sha(1) });
      assert.deepEqual(await merge(), outcome, 'a second time it is merged already');
    });

    it('once, wherever the answer is lost', async () => {
      for (const fault of ['drop answer', { answered: 502 }] as GitHubFault[]) {
        it_.repo.pullRequests[0]!.mergedSha = null;
        it_.repo.pullRequests[0]!.state = 'open';
        let left = 1;
        it_.fake.fault = ({ method }) => (method === 'PUT' && left-- > 0 ? fault : null);
        assert.equal(await said(), 'merged');
        it_.fake.fault = ({ method }) => (method === 'PUT' ? fault : null);
        assert.equal(await said(), 'merged');
      }
    });

    it('not where they conflict, also while GitHub still thinks about it', async () => {
      it_.repo.conflicts.add(PR.head);
      assert.equal(await said(), 'conflict: Pull Request is not mergeable');
      it_.repo.conflicts.clear();
      const pull = it_.repo.pullRequests[0]!;
      pull.blocked = 'Pull Request is not mergeable';
      pull.mergeable = null;
      let looks = 0;
      it_.fake.fault = ({ method }) => {
        if (method === 'GET' && ++looks === 3) pull.mergeable = false;
        return null;
      };
      assert.equal(await said(), 'conflict: Pull Request is not mergeable');
    });

    it('not against the rules, with GitHub’s words', async () => {
      it_.repo.pullRequests[0]!.blocked = 'Required status check "build" is expected.';
      assert.equal(await said(), 'refused: Required status check "build" is expected.');
      it_.repo.pullRequests[0]!.blocked = null;
      it_.repo.mergeMethods = ['rebase'];
      assert.equal(await said({ method: 'merge' }), 'refused: Merge commits are not allowed on this repository.');
    });

    it('once the required checks have ended, and ready', async () => {
      const { repo, fake } = it_;
      repo.pullRequests[0]!.draft = true;
      const run = repo.run(sha(1), { workflow: 'CI', jobs: [{ name: 'build', required: true }, 'slow'] });
      repo.status(sha(1), 'deploy', 'pending', { required: true });
      let looks = 0;
      fake.answered = ({ path }) => {
        if (path !== '/graphql' || ++looks !== 4) return;
        repo.finish(run, 'success');
        repo.status(sha(1), 'deploy', 'success', { required: true });
      };
      fake.fault = ({ method }) => (method === 'PUT' && looks < 4 ? { status: 405, message: 'too early' } : null);
      const waits: (readonly string[])[] = [];
      assert.equal(await said({ onWait: (names: readonly string[]) => waits.push(names) }), 'merged');
      assert.deepEqual(waits, [['build', 'deploy']]);
      assert.equal(repo.pullRequests[0]!.draft, false);
    });

    it('not while a required check does not end, which is named', async () => {
      it_.repo.run(sha(1), { workflow: 'CI', jobs: [{ name: 'build', required: true }] });
      assert.equal(await said(), 'refused: Required checks have not ended: build.');
    });

    it('where this identity may not see checks, GitHub alone decides', async () => {
      it_.repo.run(sha(1), { workflow: 'CI', jobs: [{ name: 'build', required: true }] });
      it_.fake.fault = ({ path }) =>
        path === '/graphql' || /\/(check-runs|statuses?|actions\/runs)\b/.test(path)
          ? { status: 403, message: 'Resource not accessible by integration' }
          : null;
      assert.equal(await said(), 'merged');
    });

    it('not where nobody could tell whether a required check runs: an administrator’s merge would go past it', async () => {
      it_.repo.run(sha(1), { workflow: 'CI', jobs: [{ name: 'build', required: true }] });
      it_.fake.fault = ({ path }) => (path === '/graphql' ? { status: 500, message: 'sorry' } : null);
      await assert.rejects(said(), { code: 'external' });
      assert.equal(it_.repo.pullRequests[0]!.state, 'open');
    });

    it('not with commits that were not checked', async () => {
      it_.repo.push(sha(2), PR.head);
      assert.match(await said(), /^refused: .*not checked/);
      it_.repo.push(sha(1), PR.head);
      it_.fake.fault = ({ method }) => {
        if (method === 'PUT') it_.repo.push(sha(3), PR.head);
        return null;
      };
      assert.match(await said(), /^refused: Head branch was modified/);
      assert.equal(it_.repo.pullRequests[0]?.mergedSha, null);
    });

    it('not where who asked for it has changed their mind while it waited', async () => {
      const asked = merge({ beforeMerge: () => Promise.reject(new Error('not any more')) });
      await assert.rejects(asked, /not any more/);
      assert.equal(it_.repo.pullRequests[0]!.state, 'open');
    });

    it('not where the base has lost, or never had, what the diff begins at', async () => {
      const main = it_.repo.refs.get('main')!;
      assert.match(await said({ from: sha(9) }), /^refused: It began at 0000000000, which main does not have/);
      assert.equal(it_.repo.pullRequests[0]!.state, 'open');
      it_.repo.push(sha(8), 'main');
      it_.repo.parents.set(sha(8), main);
      assert.equal(await said({ from: main }), 'merged');
    });

    it('by others with more on top, or without what is meant now', async () => {
      const pull = it_.repo.pullRequests[0]!;
      const person = (head: string): void => {
        it_.repo.push(head, PR.head);
        Object.assign(pull, { state: 'closed', mergedSha: 'e'.repeat(40), mergedHead: head });
      };
      person(sha(2));
      it_.repo.parents.set(sha(2), sha(1));
      assert.deepEqual(await merge(), { kind: 'merged', sha: 'e'.repeat(40), head: sha(2) });
      assert.deepEqual(await merge({ sha: sha(3) }), { kind: 'merged_without', head: sha(2) });
      it_.repo.parents.set(sha(3), sha(2));
      assert.deepEqual(await merge({ sha: sha(3) }), { kind: 'merged_without', head: sha(2) });
    });
  });
});
