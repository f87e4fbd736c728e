import assert from 'node:assert/strict';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommitOutcome } from '../../src/tasks/ports.ts';
import type { Task } from '../../src/tasks/task.ts';
import { gitWork } from '../support/gitWork.ts';
import type { GitWork } from '../support/gitWork.ts';
import { createSandbox } from '../support/repo.ts';
import type { Sandbox } from '../support/repo.ts';

type Prepared = Task & { worktree: string };

describe('git: committing what a turn left', () => {
  let box: Sandbox;
  let work: GitWork;
  let repo: string;
  let task: Prepared;
  beforeEach(async () => {
    box = createSandbox('ampa git ü-');
    work = gitWork(box);
    repo = box.withOrigin('mein Pröjekt').repo;
    task = await work.prepare({ repo });
  });
  afterEach(async () => {
    await work.processes.endAll();
    box.remove();
  });

  const write = (file: string, content: string | Buffer): string => box.write(join(task.worktree, file), content);
  const commitAll = (with_: Partial<Task> = {}): Promise<CommitOutcome> =>
    work.tasks.commitAll({ ...task, ...with_ }, 'Add a greeting', 'claude', work.processes, work.never);
  const committed = async (with_: Partial<Task> = {}): Promise<Extract<CommitOutcome, { kind: 'committed' }>> => {
    const outcome = await commitAll(with_);
    assert.ok(outcome.kind === 'committed', JSON.stringify(outcome));
    return outcome;
  };
  const filesOf = (sha: string): string[] =>
    box.git(repo, '-c', 'core.quotePath=false', 'show', '--name-only', '--format=', sha).split('\n').filter(Boolean);

  it('takes everything along, with the title, the user as author and the agent as co-author', async () => {
    write('ä ö/ü.txt', 'umlauts');
    write('README.md', 'changed');
    write(' leading "quotes".txt', 'x');
    const { sha, notes } = await committed();
    assert.deepEqual(notes, []);
    assert.deepEqual(filesOf(sha).length, 3);
    assert.equal(
      box.git(repo, 'show', '-s', '--format=%an <%ae>|%s|%(trailers:key=Co-authored-by,valueonly)', sha).trim(),
      'Ada Tester <ada@example.org>|Add a greeting|claude <claude@agents.invalid>',
    );
    assert.equal(box.git(task.worktree, 'status', '--porcelain'), '');
    assert.deepEqual(await commitAll(), { kind: 'nothing', sha, notes: [] });
  });

  it('a title that begins with a number sign stays', async () => {
    box.config('commit.cleanup', 'strip');
    write('a.txt', 'a');
    const outcome = await work.tasks.commitAll(
      task,
      '#12 is fixed',
      'Codex <codex@example.org>',
      work.processes,
      work.never,
    );
    assert.ok(outcome.kind === 'committed');
    assert.equal(box.git(repo, 'show', '-s', '--format=%s', outcome.sha), '#12 is fixed');
  });

  it('costs four git processes besides the commit, and the verification before it none', async () => {
    write('a.txt', 'a');
    work.calls.length = 0;
    await committed();
    assert.equal(work.calls.length, 4, work.calls.join(', '));
    work.calls.length = 0;
    assert.deepEqual(await work.tasks.verifyHead(task), { ok: true, notes: [] });
    assert.deepEqual(work.calls, []);
  });

  it('what the agent committed itself is nothing more to commit', async () => {
    const sha = box.commit(task.worktree, 'a.txt', 'a');
    assert.deepEqual(await commitAll(), { kind: 'nothing', sha, notes: [] });
  });

  it('copied files, repositories within the tree and large files are left out, each by name', async () => {
    write('.env', 'SECRET=1');
    write('kept.txt', 'kept');
    box.git(task.worktree, 'init', '-q', join(task.worktree, 'nested empty'));
    box.git(task.worktree, 'init', '-q', join(task.worktree, 'deep/nested'));
    box.commit(join(task.worktree, 'deep/nested'), 'x', 'x');
    write('huge [1].bin', '');
    truncateSync(join(task.worktree, 'huge [1].bin'), 51 * 1024 * 1024);
    const { sha, notes } = await committed({ copied_files: ['.env'] });
    assert.deepEqual(filesOf(sha), ['kept.txt']);
    assert.deepEqual(notes.sort(), [
      'not committed: .env, which was copied from your checkout',
      'not committed: deep/nested, which is a repository of its own',
      'not committed: huge [1].bin, which is 51 MB large (the limit is 50 MB)',
      'not committed: nested empty, which is a repository of its own',
    ]);
    const again = await commitAll({ copied_files: ['.env'] });
    assert.ok(again.kind === 'nothing' && again.sha === sha && again.notes.length === 4);
  });

  it('what of it the agent has staged leaves the index again', async () => {
    write('.env', 'SECRET=1');
    write('kept.txt', 'kept');
    box.git(task.worktree, 'init', '-q', join(task.worktree, 'nested'));
    box.commit(join(task.worktree, 'nested'), 'x', 'x');
    write('huge.bin', '');
    truncateSync(join(task.worktree, 'huge.bin'), 51 * 1024 * 1024);
    box.git(task.worktree, 'add', '-A');
    const { sha, notes } = await committed({ copied_files: ['.env'] });
    assert.deepEqual(filesOf(sha), ['kept.txt']);
    assert.equal(notes.length, 3);
    assert.ok(existsSync(join(task.worktree, '.env')));
  });

  it('deleted, renamed and changed files arrive as such', async () => {
    box.commit(task.worktree, 'one.txt', 'a file that is long enough to be found again\n'.repeat(20));
    box.commit(task.worktree, 'two.txt', '2');
    const base = box.git(task.worktree, 'rev-parse', 'HEAD');
    box.git(task.worktree, 'mv', 'one.txt', 'eins ü.txt');
    box.git(task.worktree, 'rm', '-q', 'two.txt');
    write('README.md', 'changed');
    write('new.txt', 'new');
    const { sha } = await committed();
    const changed = await work.tasks.changedFiles({ ...task, remote: null, base: null, base_sha: base }, sha);
    assert.deepEqual(
      changed.sort((a, b) => a.path.localeCompare(b.path)),
      [
        { path: 'eins ü.txt', oldPath: 'one.txt', status: 'renamed', lines: { added: 0, deleted: 0 } },
        { path: 'new.txt', oldPath: null, status: 'added', lines: { added: 1, deleted: 0 } },
        { path: 'README.md', oldPath: null, status: 'modified', lines: { added: 1, deleted: 1 } },
        { path: 'two.txt', oldPath: null, status: 'deleted', lines: { added: 0, deleted: 1 } },
      ],
    );
  });

  describe('hooks', () => {
    const hook = (name: string, script: string): string =>
      box.write(join(repo, '.git', 'hooks', name), `#!/bin/sh\n${script}\n`, 0o755);

    it('run, and one that fails speaks for itself', async () => {
      hook('pre-commit', 'echo "lint: a.txt:1 ünexpected"; echo "2 problems" >&2; exit 1');
      write('a.txt', 'a');
      const outcome = await commitAll();
      assert.ok(outcome.kind === 'hook_failed', JSON.stringify(outcome));
      assert.match(outcome.output, /lint: a.txt:1 ünexpected/);
      assert.match(outcome.output, /2 problems/);
      hook('pre-commit', 'test "$(git config user.name)" = "Ada Tester" && touch hook-ran && git add hook-ran');
      const { sha } = await committed();
      assert.deepEqual(filesOf(sha), ['a.txt', 'hook-ran']);
    });

    it('and git itself work in the worktree, whatever the host was started in', async () => {
      const odd = gitWork(box, { env: { GIT_INDEX_FILE: '/nonexistent/index' } });
      write('a.txt', 'a');
      assert.equal((await odd.git.run(task.worktree, ['status', '--porcelain'])).stdout, '?? a.txt\n');
    });

    it('that are configured but not in the worktree are reported', async () => {
      box.git(repo, 'config', 'core.hooksPath', '.husky/_');
      write('a.txt', 'a');
      const { notes } = await committed();
      assert.match(
        notes.join(),
        /core\.hooksPath=\.husky\/_\), but that folder is not in the worktree: they did not run/,
      );
    });

    it('of an older husky that miss their helper are passed over, and that is said', async () => {
      box.git(repo, 'config', 'core.hooksPath', '.husky');
      write('.husky/pre-commit', '#!/bin/sh\n. "$(dirname -- "$0")/_/husky.sh"\nnpm test\n');
      box.git(task.worktree, 'add', '-A');
      box.git(task.worktree, 'update-index', '--chmod=+x', '.husky/pre-commit');
      box.git(task.worktree, 'commit', '-q', '--no-verify', '-m', 'husky');
      box.git(task.worktree, 'reset', '-q', '--hard');
      write('a.txt', 'a');
      const { notes } = await committed();
      assert.match(notes.join(), /need \.husky\/_, which is not in the worktree/);
    });

    it('that hang end with the task', async () => {
      hook('pre-commit', 'echo waiting > "$0.waits"; sleep 600');
      write('a.txt', 'a');
      const controller = new AbortController();
      const outcome = work.tasks.commitAll(task, 'A', '', work.processes, controller.signal);
      const { until } = await import('../support/until.ts');
      await until('the hook', () => existsSync(join(repo, '.git', 'hooks', 'pre-commit.waits')));
      controller.abort();
      await assert.rejects(outcome, { name: 'AbortError' });
      await until('a lock that a dead git left to go', async () => {
        const state = await work.tasks.verifyHead(task);
        return state.ok && !existsSync(join(box.git(task.worktree, 'rev-parse', '--absolute-git-dir'), 'index.lock'));
      });
      writeFileSync(join(repo, '.git', 'hooks', 'pre-commit'), '#!/bin/sh\n');
      await committed();
    });
  });

  it('a missing identity is a failure that names the setting', async () => {
    box.git(box.dir, 'config', '--global', '--unset', 'user.email');
    box.config('user.useConfigOnly', 'true');
    write('a.txt', 'a');
    const outcome = await commitAll();
    assert.ok(outcome.kind === 'failed', JSON.stringify(outcome));
    assert.match(outcome.detail, /git config --global user\.email/);
  });

  it('signing that fails is a failure by its name, and nothing is committed', async () => {
    box.config('commit.gpgSign', 'true');
    box.config('gpg.program', 'false');
    const before = box.git(task.worktree, 'rev-parse', 'HEAD');
    write('a.txt', 'a');
    const outcome = await commitAll();
    assert.ok(outcome.kind === 'failed', JSON.stringify(outcome));
    assert.match(outcome.detail, /commit\.gpgSign.*signing failed/);
    assert.equal(box.git(task.worktree, 'rev-parse', 'HEAD'), before);
  });

  describe('the branch is verified first', () => {
    const head = (): string => box.git(task.worktree, 'symbolic-ref', 'HEAD');

    it('commits on a detached HEAD or another branch are taken over', async () => {
      box.git(task.worktree, 'checkout', '-q', '--detach');
      const detached = box.commit(task.worktree, 'a.txt', 'a');
      const first = await work.tasks.verifyHead(task);
      assert.ok(first.ok && /HEAD was detached/.test(first.notes!.join()));
      assert.equal(head(), `refs/heads/${task.branch}`);
      assert.equal(await work.tasks.head(task), detached);

      box.git(task.worktree, 'checkout', '-q', '-b', 'feature/of-the-agent');
      const other = box.commit(task.worktree, 'b.txt', 'b');
      write('c.txt', 'uncommitted');
      assert.ok((await work.tasks.verifyHead(task)).ok);
      assert.equal(await work.tasks.head(task), other);
      assert.equal(readFileSync(join(task.worktree, 'c.txt'), 'utf8'), 'uncommitted');
      assert.equal(box.git(repo, 'rev-parse', 'feature/of-the-agent'), other);
    });

    it('a HEAD that fell back returns to the branch, unless changes are in the way', async () => {
      const first = box.commit(task.worktree, 'a.txt', 'one');
      const tip = box.commit(task.worktree, 'a.txt', 'two');
      box.git(task.worktree, 'checkout', '-q', first);
      assert.ok((await work.tasks.verifyHead(task)).ok);
      assert.equal(await work.tasks.head(task), tip);
      box.git(task.worktree, 'checkout', '-q', first);
      write('a.txt', 'three');
      const state = await work.tasks.verifyHead(task);
      assert.ok(!state.ok && /do not fit on/.test(state.detail), JSON.stringify(state));
      assert.equal(readFileSync(join(task.worktree, 'a.txt'), 'utf8'), 'three');
    });

    it('commits beside the branch are explained, not thrown away', async () => {
      const start = box.git(task.worktree, 'rev-parse', 'HEAD');
      box.commit(task.worktree, 'a.txt', 'one');
      box.git(task.worktree, 'checkout', '-q', '--detach', start);
      box.commit(task.worktree, 'b.txt', 'elsewhere');
      const state = await work.tasks.verifyHead(task);
      assert.ok(!state.ok && /detached at [0-9a-f]{10}, with commits that do not continue/.test(state.detail));
    });

    it('a branch that was deleted or renamed is made again', async () => {
      const sha = box.commit(task.worktree, 'a.txt', 'one');
      box.git(task.worktree, 'branch', '-m', 'renamed');
      assert.ok((await work.tasks.verifyHead(task)).ok);
      assert.equal(head(), `refs/heads/${task.branch}`);
      assert.equal(await work.tasks.head(task), sha);
      box.git(task.worktree, 'update-ref', '-d', `refs/heads/${task.branch}`);
      assert.ok((await work.tasks.verifyHead({ ...task, head_sha: sha })).ok);
      assert.equal(await work.tasks.head(task), sha);
    });

    const conflict = (): void => {
      box.commit(task.worktree, 'a.txt', 'ours\n');
      box.git(task.worktree, 'branch', 'theirs', 'HEAD~1');
      box.git(task.worktree, 'checkout', '-q', 'theirs');
      box.commit(task.worktree, 'a.txt', 'theirs\n');
      box.git(task.worktree, 'checkout', '-q', task.branch);
    };

    it('a merge whose conflicts are resolved is committed, one with markers is not', async () => {
      conflict();
      assert.throws(() => box.git(task.worktree, 'merge', '-q', 'theirs'));
      const state = await work.tasks.verifyHead(task);
      assert.ok(!state.ok && /a merge is under way.*a\.txt still has conflict markers/.test(state.detail));
      write('a.txt', 'both\n');
      assert.ok((await work.tasks.verifyHead(task)).ok);
      const { sha } = await committed();
      assert.equal(box.git(repo, 'show', '-s', '--format=%P', sha).split(' ').length, 2);
    });

    it('a rebase that was resolved is continued, one that was not is explained', async () => {
      conflict();
      assert.throws(() => box.git(task.worktree, 'rebase', '-q', 'theirs'));
      const state = await work.tasks.verifyHead(task);
      assert.ok(!state.ok && /a rebase is under way/.test(state.detail));
      write('a.txt', 'both\n');
      const finished = await work.tasks.verifyHead(task);
      assert.ok(finished.ok, JSON.stringify(finished));
      assert.equal(head(), `refs/heads/${task.branch}`);
      assert.equal(box.git(task.worktree, 'log', '--format=%s', '-2'), 'Change a.txt\nChange a.txt');
    });

    it('a worktree that is gone is said', async () => {
      const state = await work.tasks.verifyHead({ ...task, worktree: join(box.dir, 'nowhere') });
      assert.ok(!state.ok && /no longer a git worktree/.test(state.detail));
    });
  });

  describe('a moved base', () => {
    const moveBase = (file: string, content: string): string => {
      box.commit(repo, file, content);
      box.git(repo, 'push', '-q');
      return box.git(repo, 'rev-parse', 'HEAD');
    };

    it("is merged in where that is clean, and is not counted as the task's change", async () => {
      box.commit(task.worktree, 'a.txt', 'a');
      assert.deepEqual(await work.tasks.mergeBase(task, work.never), { kind: 'unchanged' });
      moveBase('theirs.txt', 'theirs');
      assert.deepEqual(await work.tasks.mergeBase(task, work.never), { kind: 'merged' });
      assert.deepEqual(await work.tasks.changedFiles(task, await work.tasks.head(task)), [
        { path: 'a.txt', oldPath: null, status: 'added', lines: { added: 1, deleted: 0 } },
      ]);
    });

    it('that conflicts is left in the worktree for the agent, whose resolution is then committed', async () => {
      box.commit(task.worktree, 'a.txt', 'a');
      moveBase('a.txt', 'b');
      assert.deepEqual(await work.tasks.mergeBase(task, work.never), { kind: 'conflict', files: ['a.txt'] });
      assert.match(readFileSync(join(task.worktree, 'a.txt'), 'utf8'), /<<<<<<< /);
      const repeated = await work.tasks.mergeBase(task, work.never);
      assert.deepEqual(repeated, { kind: 'conflict', files: ['a.txt'] }, 'a second carrier tells the same');
      write('a.txt', 'ab');
      assert.ok((await work.tasks.verifyHead(task)).ok);
      await committed();
      assert.deepEqual(await work.tasks.mergeBase(task, work.never), { kind: 'unchanged' });
    });

    it('waits while a refused commit is still uncommitted, or the remote is away', async () => {
      write('README.md', 'changed');
      moveBase('theirs.txt', 'theirs');
      assert.deepEqual(await work.tasks.mergeBase(task, work.never), { kind: 'unchanged' });
      box.git(repo, 'remote', 'set-url', 'origin', 'http://127.0.0.1:9/away.git');
      assert.deepEqual(await work.tasks.mergeBase(task, work.never), { kind: 'unchanged' });
      assert.deepEqual(work.sleeps, []);
    });
  });

  it('workflows, check scripts, deleted tests and committed copies are flagged', () => {
    const changed = [
      { path: '.github/workflows/ci.yml', oldPath: null, status: 'modified' as const },
      { path: 'scripts/check.sh', oldPath: null, status: 'modified' as const },
      { path: 'test/a.test.ts', oldPath: null, status: 'deleted' as const },
      { path: 'src/old.ts', oldPath: 'test/b.test.ts', status: 'renamed' as const },
      { path: 'src/main.ts', oldPath: null, status: 'modified' as const },
      { path: '.env', oldPath: null, status: 'added' as const },
    ].map((file) => ({ ...file, lines: null }));
    const checked: Task = {
      ...task,
      checks: { provider: 'local', command: 'sh ./scripts/check.sh --all', source: 'asked for' },
      copied_files: ['.env'],
    };
    assert.deepEqual(work.tasks.flags(changed, checked), [
      'changes the workflow .github/workflows/ci.yml',
      'changes the check script scripts/check.sh',
      'deletes the test test/a.test.ts',
      'moves the test test/b.test.ts to src/old.ts',
      'commits .env, which was copied from your checkout',
    ]);
  });
});
