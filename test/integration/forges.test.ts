import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IdentityKind, Task } from '../../src/tasks/task.ts';
import { createForges, type ForgesDeps } from '../../src/app/forges.ts';
import { createLogins } from '../../src/app/logins.ts';
import type { ConfigValues } from '../../src/config/knobs.ts';
import { createSandbox, makeTask } from '../support/repo.ts';

const TOKEN = 'secret-token-123';

describe("GitHub's forges", () => {
  const NOWHERE = { PATH: '/nonexistent', HOME: '/nonexistent' };
  const forges = (
    env: ForgesDeps['env'],
    config: Partial<ConfigValues> = {},
    editorToken?: ForgesDeps['editorToken'],
  ) =>
    createForges({
      editorToken,
      env: { ...NOWHERE, ...env },
      config: () => config as ConfigValues,
      secrets: [],
      logins: createLogins('/nonexistent'),
      now: Date.now,
    });
  const taskOf = (identity: IdentityKind): Task =>
    makeTask({
      repo: '/nonexistent',
      forge: {
        kind: 'github',
        host: 'github.com',
        owner: 'acme',
        name: 'widget',
        pullRequest: 'first',
        identity,
        issue: null,
      },
    });
  const fill = (helper: string, env: Readonly<Record<string, string>>, protocol: string, host: string): string => {
    try {
      return execFileSync(
        'git',
        ['-c', 'credential.helper=', '-c', `credential.helper=${helper}`, 'credential', 'fill'],
        {
          env: {
            ...env,
            PATH: process.env.PATH,
            GIT_CONFIG_NOSYSTEM: '1',
            GIT_CONFIG_GLOBAL: '/dev/null',
            GIT_TERMINAL_PROMPT: '0',
            GIT_ASKPASS: '',
          },
          input: `protocol=${protocol}\nhost=${host}\n\n`,
          encoding: 'utf8',
          stdio: ['pipe', 'pipe', 'ignore'],
        },
      );
    } catch {
      return '';
    }
  };

  it('the helper answers for https and the host of the token only', async () => {
    const found = await forges({ GITHUB_TOKEN: TOKEN }).credential('https://somebody@github.com/acme/widget.git');
    assert.ok(found);
    assert.equal(found.url, 'https://github.com/acme/widget.git');
    const env = found.env ?? {};
    assert.match(
      fill(found.helper, env, 'https', 'github.com'),
      new RegExp(`username=x-access-token\npassword=${TOKEN}`),
    );
    for (const [protocol, host] of [
      ['http', 'github.com'],
      ['https', 'evil.example'],
      ['https', 'github.com.evil.example'],
      ['https', 'github.com:8443'],
    ] as const)
      assert.equal(fill(found.helper, env, protocol, host), '', `${protocol}://${host}`);
    assert.ok(!found.helper.includes(TOKEN));
  });

  it('whoever signs in to the editor is asked from the next task on, whoever was found before', async () => {
    for (const [env, before] of [
      [{}, undefined],
      [{ GITHUB_TOKEN: TOKEN }, 'environment'],
    ] as const) {
      let token: string | null = null;
      const it_ = forges(env, {}, async (host) => (host === 'github.com' ? token : null));
      const identity = async () => (await it_.at('https://github.com/acme/widget.git'))?.at.identity;
      assert.equal(await identity(), before);
      token = 'of-the-editor';
      assert.equal(await identity(), 'editor');
      assert.equal(await identity(), 'editor');
    }
  });

  it('a host of ssh that goes by another name is asked of ssh, once', async () => {
    const box = createSandbox('ampa-ssh-');
    const calls = join(box.dir, 'calls');
    box.write(
      join(box.dir, 'bin/ssh'),
      `#!/bin/sh\necho "$*" >> '${calls}'\nenv >> '${calls}'\ncase "$2" in office) echo "hostname GitHub.com";; *) echo "hostname $2";; esac\n`,
      0o755,
    );
    try {
      const it_ = forges({ PATH: `${join(box.dir, 'bin')}:${box.env['PATH']}`, GITHUB_TOKEN: TOKEN });
      for (const url of ['git@office:acme/widget.git', 'ssh://git@office/acme/widget', 'office:acme/widget'])
        assert.deepEqual(await it_.repoAt(url), { kind: 'github', host: 'github.com', owner: 'acme', name: 'widget' });
      assert.equal((await it_.at('git@office:acme/widget.git'))?.at.host, 'github.com');
      assert.equal(await it_.repoAt('git@elsewhere.example:acme/widget'), null);
      assert.equal(await it_.repoAt('https://office/acme/widget'), null);
      assert.equal(await it_.repoAt('git@-oProxyCommand=x:acme/widget'), null);
      const said = readFileSync(calls, 'utf8');
      assert.deepEqual(said.match(/^-G .*$/gm), ['-G office', '-G elsewhere.example']);
      assert.ok(!said.includes(TOKEN));
      assert.equal(await forges({}).repoAt('git@office:acme/widget'), null);
    } finally {
      box.remove();
    }
  });

  it('a host that gh is signed in to is a GitHub, where gh alone says who we are', async () => {
    const box = createSandbox('ampa-ghe-');
    box.write(
      join(box.dir, 'home/.config/gh/hosts.yml'),
      'github.com:\n    user: ada\nghe.corp.example:\n    users:\n',
    );
    box.write(
      join(box.dir, 'bin/gh'),
      '#!/bin/sh\ntest "$4" = ghe.corp.example && echo gho_of_the_enterprise\n',
      0o755,
    );
    try {
      const HOME = join(box.dir, 'home');
      const app = { githubAppId: '7', githubAppPrivateKey: 'never read' };
      const env = { HOME, PATH: `${join(box.dir, 'bin')}:${box.env['PATH']}`, GITHUB_TOKEN: TOKEN };
      const it_ = forges(env, app);
      const repo = { kind: 'github', host: 'ghe.corp.example', owner: 'team', name: 'app' } as const;
      assert.deepEqual(await it_.repoAt('git@ghe.corp.example:team/app.git'), repo);
      const url = 'https://ghe.corp.example/team/app.git';
      assert.deepEqual((await it_.at(url))?.at, { ...repo, identity: 'gh' });
      assert.equal((await it_.credential(url))?.env?.['AMPA_GIT_PASSWORD'], 'gho_of_the_enterprise');
      assert.equal(await it_.repoAt('git@users:team/app.git'), null, 'only what is at the beginning of a line');
      assert.equal(await forges({ HOME }).at(url), null, 'without gh nobody is signed in there');
      const named = forges({ GITHUB_TOKEN: TOKEN, AMPA_GITHUB_API_URL: 'https://ghe.corp.example/api/v3' });
      assert.equal((await named.at(url))?.at.identity, 'environment', 'its address was set together with the token');
      const other = forges({ ...env, AMPA_GITHUB_API_URL: 'https://ghe.other.example/api/v3' }, app);
      assert.equal((await other.at(url))?.at.identity, 'gh', 'the address that was set is another server’s');
      assert.equal((await other.credential(url))?.env?.['AMPA_GIT_PASSWORD'], 'gho_of_the_enterprise');
    } finally {
      box.remove();
    }
  });

  it('a tenant of ghe.com is a GitHub', async () => {
    const at = { kind: 'github', host: 'acme.ghe.com', owner: 'acme', name: 'widget', identity: 'environment' };
    const found = await forges({ GITHUB_TOKEN: TOKEN }).at('git@acme.ghe.com:acme/widget.git');
    assert.deepEqual(found?.at, at);
  });

  it('plain http and ssh get no token', async () => {
    const { credential } = forges({ GITHUB_TOKEN: TOKEN });
    assert.equal(await credential('http://github.com/acme/widget.git'), null);
    assert.equal(await credential('git@github.com:acme/widget.git'), null);
    assert.equal(await credential('https://github.com.evil.example/acme/widget.git'), null);
  });

  it('a task keeps the identity that it was made with', async () => {
    // An App that is set up comes first, but this task knows nothing of it.
    const it_ = forges({ GITHUB_TOKEN: TOKEN }, { githubAppId: '7', githubAppPrivateKey: 'broken' });
    const forge = await it_.of(taskOf('environment'));
    const repo = taskOf('environment').forge!;
    assert.equal((await forge.gitToken(repo, new AbortController().signal)).password, TOKEN);
    const found = await it_.credential('https://github.com/acme/widget', undefined, 'environment');
    assert.equal(found?.env?.AMPA_GIT_PASSWORD, TOKEN);
    await assert.rejects(it_.credential('https://github.com/acme/widget'), { code: 'external' });
  });

  it('an identity that is not available here is named, and no other is taken', async () => {
    const it_ = forges({ GITHUB_TOKEN: TOKEN });
    const wanted = { code: 'external', message: /made with the account of `gh`, which is not available here/ };
    await assert.rejects(it_.of(taskOf('gh')), wanted);
    await assert.rejects(it_.credential('https://github.com/acme/widget', undefined, 'gh'), wanted);
    await assert.rejects(it_.of(taskOf('editor')), { message: /GitHub account of the editor/ });
  });

  it('a remote that is not on GitHub is told without the client of GitHub', async () => {
    // The client cannot be made with this proxy.
    const it_ = forges({ GITHUB_TOKEN: TOKEN, https_proxy: 'http://[' });
    for (const remote of [
      'git@gitlab.com:acme/widget.git',
      'https://gitlab.com/acme/widget',
      '/srv/github/widget.git',
    ]) {
      assert.equal(await it_.at(remote), null);
      assert.equal(await it_.credential(remote), null);
    }
    await assert.rejects(it_.at('https://github.com/acme/widget'));
  });
});
