import assert from 'node:assert/strict';
import { parseLink } from '../../src/vscode/links.ts';

const ID = '01KEV0ABCDEFGHJKMNPQRSTVWX';

describe('A link', () => {
  it('opens a task, with or without its folder', () => {
    assert.deepEqual(parseLink(`/task/${ID}`, ''), { kind: 'task', id: ID, folder: null });
    assert.deepEqual(parseLink(`/task/${ID.toLowerCase()}/`, ''), { kind: 'task', id: ID, folder: null });
    assert.deepEqual(parseLink(`/task/${ID}`, 'folder=file:///w/a&b=c'), {
      kind: 'task',
      id: ID,
      folder: 'file:///w/a&b=c',
    });
    assert.deepEqual(parseLink(`/task/${ID}`, 'x=1&folder=vscode-remote://h/w'), {
      kind: 'task',
      id: ID,
      folder: 'vscode-remote://h/w',
    });
  });

  it('says so when it is none of ours', () => {
    for (const [path, query] of [
      ['/', ''],
      ['/tasks', ''],
      [`/task/${ID}/abort`, ''],
      ['/task/', ''],
      ['/task/123', ''],
      [`/task/8${ID.slice(1)}`, ''],
      [`/task/${ID.slice(0, 25)}U`, ''],
      [`/task/${ID}`, 'folder=command:evil'],
      [`/task/${ID}`, 'folder=http://example.com/'],
    ] as const) {
      const link = parseLink(path, query);
      assert.equal(link.kind, 'invalid', path + query);
      assert.ok(link.kind === 'invalid' && link.why.endsWith('.'));
    }
  });
});
