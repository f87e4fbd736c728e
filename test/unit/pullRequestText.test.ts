import assert from 'node:assert/strict';
import { isUntouched, pullRequestText } from '../../src/tasks/pullRequestText.ts';
import { makeTask } from '../support/repo.ts';

describe('the text of a pull request', () => {
  const of = (request: string, template: string | null = null) =>
    pullRequestText(makeTask({ repo: '/r', request, summary: 'Done.' }), [], [], [], template);

  it('says what was asked in a fence that the request cannot close, after the template', () => {
    const { body } = of('Do ```this```', '## Why');
    assert.ok(body.startsWith('## Why\n\n---'));
    assert.match(body, /````\nDo ```this```\n````/);
    assert.equal(isUntouched(body), true);
    assert.equal(isUntouched(body.replace('Done', 'Gone')), false);
  });

  it('is short enough for GitHub, however long the request and the template are', () => {
    const { body } = of('`x'.repeat(100_000), 'y'.repeat(100_000));
    assert.ok(body.length < 65_536, `${body.length} characters`);
    assert.match(body, /88000 more characters/);
    assert.equal(isUntouched(body), true);
    assert.ok(of(`x${'😀'.repeat(10_000)}`).body.isWellFormed());
  });
});
