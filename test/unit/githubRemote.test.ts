import assert from 'node:assert/strict';
import { apiUrlOf, graphqlUrlOf, hostOfApi, parseRemote } from '../../src/adapters/github/remote.ts';

const named = (url: string, hosts: string[] = []): string | null => {
  const repo = parseRemote(url, hosts);
  return repo && `${repo.host} ${repo.owner} ${repo.name}`;
};

describe('The repository a remote names', () => {
  const cases: [url: string, expected: string | null, hosts?: string[]][] = [
    ['git@github.com:acme/widget.git', 'github.com acme widget'],
    ['git@github.com:acme/widget', 'github.com acme widget'],
    ['github.com:acme/widget.git', 'github.com acme widget'],
    ['git@github.com:/acme/widget.git/', 'github.com acme widget'],
    ['org-123@github.com:acme/widget.git', 'github.com acme widget'],
    ['ssh://git@github.com/acme/widget.git', 'github.com acme widget'],
    ['ssh://git@github.com:22/acme/widget', 'github.com acme widget'],
    ['ssh://git@ssh.github.com:443/acme/widget.git', 'github.com acme widget'],
    ['git+ssh://git@github.com/acme/widget.git', 'github.com acme widget'],
    ['git://github.com/acme/widget.git', 'github.com acme widget'],
    ['https://github.com/acme/widget', 'github.com acme widget'],
    ['https://github.com/acme/widget.git/', 'github.com acme widget'],
    ['https://user:ghp_secret@github.com/acme/widget.git', 'github.com acme widget'],
    ['https://x-access-token@GitHub.com:443/acme/widget', 'github.com acme widget'],
    ['https://www.github.com/acme/widget', 'github.com acme widget'],
    ['https://github.com/acme/next.js.git', 'github.com acme next.js'],
    ['git@github.com:acme/dot.git.io.git', 'github.com acme dot.git.io'],
    ['https://github.com/ac-me/my_repo-1', 'github.com ac-me my_repo-1'],
    [' https://github.com/acme/widget\n', 'github.com acme widget'],
    ['git@ghe.corp.example:team/app.git', 'ghe.corp.example team app', ['GHE.corp.example']],
    ['https://ghe.corp.example:8443/team/app', 'ghe.corp.example:8443 team app', ['ghe.corp.example']],
    ['ssh://git@ghe.corp.example:2222/team/app.git', 'ghe.corp.example team app', ['ghe.corp.example']],
    ['http://127.0.0.1:4000/acme/widget.git', '127.0.0.1:4000 acme widget', ['127.0.0.1']],
    ['https://tenant.ghe.com/acme/widget', 'tenant.ghe.com acme widget'],
    ['git@ghe.corp.example:team/app.git', null],
    ['https://gitlab.com/acme/widget', null],
    ['https://github.com.evil.example/acme/widget', null],
    ['https://evil.example/github.com/acme/widget', null],
    ['https://github.com/acme', null],
    ['https://github.com/acme/widget/tree/main', null],
    ['https://github.com/acme/..', null],
    ['https://github.com/acme/%2e%2e', null],
    ['https://github.com/acme/%E0%A4%A', null],
    ['https://github.com/acme/wid get', null],
    ['C:\\repos\\widget', null],
    ['C:/repos/widget', null],
    ['/srv/git/widget.git', null],
    ['../widget', null],
    ['file:///srv/github.com/acme/widget', null],
    ['', null],
  ];
  for (const [url, expected, hosts] of cases) {
    it(`${JSON.stringify(url)} is ${expected ?? 'none of GitHub'}`, () => assert.equal(named(url, hosts), expected));
  }

  it('the API of a host is where GitHub puts it, and an override wins', () => {
    assert.equal(apiUrlOf({ host: 'github.com' }), 'https://api.github.com');
    assert.equal(apiUrlOf({ host: 'ghe.corp.example:8443' }), 'https://ghe.corp.example:8443/api/v3');
    assert.equal(apiUrlOf({ host: 'tenant.ghe.com' }), 'https://api.tenant.ghe.com');
    assert.equal(apiUrlOf({ host: 'github.com' }, 'http://127.0.0.1:1/'), 'http://127.0.0.1:1');
    assert.equal(graphqlUrlOf('https://api.github.com'), 'https://api.github.com/graphql');
    assert.equal(graphqlUrlOf('https://ghe.corp.example/api/v3'), 'https://ghe.corp.example/api/graphql');
    assert.equal(hostOfApi('https://api.github.com'), 'github.com');
    assert.equal(hostOfApi('https://GHE.corp.example/api/v3'), 'ghe.corp.example');
    assert.equal(hostOfApi('https://api.tenant.ghe.com'), 'tenant.ghe.com');
    assert.equal(hostOfApi('nonsense'), null);
  });
});
