import assert from 'node:assert/strict';
import { repoOfConfig, repoOfRemote, withRepo } from '../../src/scheduler/githubRepo.ts';

describe('the GitHub repository of a worklog', () => {
  const remotes: [url: string, repo: string | null][] = [
    ['git@github.com:owner/repo.git', 'owner/repo'],
    ['git@github.com:owner/repo', 'owner/repo'],
    ['ssh://git@github.com/owner/repo.git', 'owner/repo'],
    ['ssh://git@ssh.github.com:443/owner/repo.git', 'owner/repo'],
    ['https://github.com/owner/my.repo.js.git', 'owner/my.repo.js'],
    ['https://github.com/owner/my.repo.js', 'owner/my.repo.js'],
    ['https://user:token@github.com/owner/repo/', 'owner/repo'],
    ['https://github.corp.example/owner/repo', 'owner/repo'],
    ['https://gitlab.com/owner/repo.git', null],
    ['https://notgithub.com/owner/repo.git', null],
    ['/srv/git/repo.git', null],
    ['https://github.com/owner', null],
  ];
  for (const [url, repo] of remotes)
    it(`${repo === null ? 'is not' : 'is'} read from ${url}`, () => assert.equal(repoOfRemote(url), repo));

  it('is read from its configuration', () => {
    assert.equal(repoOfConfig('a: 1\ngithubRepo: o/r\nb: 2\n'), 'o/r');
    assert.equal(repoOfConfig('githubRepo: "o/r.x" # ours\r\n'), 'o/r.x');
    assert.equal(repoOfConfig('githubRepo: (not set)\n'), null);
    assert.equal(repoOfConfig('githubRepo:\nb: 2\n'), null);
    assert.equal(repoOfConfig('  githubRepo: o/r\n'), null, 'somebody else’s key');
  });

  it('is written back without touching anything else', () => {
    assert.equal(
      withRepo('# head\na:   1\ngithubRepo: (not set)   # later\nb: 2', 'o/r'),
      '# head\na:   1\ngithubRepo: o/r   # later\nb: 2',
    );
    assert.equal(withRepo('a: 1\r\n', 'o/r'), 'a: 1\r\ngithubRepo: o/r\r\n');
    assert.equal(withRepo('a: 1', 'o/r'), 'a: 1\ngithubRepo: o/r\n');
    assert.equal(withRepo('githubRepo:\nb: 2\n', 'o/r'), 'githubRepo: o/r\nb: 2\n');
  });
});
