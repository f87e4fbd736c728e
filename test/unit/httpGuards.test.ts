import assert from 'node:assert/strict';
import { contentTypeRefusal, hostRefusal, originRefusal, tokenRefusal } from '../../src/adapters/http/guards.ts';
import { matchRoute } from '../../src/adapters/http/router.ts';

describe('who is let in by the local server', () => {
  const at = (host: string, port = 8000) => ({ host, port });

  it('takes the names of this machine with our port', () => {
    for (const host of ['localhost:8000', 'LOCALHOST:8000', '127.0.0.1:8000', '[::1]:8000', 'localhost.:8000'])
      assert.equal(hostRefusal({ host }, at('127.0.0.1')), null, host);
    assert.equal(hostRefusal({ host: 'localhost' }, at('127.0.0.1', 80)), null, 'port 80 is not spelled');
  });

  it('refuses every other name, and another port: a name may be rebound to lead here', () => {
    for (const host of [
      'evil.example:8000',
      'localhost:8001',
      'localhost',
      'localhost.evil.example:8000',
      '127.0.0.1.evil.example:8000',
      '192.168.1.5:8000',
      'localhost:8000:8000',
      'user@localhost:8000',
      '[::1]evil:8000',
      '',
      undefined,
    ])
      assert.equal(hostRefusal({ host }, at('127.0.0.1'))?.status, 403, host);
  });

  it('takes the address or name that it was told to listen on', () => {
    assert.equal(hostRefusal({ host: '192.168.1.5:8000' }, at('192.168.1.5')), null);
    assert.equal(hostRefusal({ host: 'Build-Box:8000' }, at('build-box')), null);
    assert.equal(hostRefusal({ host: '192.168.1.6:8000' }, at('192.168.1.5'))?.status, 403);
  });

  it('takes any address, but no name, where it listens on all of them', () => {
    assert.equal(hostRefusal({ host: '192.168.1.5:8000' }, at('0.0.0.0')), null);
    assert.equal(hostRefusal({ host: '[fe80::1]:8000' }, at('::')), null);
    assert.equal(hostRefusal({ host: 'evil.example:8000' }, at('0.0.0.0'))?.status, 403);
  });

  it('refuses what comes from a page, whichever', () => {
    assert.equal(originRefusal({}), null);
    for (const origin of ['https://evil.example', 'http://localhost:8000', 'null', ''])
      assert.equal(originRefusal({ origin })?.code, 'foreign_origin', origin);
  });

  it('wants the whole token', () => {
    const token = 'abcdef';
    assert.equal(tokenRefusal({ authorization: 'Bearer abcdef' }, token), null);
    assert.equal(tokenRefusal({ authorization: 'bearer  abcdef' }, token), null);
    for (const authorization of [undefined, '', 'abcdef', 'Basic abcdef', 'Bearer abcde', 'Bearer abcdefg', 'Bearer '])
      assert.equal(tokenRefusal({ authorization }, token)?.status, 401, authorization);
  });

  it('wants JSON, which no form of a page can send', () => {
    for (const type of ['application/json', 'Application/JSON; charset=utf-8', 'application/json;charset="utf-8"'])
      assert.equal(contentTypeRefusal({ 'content-type': type }), null, type);
    for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded', 'text/plain; application/json'])
      assert.equal(contentTypeRefusal({ 'content-type': type })?.status, 415, type);
  });
});

describe('the way to a route', () => {
  const routes = [
    { method: 'GET', path: '/tasks' },
    { method: 'POST', path: '/tasks' },
    { method: 'GET', path: '/tasks/{id}' },
    { method: 'GET', path: '/tasks/{id}/logs' },
  ] as const;
  const found = (method: string, path: string) => {
    const match = matchRoute(routes, method, path);
    return 'route' in match ? [match.route.path, match.params] : match.refusal.status;
  };

  it('is found by method and path, with what stands in the path', () => {
    assert.deepEqual(found('GET', '/tasks/7QX2'), ['/tasks/{id}', { id: '7QX2' }]);
    assert.deepEqual(found('GET', '/tasks/a%2Fb/logs'), ['/tasks/{id}/logs', { id: 'a/b' }]);
    assert.deepEqual(found('HEAD', '/tasks'), ['/tasks', {}]);
  });

  it('is not found for anything else', () => {
    for (const path of ['/', '/tasks/', '/tasks//logs', '/tasks/%E0%A4%A/logs', '/TASKS', '/tasks/a/b'])
      assert.equal(found('GET', path), 404, path);
    assert.equal(found('DELETE', '/tasks'), 405);
    const match = matchRoute(routes, 'DELETE', '/tasks');
    assert.deepEqual('refusal' in match && match.refusal.headers, { allow: 'GET, POST' });
  });
});
