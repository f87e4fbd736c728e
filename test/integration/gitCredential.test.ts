import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { IdentityKind, Task } from '../../src/tasks/task.ts';
import type { CredentialLookup } from '../../src/adapters/git/network.ts';
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
    ['an editor signed out', new AmpaError('external', 'The editor is no longer signed in to GitHub'), 'auth'],
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
