import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { withGeneratedSections } from '../../scripts/readme.ts';

describe('README.md', () => {
  const readme = fs.readFileSync(path.resolve(import.meta.dirname, '../../README.md'), 'utf8');

  it('has the commands and settings of this version (npm run generate)', () => {
    assert.equal(readme, withGeneratedSections(readme));
  });

  it('names only pictures and files that are there', () => {
    for (const [, target] of readme.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)) {
      assert.ok(fs.existsSync(path.resolve(import.meta.dirname, '../..', target!)), target);
    }
  });
});
