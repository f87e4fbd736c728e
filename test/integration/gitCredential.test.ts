import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IdentityKind, Task } from '../../src/tasks/task.ts';
import type { CredentialLookup } from '../../src/adapters/git/network.ts';
import { createForges, type ForgesDeps } from '../../src/app/forges.ts';
import { createLogins } from '../../src/app/logins.ts';
import type { ConfigValues } from '../../src/config/knobs.ts';
import { AmpaError } from '../../src/errors.ts';
import { startGitServer, type GitServer } from '../support/gitServer.ts';
import { gitWork, type GitWork } from '../support/gitWork.ts';
import { createSandbox, makeTask, type Sandbox } from '../support/repo.ts';

const TOKEN = 'secret-token-123';
const SENT = `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}`;
const HELPER = `!f() { test "$1" = get && echo username=x-access-token && echo "password=$AMPA_TEST_TOKEN"; }; f`;

describe('git: a credential of ours', () => {
  let box: Sandbox;
  let repo: string;
  let server: GitServer;
  /** What the repository's configuration would lead to. */
  let stranger: GitServer;
  let url: string;
  let elsewhere: string;
  let task: Task & { worktree: string };
  let works: GitWork[];
  beforeEach(async () => {
    box = createSandbox('ampa git ü-');
    works = [];
    const made = box.withOrigin();
    repo = made.repo;
    const auth = { user: 'x-access-token', password: TOKEN };
    server = await startGitServer({ root: box.dir, env: box.env, auth });
    stranger = await startGitServer({ root: box.dir, env: box.env, auth });
    box.git(made.origin, 'config', 'http.receivepack', 'true');
    task = await workWith().prepare({ repo });
    url = server.url('project-origin.git', { anonymous: true });
    elsewhere = stranger.url('project-origin.git', { anonymous: true });
    box.git(repo, 'remote', 'set-url', 'origin', url);
    box.commit(task.worktree, 'a.txt', 'a');
  });
  afterEach(async () => {
    for (const work of works) await work.processes.endAll();
    await server.close();
    await stranger.close();
    box.remove();
  });

  function workWith(credentials?: CredentialLookup): GitWork {
    const work = gitWork(box, { credentials });
    works.push(work);
    return work;
  }
  const ours: CredentialLookup = async (at) => ({ url: at, helper: HELPER, env: { AMPA_TEST_TOKEN: TOKEN } });
  const push = (lookup: CredentialLookup = ours, with_: Partial<Task> = {}) => {
    const work = workWith(lookup);
    return work.tasks.push({ ...task, ...with_ }, work.processes, work.never);
  };
  const start = (lookup: CredentialLookup) => {
    const work = workWith(lookup);
    return work.tasks.startPoint(makeTask({ repo }), work.never);
  };
  const tokenSeen = (): boolean => stranger.authorizations.includes(SENT);

  it('goes to its own address', async () => {
    assert.equal((await push()).kind, 'pushed');
    assert.ok(server.authorizations.includes(SENT));
  });

  it('is what a private repository is cloned with, and brought up to date; it stays in none of its files', async () => {
    const folder = join(box.dir, 'repos');
    await assert.rejects(workWith().repository.cloneBare(url, folder), /refused our credentials/);
    const { repository } = workWith(ours);
    const clone = await repository.cloneBare(url, folder);
    const sha = box.commit(repo, 'b.txt', 'b');
    box.git(repo, 'push', '-q', join(box.dir, 'project-origin.git'), 'main');
    assert.equal(await repository.cloneBare(url, folder), clone);
    assert.equal(box.git(clone, 'rev-parse', 'refs/remotes/origin/main'), sha);
    assert.equal(box.git(clone, 'rev-parse', 'refs/heads/main'), sha);
    assert.equal(box.git(clone, 'config', 'remote.origin.url'), url);
    assert.throws(() => box.git(clone, 'config', '--get-regexp', 'credential|hookspath'));
    const refused: CredentialLookup = async () => {
      throw new AmpaError('external', 'GitHub refused a token (401)');
    };
    await assert.rejects(workWith(refused).repository.cloneBare(url, folder), { code: 'repository' });
  });

  const rewrites: [string, () => void][] = [
    ['a rewritten address', () => box.git(repo, 'config', `url.${elsewhere}.insteadOf`, url)],
    [
      'a rewritten beginning',
      () =>
        box.git(
          repo,
          'config',
          `url.${stranger.url('', { anonymous: true })}.insteadOf`,
          server.url('', { anonymous: true }),
        ),
    ],
    ['an address rewritten for pushes', () => box.git(repo, 'config', `url.${elsewhere}.pushInsteadOf`, url)],
    [
      "an address rewritten in the worktree's configuration",
      () => {
        box.git(repo, 'config', 'extensions.worktreeConfig', 'true');
        box.git(repo, 'config', '--worktree', `url.${elsewhere}.insteadOf`, url);
      },
    ],
    [
      'an address rewritten in an included file',
      () => {
        box.git(repo, 'config', '--file', join(repo, '.git', 'more'), `url.${elsewhere}.insteadOf`, url);
        box.git(repo, 'config', 'include.path', 'more');
      },
    ],
    [
      'a remote that is called like the address',
      () => {
        box.git(repo, 'config', `remote.${url}.url`, elsewhere);
        box.git(repo, 'config', `remote.${url}.pushurl`, elsewhere);
      },
    ],
  ];
  for (const [what, configure] of rewrites) {
    it(`does not follow ${what} of the repository, and that is said`, async () => {
      configure();
      const outcome = await push();
      assert.ok(!tokenSeen());
      assert.ok(outcome.kind === 'auth', JSON.stringify(outcome));
      assert.match(
        outcome.detail,
        /AMPA's access was not used: the repository's own git configuration \((url|remote)\./,
      );
    });
  }

  it('does not follow a rewrite of the repository when the base is fetched', async () => {
    box.git(repo, 'config', `url.${elsewhere}.insteadOf`, url);
    const point = await start(ours);
    assert.ok(!tokenSeen());
    assert.ok(point.kind === 'ok', JSON.stringify(point));
    assert.match(point.notes.join(), /AMPA's access was not used/);
  });

  it('is not given where the repository switches the check of certificates off', async () => {
    box.git(repo, 'config', `http.${url}.sslVerify`, 'false');
    const outcome = await push();
    assert.ok(outcome.kind === 'auth', JSON.stringify(outcome));
    assert.ok(!server.authorizations.includes(SENT));
  });

  it('is seen by no program that the repository configures for another protocol', async () => {
    const marker = join(box.dir, 'ran');
    box.git(repo, 'config', 'protocol.ext.allow', 'always');
    box.git(repo, 'config', `remote.${url}.url`, `ext::touch ${marker.replaceAll(' ', '% ')}`);
    assert.notEqual((await push()).kind, 'pushed');
    assert.ok(!existsSync(marker));
  });

  it('is not asked for where the user has the address led to a folder of their own', async () => {
    box.config(`url.${join(box.dir, 'project-origin.git')}.insteadOf`, url);
    let asked = 0;
    const outcome = await push(async (at, ...rest) => {
      asked++;
      return ours(at, ...rest);
    });
    assert.equal(outcome.kind, 'pushed', JSON.stringify(outcome));
    assert.equal(asked, 0);
    assert.deepEqual([...server.authorizations, ...stranger.authorizations], []);
  });

  it('wins over a header that the repository has for the address', async () => {
    box.git(repo, 'config', `http.${new URL(url).origin}/.extraHeader`, 'Authorization: Basic b2xkOm9sZA==');
    const outcome = await push();
    assert.equal(outcome.kind, 'pushed', JSON.stringify(outcome));
  });

  it('is not sent over plain http to another machine', async () => {
    box.git(repo, 'remote', 'set-url', 'origin', 'http://git.invalid/acme/widget.git');
    const outcome = await push();
    assert.ok(outcome.kind === 'unreachable', JSON.stringify(outcome));
    assert.match(outcome.detail, /AMPA's access was not used: origin is not an https address/);
  });

  it('is looked up with the identity that the task was made with', async () => {
    const asked: (IdentityKind | undefined)[] = [];
    const lookup: CredentialLookup = (at, signal, identity) => {
      asked.push(identity);
      return ours(at, signal, identity);
    };
    const forge = { kind: 'github', host: 'github.com', owner: 'acme', name: 'widget', issue: null } as const;
    await push(lookup, { forge: { ...forge, pullRequest: 'first', identity: 'gh' } });
    await push(lookup);
    assert.deepEqual(asked, ['gh', undefined]);
  });

  const failures: [string, Error, 'unreachable' | 'auth'][] = [
    [
      'GitHub away',
      new AmpaError('external', 'GitHub could not be reached for a token: getaddrinfo', 'Check the network.'),
      'unreachable',
    ],
    ['GitHub in trouble', new AmpaError('external', 'GitHub refused a token (503): sorry'), 'unreachable'],
    ['a time limit', new DOMException('The operation was aborted due to timeout', 'TimeoutError'), 'unreachable'],
    [
      'a lost line',
      new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ENOTFOUND' }) }),
      'unreachable',
    ],
    ['a bad key', new AmpaError('external', 'GitHub does not accept the private key of App 7'), 'auth'],
    ['an editor signed out', new AmpaError('external', 'The editor is not signed in to GitHub any more'), 'auth'],
  ];
  for (const [what, error, kind] of failures) {
    it(`that cannot be had (${what}) is an outcome of the push and no crash`, async () => {
      const outcome = await push(() => Promise.reject(error));
      assert.ok(outcome.kind === kind, JSON.stringify(outcome));
      assert.ok(outcome.detail.startsWith(error.message), outcome.detail);
      const point = await start(() => Promise.reject(error));
      assert.ok(point.kind === 'ok');
      assert.equal(point.sha, box.git(repo, 'rev-parse', 'main'));
      const said = kind === 'auth' ? 'origin refused our credentials' : 'origin could not be reached';
      assert.match(point.notes.join(), new RegExp(`${said}, started from the local main`));
    });
  }

  it('whose lookup was aborted is an abort', async () => {
    const abort = new AbortController();
    const work = workWith(async (_url, signal) => {
      abort.abort(new Error('stop'));
      signal?.throwIfAborted();
      return null;
    });
    const pushing = work.tasks.push(task, work.processes, abort.signal);
    await assert.rejects(pushing, { message: 'stop' });
  });
});

describe("GitHub's forges", () => {
  const NOWHERE = { PATH: '/nonexistent', HOME: '/nonexistent' };
  const forges = (env: ForgesDeps['env'], config: Partial<ConfigValues> = {}) =>
    createForges({
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

  it('an identity that is not to be had here is named, and no other is taken', async () => {
    const it_ = forges({ GITHUB_TOKEN: TOKEN });
    const wanted = { code: 'external', message: /made with the account of `gh`, which is not to be had here/ };
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
