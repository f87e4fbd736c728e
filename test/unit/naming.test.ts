import assert from 'node:assert/strict';
import fc from 'fast-check';
import { branchOf, slugOf, titleOf } from '../../src/tasks/naming.ts';

describe('names derived from a task', () => {
  it('take the first line that says something', () =>
    assert.equal(titleOf('\n\n# Mend the parser\nmore'), 'Mend the parser'));
  it('spell umlauts in ASCII', () =>
    assert.equal(slugOf('Größe der Schaltfläche ändern'), 'grosse-der-schaltflache-andern'));
  it('end in the random characters of the id, not in its time', () =>
    assert.equal(branchOf('Mend it', '01JD0000000000000000ABCDEF'), 'amp/mend-it-abcdef'));
  it('are safe in a branch and a path, whatever the prompt', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.match(slugOf(titleOf(text)), /^[a-z0-9]+(-[a-z0-9]+)*$/);
        assert.ok(slugOf(titleOf(text)).length <= 40);
        assert.ok(titleOf(text).length <= 72);
      }),
    );
  });
});
