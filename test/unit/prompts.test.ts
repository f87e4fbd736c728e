import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fenced, retryPrompt, withHistory } from '../../src/tasks/prompts.ts';

const red = {
  name: 'npm test',
  step: 'unit',
  url: 'https://ci.example/1',
  excerpt: 'AssertionError: 1 == 2',
  remark: 'exit code 1',
};

describe('the retry prompt', () => {
  it('names the check, its step, its address, the attempt, and quotes the log', () => {
    const prompt = retryPrompt([red], 2, 3);
    for (const part of [
      '"npm test"',
      'Failed step: unit',
      'https://ci.example/1',
      'attempt 2 of 3',
      'AssertionError: 1 == 2',
    ])
      assert.ok(prompt.includes(part), part);
  });

  it('cannot be left by backticks in the log', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('`', '```', '````', 'x', '\n')), (parts) => {
        const text = parts.join('');
        const lines = fenced(text).split('\n');
        const fence = lines[0]!;
        assert.equal(lines.at(-1), fence);
        assert.ok(!text.includes(fence));
      }),
    );
  });

  it('lists conflicts for the agent', () => {
    assert.match(retryPrompt([red], 2, 3, ['src/a.ts']), /conflicts[\s\S]*- src\/a\.ts/);
  });
});

describe('the prompt of a session without memory', () => {
  it('is the request alone on the first turn', () => assert.equal(withHistory('do it', [], 'do it'), 'do it'));

  it('begins with the request and what was said since', () => {
    const prompt = withHistory('do it', ['also that'], 'mend it');
    assert.ok(prompt.indexOf('do it') < prompt.indexOf('also that'));
    assert.ok(prompt.indexOf('also that') < prompt.indexOf('mend it'));
  });
});
