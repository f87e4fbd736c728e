import assert from 'node:assert/strict';
import { harmless } from '../../src/cli/io.ts';

describe('What others have written, on a terminal', () => {
  it('keeps its colours and its lines, and neither moves, clears, names nor hides anything', () => {
    assert.equal(harmless('\u001b[1mbold\u001b[22m\ttab\r\nend\n'), '\u001b[1mbold\u001b[22m\ttab\nend\n');
    assert.equal(harmless('a\u001b]0;name\u0007b\u001b[2Jc\u009b2Jd\u0000e'), 'a]0;nameb[2Jc2Jde');
    assert.equal(harmless('shown\rover it'), 'shown\nover it');
  });
});
