import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cleanLine, createExcerpter, EXCERPT_LIMIT, excerptOf } from '../../src/tasks/excerpt.ts';

describe('the excerpt of a failing log', () => {
  it('is the whole log where that is short', () => {
    assert.equal(excerptOf('one\ntwo\n'), 'one\ntwo');
  });

  it('has the first error of a long log, and its end, not its beginning', () => {
    const noise = (n: number, name: string) => Array.from({ length: n }, (_, i) => `line ${i} of the ${name}`);
    const log = [
      ...noise(5000, 'build'),
      'src/a.ts(3,5): error TS2322: not a number',
      ...noise(5000, 'rest'),
      'Process finished with exit code 2',
    ].join('\n');
    const excerpt = excerptOf(log);
    assert.match(excerpt, /error TS2322: not a number/);
    assert.match(excerpt, /Process finished with exit code 2$/);
    assert.doesNotMatch(excerpt, /^line 0 of the build/m);
    assert.ok(excerpt.length <= EXCERPT_LIMIT);
  });

  it('does not take "0 errors" for an error', () => {
    const log = [
      'compiled with 0 errors',
      ...Array.from({ length: 3000 }, (_, i) => `ok ${i}`),
      'AssertionError: 1 == 2',
      ...Array.from({ length: 3000 }, (_, i) => `ok ${i}`),
    ].join('\n');
    const excerpt = excerptOf(log);
    assert.match(excerpt, /AssertionError: 1 == 2/);
    assert.doesNotMatch(excerpt, /compiled with/);
  });

  it('strips colours, timestamps and what a progress bar overwrote', () => {
    assert.equal(cleanLine('2026-11-20T05:10:11.1234567Z \u001b[31merror\u001b[0m'), 'error');
    assert.equal(cleanLine('10%\r50%\rdone\r'), 'done');
  });

  it('masks secrets by shape and by value', () => {
    const excerpt = excerptOf('token ghp_abcdefghijklmnopqrstuvwxyz0123456789 and hunter2hunter2\n', [
      'hunter2hunter2',
    ]);
    assert.equal(excerpt, 'token *** and ***');
  });

  it('is the same however the log is cut into pieces, and never over the limit', () => {
    const line = fc.oneof(fc.string({ maxLength: 200 }), fc.constantFrom('error: x', 'ok', '', 'FAILED test_a'));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 300 }), fc.integer({ min: 1, max: 500 }), (lines, size) => {
        const log = lines.join('\n');
        const pieces = createExcerpter();
        for (let i = 0; i < log.length; i += size) pieces.push(log.slice(i, i + size));
        const excerpt = pieces.finish();
        assert.equal(excerpt, excerptOf(log));
        assert.ok(excerpt.length <= EXCERPT_LIMIT);
      }),
    );
  });

  it('keeps constant memory over a line without end', () => {
    const excerpter = createExcerpter();
    for (let i = 0; i < 200; i++) excerpter.push('x'.repeat(100_000));
    excerpter.push(' error: at the end');
    assert.match(excerpter.finish(), /x$|error: at the end/);
  });
});
