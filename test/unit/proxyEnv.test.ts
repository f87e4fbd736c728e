import assert from 'node:assert/strict';
import { withEditorProxy } from '../../src/vscode/proxyEnv.ts';

describe("the editor's proxy", () => {
  const proxy = 'http://proxy.example:8080';

  it('is named to whoever goes by the environment', () => {
    assert.deepEqual(withEditorProxy({ HOME: '/me' }, `${proxy} `, ['localhost', 'intra.example']), {
      HOME: '/me',
      HTTP_PROXY: proxy,
      HTTPS_PROXY: proxy,
      NO_PROXY: 'localhost,intra.example',
    });
  });

  it('gives way to one that the environment names, in whichever letters', () => {
    for (const name of ['HTTP_PROXY', 'https_proxy', 'ALL_PROXY']) {
      const env = { [name]: 'http://other:1' };
      assert.equal(withEditorProxy(env, proxy, []), env);
    }
    assert.equal(withEditorProxy({ no_proxy: 'here' }, proxy, ['there'])['NO_PROXY'], undefined);
  });

  it('changes nothing where none is set', () => {
    const env = { HOME: '/me' };
    assert.equal(withEditorProxy(env, '', ['localhost']), env);
  });
});
