import assert from 'node:assert/strict';
import { existsSync, readFileSync, readlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listProcesses } from '../../src/adapters/process/table.ts';
import type { PushOutcome } from '../../src/tasks/ports.ts';
import type { Task } from '../../src/tasks/task.ts';
import { startGitServer } from '../support/gitServer.ts';
import type { GitServer } from '../support/gitServer.ts';
import { gitWork } from '../support/gitWork.ts';
import type { GitWork } from '../support/gitWork.ts';
import { createSandbox } from '../support/repo.ts';
import type { Sandbox } from '../support/repo.ts';
import { until } from '../support/until.ts';

type Prepared = Task & { worktree: string };

const TOKEN = 'secret-token-123';

describe("git: pushing a task's branch", () => {
  let box: Sandbox;
  let work: GitWork;
  let repo: string;
  let origin: string;
  let server: GitServer;
  let task: Prepared;
  beforeEach(async () => {
    box = createSandbox('ampa git ü-');
    work = gitWork(box);
    ({ repo, origin } = box.withOrigin());
    server = await startGitServer({ root: box.dir, env: box.env, auth: { user: 'x-access-token', password: TOKEN } });
    box.git(origin, 'config', 'http.receivepack', 'true');
    box.git(repo, 'remote', 'set-url', 'origin', server.url('project-origin.git'));
    task = await work.prepare({ repo });
  });
  afterEach(async () => {
    await work.processes.endAll();
    await server.close();
    box.remove();
  });

  const push = (with_: Partial<Task> = {}): Promise<PushOutcome> =>
    work.tasks.push({ ...task, ...with_ }, work.processes, work.never);
  const pushed = async (with_: Partial<Task> = {}): Promise<Extract<PushOutcome, { kind: 'pushed' }>> => {
    const outcome = await push(with_);
    assert.ok(outcome.kind === 'pushed', JSON.stringify(outcome));
    return outcome;
  };
  const atOrigin = (branch = task.branch): string => box.git(origin, 'rev-parse', `refs/heads/${branch}`);
  /** Somebody else commits to the task's branch. */
  const othersPush = (file: string, content: string): string => {
    const other = join(box.dir, `other-${Math.random().toString(36).slice(2)}`);
    box.git(box.dir, 'clone', '-q', '-b', task.branch, origin, other);
    const sha = box.commit(other, file, content);
    box.git(other, 'push', '-q');
    return sha;
  };

  it('a commit arrives once, and a second push of it is none', async () => {
    const sha = box.commit(task.worktree, 'a.txt', 'a');
    work.calls.length = 0;
    assert.deepEqual(await push(), { kind: 'pushed', sha, notes: [] });
    assert.equal(work.calls.length, 3, work.calls.join(', '));
    assert.equal(atOrigin(), sha);
    assert.equal(server.pushes, 1);
    assert.deepEqual(await push({ pushed_sha: sha }), { kind: 'up_to_date', sha });
    assert.deepEqual(await push(), { kind: 'up_to_date', sha }, 'also when the record of it was lost');
    assert.equal(server.pushes, 1);
  });

  it("the user's settings do not widen it: no tags, no force, no other branch", async () => {
    box.config('push.followTags', 'true');
    box.config('push.default', 'matching');
    box.config('remote.origin.push', '+refs/heads/*:refs/heads/*');
    const before = atOrigin('main');
    box.commit(repo, 'unpushed.txt', 'x');
    const sha = box.commit(task.worktree, 'a.txt', 'a');
    box.git(task.worktree, 'tag', '-a', '-m', 'tag', 'v1');
    await pushed();
    assert.equal(atOrigin(), sha);
    assert.equal(atOrigin('main'), before);
    assert.equal(box.git(origin, 'tag'), '');
  });

  it('a branch that the remote moved is rebased once and pushed', async () => {
    const first = box.commit(task.worktree, 'a.txt', 'a');
    await pushed();
    const theirs = othersPush('b.txt', 'b');
    box.commit(task.worktree, 'c.txt', 'c');
    const { sha, notes } = await pushed({ pushed_sha: first });
    assert.equal(atOrigin(), sha);
    assert.equal(box.git(task.worktree, 'rev-parse', 'HEAD'), sha);
    assert.equal(box.git(task.worktree, 'rev-parse', 'HEAD~1'), theirs);
    assert.match(notes.join(), /rebased onto what others had pushed/);
    assert.ok(!existsSync(join(box.git(task.worktree, 'rev-parse', '--absolute-git-dir'), 'ampa-rebase')));
    assert.equal(box.git(task.worktree, 'status', '--porcelain', '--branch').split('\n').length, 1);
  });

  it('a base that was merged into the branch survives that rebase as a merge', async () => {
    const first = box.commit(task.worktree, 'a.txt', 'a');
    await pushed();
    othersPush('b.txt', 'b');
    box.commit(repo, 'base.txt', 'base');
    box.git(repo, 'push', '-q', origin, 'main');
    assert.deepEqual(await work.tasks.mergeBase(task, work.never), { kind: 'merged' });
    const base = box.git(repo, 'rev-parse', 'main');
    const { sha } = await pushed({ pushed_sha: first });
    assert.equal(
      box.git(task.worktree, 'merge-base', base, sha),
      base,
      "the base's commit is in the history itself, not a copy of it",
    );
    assert.deepEqual(
      (await work.tasks.changedFiles(task, sha)).map((file) => file.path),
      ['a.txt', 'b.txt'],
    );
  });

  it('a rebase that conflicts is rejected by name, and the branch is as before', async () => {
    const first = box.commit(task.worktree, 'a.txt', 'a');
    await pushed();
    const theirs = othersPush('a.txt', 'theirs');
    const ours = box.commit(task.worktree, 'a.txt', 'ours');
    const outcome = await push({ pushed_sha: first });
    assert.ok(outcome.kind === 'rejected', JSON.stringify(outcome));
    assert.match(outcome.detail, /conflict with them in a\.txt/);
    assert.equal(box.git(task.worktree, 'rev-parse', 'HEAD'), ours);
    assert.equal(box.git(task.worktree, 'status', '--porcelain'), '');
    assert.equal(atOrigin(), theirs);
  });

  it('a rebase that was cut short with its carrier is begun anew', async () => {
    const first = box.commit(task.worktree, 'a.txt', 'a');
    await pushed();
    const theirs = othersPush('b.txt', 'b');
    box.commit(task.worktree, 'c.txt', 'c');
    box.git(task.worktree, 'fetch', '-q', origin, task.branch);
    assert.throws(() => box.git(task.worktree, 'rebase', '-q', '--exec', 'false', 'FETCH_HEAD'));
    const gitDir = box.git(task.worktree, 'rev-parse', '--absolute-git-dir');
    writeFileSync(join(gitDir, 'ampa-rebase'), theirs);
    writeFileSync(join(gitDir, 'index.lock'), '');
    utimesSync(join(gitDir, 'index.lock'), 1, 1);
    const { sha } = await pushed({ pushed_sha: first });
    assert.equal(box.git(task.worktree, 'rev-parse', 'HEAD~1'), theirs);
    assert.equal(box.git(task.worktree, 'symbolic-ref', 'HEAD'), `refs/heads/${task.branch}`);
    assert.equal(atOrigin(), sha);
  });

  it('a rebase that a person has begun meanwhile is theirs, and the push waits for it', async () => {
    const first = box.commit(task.worktree, 'a.txt', 'a');
    await pushed();
    othersPush('b.txt', 'b');
    box.commit(task.worktree, 'c.txt', 'c');
    box.git(task.worktree, 'fetch', '-q', origin, task.branch);
    assert.throws(() => box.git(task.worktree, 'rebase', '-q', '--exec', 'false', 'FETCH_HEAD'));
    const gitDir = box.git(task.worktree, 'rev-parse', '--absolute-git-dir');
    writeFileSync(join(gitDir, 'ampa-rebase'), first);
    const outcome = await push({ pushed_sha: first });
    assert.ok(outcome.kind === 'rejected', JSON.stringify(outcome));
    assert.match(outcome.detail, /a rebase is under way in the worktree: run `git rebase --continue`/);
    assert.ok(existsSync(join(gitDir, 'rebase-merge')));
  });

  it('a second move in between is rejected', async () => {
    const first = box.commit(task.worktree, 'a.txt', 'a');
    await pushed();
    let races = 0;
    server.beforePush = () => {
      // Straight into the origin: the server is in the middle of a push.
      othersPush(`race-${++races}.txt`, 'x');
    };
    othersPush('b.txt', 'b');
    box.commit(task.worktree, 'c.txt', 'c');
    const outcome = await push({ pushed_sha: first });
    assert.ok(outcome.kind === 'rejected', JSON.stringify(outcome));
    assert.match(outcome.detail, /came in between twice/);
  });

  it('an agent that amends what was pushed has its files put on top of it', async () => {
    const first = box.commit(task.worktree, 'a.txt', 'a');
    await pushed();
    box.write(join(task.worktree, 'a.txt'), 'amended');
    box.git(task.worktree, 'commit', '-q', '-a', '--amend', '-m', 'Amended');
    const { sha, notes } = await pushed({ pushed_sha: first });
    assert.equal(atOrigin(), sha);
    assert.equal(box.git(repo, 'rev-parse', `${sha}^`), first);
    assert.equal(box.git(repo, 'show', `${sha}:a.txt`), 'amended');
    assert.equal(box.git(repo, 'show', '-s', '--format=%s', sha), task.title);
    assert.equal(box.git(task.worktree, 'status', '--porcelain'), '');
    assert.match(notes.join(), /had rewritten commits that were already pushed/);
  });

  it('a rewrite that changes no file is no push', async () => {
    const first = box.commit(task.worktree, 'a.txt', 'a');
    await pushed();
    box.git(task.worktree, 'commit', '-q', '--amend', '-m', 'Only the message');
    assert.deepEqual(await push({ pushed_sha: first }), { kind: 'up_to_date', sha: first });
    assert.equal(box.git(task.worktree, 'rev-parse', 'HEAD'), first);
    assert.equal(server.pushes, 1);
  });

  it('a server that declines is heard', async () => {
    box.write(join(origin, 'hooks', 'pre-receive'), '#!/bin/sh\necho "branch names must be blue"\nexit 1\n', 0o755);
    box.commit(task.worktree, 'a.txt', 'a');
    const outcome = await push();
    assert.ok(outcome.kind === 'rejected', JSON.stringify(outcome));
    assert.match(outcome.detail, /pre-receive hook declined/);
    assert.match(outcome.detail, /branch names must be blue/);
    assert.equal(server.pushes, 1);
  });

  it('401 and 403 are refused credentials, 503 and a lost line an unreachable remote', async () => {
    box.commit(task.worktree, 'a.txt', 'a');
    for (const status of [401, 403]) {
      server.fault = () => status;
      const outcome = await push();
      assert.equal(outcome.kind, 'auth', `${status}: ${JSON.stringify(outcome)}`);
    }
    for (const fault of [503, 'drop'] as const) {
      server.fault = () => fault;
      const outcome = await push();
      assert.equal(outcome.kind, 'unreachable', `${fault}: ${JSON.stringify(outcome)}`);
    }
    assert.equal(server.pushes, 0);
    assert.ok(!JSON.stringify(await push()).includes(TOKEN), 'no credential in what people see');
    server.fault = () => null;
    await pushed();
    assert.equal(server.pushes, 1);
  });

  it('a line that is lost after the push is no second push', async () => {
    const sha = box.commit(task.worktree, 'a.txt', 'a');
    let lost = false;
    server.fault = ({ service, path }) => {
      if (lost || service !== 'push' || !path.endsWith('/git-receive-pack')) return null;
      lost = true;
      // What arrived, arrived: only the answer is lost.
      box.git(repo, 'push', '-q', origin, `${sha}:refs/heads/${task.branch}`);
      return 'drop';
    };
    assert.deepEqual(await push(), { kind: 'up_to_date', sha });
    assert.equal(atOrigin(), sha);
    assert.equal(box.git(task.worktree, 'rev-parse', 'HEAD'), sha);
  });

  it('an abort ends a push that hangs', async () => {
    box.commit(task.worktree, 'a.txt', 'a');
    let asked = false;
    server.fault = () => {
      asked = true;
      return 'hang';
    };
    const controller = new AbortController();
    const outcome = work.tasks.push(task, work.processes, controller.signal);
    await until('the request', () => asked);
    controller.abort();
    await assert.rejects(outcome, { name: 'AbortError' });
    const left = (await listProcesses()).filter((row) => !row.zombie).map((row) => row.pid);
    const inRepo = left.filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(box.dir);
      } catch {
        return false;
      }
    });
    assert.deepEqual(inRepo, [], 'nothing that git had started is left');
  });

  it('a remote that is a path, or gone, is told apart', async () => {
    box.commit(task.worktree, 'a.txt', 'a');
    box.git(repo, 'remote', 'set-url', 'origin', '../nowhere.git');
    const gone = await push();
    assert.ok(gone.kind === 'unreachable', JSON.stringify(gone));
    box.git(repo, 'remote', 'set-url', 'origin', '../project-origin.git');
    await pushed();
    box.git(repo, 'remote', 'remove', 'origin');
    const none = await push();
    assert.ok(none.kind === 'unreachable' && /no longer has a remote called origin/.test(none.detail));
  });

  describe('the pre-push hook', () => {
    const hook = (script: string): string =>
      box.write(join(repo, '.git', 'hooks', 'pre-push'), `#!/bin/sh\n${script}\n`, 0o755);

    it('runs once in the worktree with what git would tell it', async () => {
      const sha = box.commit(task.worktree, 'a.txt', 'a');
      const log = join(box.dir, 'hook.log');
      hook(`{ echo "$1|$2|$PWD"; cat; } >> '${log}'`);
      await pushed();
      const ref = `refs/heads/${task.branch}`;
      assert.equal(
        readFileSync(log, 'utf8'),
        `origin|${server.url('project-origin.git')}|${task.worktree}\n${ref} ${sha} ${ref} ${'0'.repeat(40)}\n`,
      );
    });

    it('that fails is a red check with its output, and nothing is pushed', async () => {
      hook('echo "tests: 3 failing" >&2; exit 1');
      box.commit(task.worktree, 'a.txt', 'a');
      assert.deepEqual(await push(), { kind: 'hook_failed', output: 'tests: 3 failing\n' });
      assert.equal(server.pushes, 0);
    });

    it('uploads LFS objects where git-lfs put it there, else they are uploaded first', async () => {
      const bin = join(box.dir, 'bin');
      const log = join(box.dir, 'lfs.log');
      box.write(join(bin, 'git-lfs'), `#!/bin/sh\ncase "$1" in push|pre-push) echo "$*" >> '${log}';; esac\n`, 0o755);
      box.write(join(task.worktree, '.gitattributes'), '*.bin filter=lfs diff=lfs merge=lfs -text\n');
      box.commit(task.worktree, 'a.txt', 'a');
      box.git(task.worktree, 'add', '.gitattributes');
      box.git(task.worktree, 'commit', '-q', '-m', 'LFS');
      const withLfs = gitWork(box, { env: { PATH: `${bin}:${box.env.PATH}` } });
      const outcome = await withLfs.tasks.push(task, withLfs.processes, work.never);
      assert.ok(outcome.kind === 'pushed', JSON.stringify(outcome));
      assert.equal(readFileSync(log, 'utf8'), `push origin ${task.branch}\n`);
      hook('git lfs pre-push "$@"');
      box.commit(task.worktree, 'b.txt', 'b');
      await withLfs.tasks.push({ ...task, pushed_sha: outcome.sha }, withLfs.processes, work.never);
      assert.match(readFileSync(log, 'utf8'), /^push origin .+\npre-push origin http:.+\n$/);
    });
  });

  it('with a credential of ours no code of the repository runs, and the credential goes to that call only', async () => {
    const marker = join(box.dir, 'ran');
    const evil = box.write(
      join(box.dir, 'evil.sh'),
      `#!/bin/sh\nenv >> '${marker}'\necho username=evil\necho password=evil\n`,
      0o755,
    );
    box.git(repo, 'config', 'core.fsmonitor', evil);
    box.git(repo, 'config', 'credential.helper', evil);
    box.git(repo, 'config', 'core.askPass', evil);
    box.git(repo, 'remote', 'set-url', 'origin', server.url('project-origin.git', { anonymous: true }));
    const helper = `!f() { test "$1" = get && echo username=x-access-token && echo "password=$AMPA_TEST_TOKEN"; }; f`;
    const ours = gitWork(box, {
      credentials: async (url) => {
        assert.equal(url, server.url('project-origin.git', { anonymous: true }));
        return { url, helper, env: { AMPA_TEST_TOKEN: TOKEN } };
      },
    });
    box.git(task.worktree, '-c', 'core.fsmonitor=false', 'commit', '-q', '--allow-empty', '-m', 'x');
    box.write(join(repo, '.git', 'hooks', 'pre-push'), `#!/bin/sh\nenv > '${join(box.dir, 'hook-env')}'\n`, 0o755);
    for (const name of ['reference-transaction', 'post-checkout'])
      box.write(join(repo, '.git', 'hooks', name), `#!/bin/sh\nenv >> '${marker}'\n`, 0o755);
    const outcome = await ours.tasks.push(task, ours.processes, work.never);
    assert.ok(outcome.kind === 'pushed', JSON.stringify(outcome));
    const seen = [marker, join(box.dir, 'hook-env')]
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, 'utf8'))
      .join('');
    assert.ok(!seen.includes(TOKEN));
    assert.ok(existsSync(join(box.dir, 'hook-env')), 'the hook itself ran, without it');
    await ours.processes.endAll();
  });

  it('an ssh command of the user stays, and ours does not ask', async () => {
    const log = join(box.dir, 'ssh.log');
    const fake = box.write(
      join(box.dir, 'bin', 'ssh'),
      `#!/bin/sh\necho "$*" >> '${log}'\necho "git@host: Permission denied (publickey)." >&2\nexit 255\n`,
      0o755,
    );
    box.git(repo, 'remote', 'set-url', 'origin', 'git@host.invalid:me/project.git');
    const path = { PATH: `${join(box.dir, 'bin')}:${box.env.PATH}` };
    box.commit(task.worktree, 'a.txt', 'a');
    const ends = async (env: Record<string, string>): Promise<string> => {
      const other = gitWork(box, { env: { ...path, ...env } });
      const outcome = await other.tasks.push(task, other.processes, work.never);
      assert.ok(outcome.kind === 'auth', JSON.stringify(outcome));
      return readFileSync(log, 'utf8').trimEnd().split('\n').at(-1)!;
    };
    assert.match(await ends({}), /BatchMode=yes/);
    assert.doesNotMatch(await ends({ GIT_SSH_COMMAND: `'${fake}' -i mine` }), /BatchMode/);
    box.git(repo, 'config', 'core.sshCommand', 'ssh -i theirs');
    assert.match(await ends({}), /^-i theirs .*BatchMode=yes/);
  });

  it('a repository without a remote has nothing to push', async () => {
    const alone = box.repository('alone');
    const local = await work.prepare({ repo: alone, remote: null });
    const sha = box.commit(local.worktree, 'a.txt', 'a');
    assert.deepEqual(await work.tasks.push(local, work.processes, work.never), { kind: 'up_to_date', sha });
  });
});
