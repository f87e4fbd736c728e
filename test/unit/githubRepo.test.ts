import assert from 'node:assert/strict';
import { repoOfConfig, withRepo } from '../../src/scheduler/githubRepo.ts';

describe('the GitHub repository of a worklog', () => {
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
