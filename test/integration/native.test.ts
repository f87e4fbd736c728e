import assert from 'node:assert/strict';
import Database from 'better-sqlite3';
import { nativeBindingPath, nativeTarget } from '../../src/adapters/sqlite/native.ts';

describe('The native module', () => {
  it('is found for this platform and opens a database', () => {
    const database = new Database(':memory:', { nativeBinding: nativeBindingPath() });
    assert.deepEqual(database.prepare('select 1 + 1 as two').get(), { two: 2 });
    database.close();
  });

  it('is named by platform, processor and C library', () => {
    assert.equal(nativeTarget('linux', 'x64', false), 'linux-x64');
    assert.equal(nativeTarget('linux', 'arm64', true), 'linuxmusl-arm64');
    assert.equal(nativeTarget('darwin', 'arm64', true), 'darwin-arm64');
  });
});
