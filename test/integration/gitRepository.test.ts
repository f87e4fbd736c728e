import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { basename, join } from 'node:path';
import { treeState } from '../support/treeState.ts';
import { gitWork } from '../support/gitWork.ts';
import type { GitWork } from '../support/gitWork.ts';
import { createSandbox, makeTask } from '../support/repo.ts';
import type { Sandbox } from '../support/repo.ts';

describe('git: facts about a repository', () => {
  let box: Sandbox;
  let work: GitWork;
  beforeEach(() => {
    box = createSandbox('ampa git ü-');
    work = gitWork(box);
  });
  afterEach(() => box.remove());

  it('root, branch, head, remote and what is uncommitted', async () => {
    const { repo, origin } = box.withOrigin('mein Pröjekt');
    box.write(join(repo, 'sub dir', 'ü.txt'), 'x');
    const facts = await work.repository.inspect(join(repo, 'sub dir'));
    assert.deepEqual(facts, {
      root: repo,
      worktree: repo,
      gitDir: join(repo, '.git'),
      bare: false,
      branch: 'main',
      head: box.git(repo, 'rev-parse', 'HEAD'),
      remote: 'origin',
      remoteUrl: origin,
      dirty: ['sub dir/'],
      isShallow: false,
      hasSubmodules: false,
    });
  });

  it('a linked worktree resolves to its main one and tells of its own branch', async () => {
    const repo = box.repository();
    const linked = join(box.dir, 'linked ü');
    box.git(repo, 'worktree', 'add', '-q', '-b', 'feature', linked);
    const facts = await work.repository.inspect(linked);
    assert.equal(facts.root, repo);
    assert.equal(facts.worktree, linked);
    assert.equal(facts.branch, 'feature');
  });

  it('a detached HEAD has no branch, an empty repository no head, a bare one no working tree', async () => {
    const repo = box.repository();
    box.git(repo, 'checkout', '-q', '--detach');
    assert.equal((await work.repository.inspect(repo)).branch, null);
    const empty = join(box.dir, 'empty');
    mkdirSync(empty);
    box.git(empty, 'init', '-q');
    const facts = await work.repository.inspect(empty);
    assert.equal(facts.head, null);
    assert.equal(facts.branch, 'main');
    assert.equal(facts.remote, null);
    const { origin } = box.withOrigin('other');
    const bare = await work.repository.inspect(origin);
    assert.equal(bare.bare, true);
    assert.equal(bare.root, origin);
    assert.equal(bare.branch, 'main');
    assert.notEqual(bare.head, null);
  });

  it('a submodule is a repository of its own', async () => {
    const library = box.repository('library');
    const repo = box.repository();
    box.git(repo, 'submodule', '--quiet', 'add', library, 'vendor/lib');
    assert.equal((await work.repository.inspect(join(repo, 'vendor', 'lib'))).root, join(repo, 'vendor', 'lib'));
    assert.equal((await work.repository.inspect(repo)).hasSubmodules, true);
  });

  it("the branch's upstream remote goes before origin, and the only one before none", async () => {
    const { repo, origin } = box.withOrigin();
    box.git(repo, 'remote', 'add', 'mine', origin);
    assert.equal((await work.repository.inspect(repo)).remote, 'origin');
    box.git(repo, 'config', 'branch.main.remote', 'mine');
    assert.equal((await work.repository.inspect(repo)).remote, 'mine');
    box.git(repo, 'remote', 'remove', 'origin');
    box.git(repo, 'config', '--unset', 'branch.main.remote');
    assert.equal((await work.repository.inspect(repo)).remote, 'mine');
    box.git(repo, 'remote', 'add', 'third', origin);
    assert.equal((await work.repository.inspect(repo)).remote, null);
  });

  it('what cannot be used is said with the next step', async () => {
    const plain = join(box.dir, 'plain');
    mkdirSync(plain);
    await assert.rejects(work.repository.inspect(plain), {
      code: 'repository',
      message: /is not in a git repository/,
      hint: /git init/,
    });
    await assert.rejects(work.repository.inspect(join(box.dir, 'nowhere')), {
      code: 'repository',
      message: /does not exist/,
    });
    assert.equal(await work.repository.locate(plain), null);
    const repo = box.repository();
    await assert.rejects(work.repository.inspect(join(repo, '.git', 'refs')), {
      code: 'repository',
      message: /inside a repository's own git directory/,
    });
  });

  it('a repository of another user is named as such', async function () {
    if (process.getuid?.() !== 0) this.skip();
    const repo = box.repository();
    chownSync(repo, 4711, 4711);
    chownSync(join(repo, '.git'), 4711, 4711);
    await assert.rejects(work.repository.inspect(repo), {
      code: 'repository',
      message: /belongs to another user/,
      hint: /safe\.directory/,
    });
  });

  it('is located with its remote and what of our folder git tracks', async () => {
    const { repo, origin } = box.withOrigin();
    box.write(join(repo, '.worklog', 'ampa', '.env'), 'A=1');
    const before = await work.repository.locate(repo);
    assert.ok(before && before.root === repo && before.remoteUrl === origin);
    assert.equal(before.tracks(join(repo, '.worklog', 'ampa', '.env')), false);
    box.git(repo, 'add', '-f', '.worklog');
    const after = await work.repository.locate(repo);
    assert.equal(after?.tracks(join(repo, '.worklog', 'ampa', '.env')), true);
    assert.equal((await work.repository.locate(join(repo, '.worklog')))?.root, repo);
  });

  it('a base is a branch here, a branch there, a tag or a commit', async () => {
    const { repo, origin } = box.withOrigin();
    const sha = box.git(repo, 'rev-parse', 'HEAD');
    box.git(repo, 'tag', '-a', '-m', 'x', 'v1');
    box.git(origin, 'branch', 'feature/there', 'main');
    const base = (name: string) => work.repository.resolveBase(repo, name);
    assert.deepEqual(await base('main'), { branch: 'main', sha });
    assert.deepEqual(await base('origin/main'), { branch: 'main', sha });
    assert.deepEqual(await base('feature/there'), { branch: 'feature/there', sha });
    assert.deepEqual(await base('v1'), { branch: null, sha });
    assert.deepEqual(await base(sha.slice(0, 8)), { branch: null, sha });
    assert.equal(await base('nowhere'), null);
    assert.equal(await base('--upload-pack=x'), null);
    assert.equal(await base('a..b'), null);
  });

  it('knows who the user is, or that it does not', async () => {
    const repo = box.repository();
    assert.equal(await work.repository.identity(repo), 'Ada Tester <ada@example.org>');
    box.git(box.dir, 'config', '--global', '--unset', 'user.name');
    box.config('user.useConfigOnly', 'true');
    assert.equal(await work.repository.identity(repo), null);
  });

  it('a URL is cloned bare, fetched from then on, and a task can be worked on in it', async () => {
    const { repo, origin } = box.withOrigin();
    const folder = join(box.dir, 'state', 'repos');
    const clone = await work.repository.cloneBare(`file://${origin}`, folder);
    assert.equal((await work.repository.inspect(clone)).remote, 'origin');
    const newer = box.commit(repo, 'newer.txt', 'newer');
    box.git(repo, 'push', '-q');
    assert.equal(await work.repository.cloneBare(`file://${origin}`, folder), clone);
    assert.equal((await work.repository.inspect(clone)).head, newer);
    assert.deepEqual(readdirSync(folder), [basename(clone)]);
    const task = await work.prepare({ repo: clone });
    assert.equal(task.base_sha, newer);
    box.commit(task.worktree, 'a.txt', 'a');
    assert.equal((await work.tasks.push(task, work.processes, work.never)).kind, 'pushed');
    await assert.rejects(work.repository.cloneBare(`file://${box.dir}/nowhere.git`, folder), { code: 'repository' });
    assert.deepEqual(readdirSync(folder).sort(), [basename(clone), `${basename(clone)}.worktrees`]);
  });

  it('a snapshot holds everything uncommitted and leaves index and files byte for byte', async () => {
    const repo = box.repository();
    box.write(join(repo, '.gitignore'), 'ignored.txt\n');
    box.write(join(repo, 'ignored.txt'), 'ignored');
    box.write(join(repo, 'README.md'), 'staged');
    box.git(repo, 'add', 'README.md', '.gitignore');
    box.write(join(repo, 'README.md'), 'changed after');
    box.write(join(repo, 'ü untracked.txt'), 'untracked', 0o755);
    box.git(repo, 'init', '-q', join(repo, 'nested'));
    box.write(join(repo, 'huge.bin'), '');
    truncateSync(join(repo, 'huge.bin'), 51 * 1024 * 1024);
    const before = treeState(repo);
    const sha = await work.repository.snapshot(repo);
    assert.deepEqual(treeState(repo), before);
    assert.equal(box.git(repo, 'rev-parse', `${sha}^`), box.git(repo, 'rev-parse', 'HEAD'));
    assert.equal(box.git(repo, 'show', `${sha}:README.md`), 'changed after');
    const files = box
      .git(repo, '-c', 'core.quotePath=false', 'ls-tree', '-r', sha)
      .split('\n')
      .map((line) => line.replace(/ blob \w+\t/, ' '));
    assert.deepEqual(files.sort(), ['100644 .gitignore', '100644 README.md', '100755 ü untracked.txt']);
    assert.equal(box.git(repo, 'for-each-ref', '--format=%(objectname)', 'refs/ampa/snapshot'), sha);
    const task = await work.prepare({ repo, remote: null, snapshot_sha: sha });
    assert.equal(readFileSync(join(task.worktree, 'README.md'), 'utf8'), 'changed after');
  });

  it('files of any commit and the diff of a task are shown as they were', async () => {
    const repo = box.repository();
    const binary = Buffer.from([0, 255, 1, 254, 10, 13]);
    const task = await work.prepare({ repo, remote: null });
    box.write(join(task.worktree, 'ü.bin'), binary);
    box.write(join(task.worktree, 'README.md'), '# Changed\n');
    const outcome = await work.tasks.commitAll(task, 'x', '', work.processes, work.never);
    assert.ok(outcome.kind === 'committed');
    assert.deepEqual(Buffer.from(await work.repository.show(repo, outcome.sha, 'ü.bin')), binary);
    assert.equal((await work.repository.show(repo, task.base_sha!, 'ü.bin')).length, 0);
    assert.equal(await work.repository.mergeBaseOf(task, outcome.sha), task.base_sha);
    const diff = await work.repository.unifiedDiff(task, outcome.sha);
    assert.match(diff, /^-# Project$/m);
    assert.match(diff, /^\+# Changed$/m);
    await assert.rejects(work.repository.show(repo, 'nothing-like-this', '../x'), /./);
  });

  describe('taking a worktree away', () => {
    it('keeps one with anything uncommitted or unpushed unless it is forced', async () => {
      const { repo } = box.withOrigin();
      const task = await work.prepare({ repo });
      box.write(join(task.worktree, 'a.txt'), 'a');
      assert.deepEqual(await work.repository.removeWorktree(task, { force: false }), {
        removed: false,
        why: 'it has uncommitted changes: a.txt',
      });
      const outcome = await work.tasks.commitAll(task, 'x', '', work.processes, work.never);
      assert.ok(outcome.kind === 'committed');
      assert.deepEqual(await work.repository.removeWorktree(task, { force: false }), {
        removed: false,
        why: 'it has 1 commit that is not pushed',
      });
      assert.deepEqual(await work.repository.worktreeState(task), { exists: true, uncommitted: [], unpushed: 1 });
      await work.tasks.push(task, work.processes, work.never);
      box.write(join(task.worktree, '.env'), 'copied');
      assert.deepEqual(await work.repository.removeWorktree({ ...task, copied_files: ['.env'] }, { force: false }), {
        removed: true,
      });
      assert.equal(existsSync(task.worktree), false);
      assert.equal(box.git(repo, 'rev-parse', task.branch), outcome.sha);
      assert.doesNotMatch(box.git(repo, 'worktree', 'list'), /add-a-greeting/);
      assert.deepEqual(
        await work.repository.removeWorktree(task, { force: false }),
        { removed: true },
        'a second time as well',
      );
    });

    it('keeps one whose submodule holds what is nowhere else, whatever `ignore` says', async () => {
      const { repo } = box.withOrigin();
      const library = box.repository('library');
      box.git(repo, 'submodule', '--quiet', 'add', library, 'lib');
      box.git(repo, 'config', '-f', '.gitmodules', 'submodule.lib.ignore', 'all');
      box.git(repo, 'commit', '-q', '-a', '-m', 'Library');
      box.git(repo, 'push', '-q', 'origin', 'main');
      const task = await work.prepare({ repo });
      const lib = join(task.worktree, 'lib');
      box.write(join(lib, 'README.md'), 'changed');
      assert.deepEqual(await work.repository.removeWorktree(task, { force: false }), {
        removed: false,
        why: 'it has uncommitted changes: lib',
      });
      box.git(lib, 'commit', '-q', '-a', '-m', 'Only here');
      box.git(task.worktree, 'add', '-f', 'lib');
      box.git(task.worktree, 'commit', '-q', '-m', 'Newer library');
      const outcome = await work.tasks.push(task, work.processes, work.never);
      assert.ok(outcome.kind === 'pushed', JSON.stringify(outcome));
      const pushed = { ...task, pushed_sha: outcome.sha };
      assert.deepEqual(await work.repository.removeWorktree(pushed, { force: false }), {
        removed: false,
        why: 'it has 1 commit that is not pushed',
      });
      box.git(lib, 'push', '-q', 'origin', 'HEAD:refs/heads/newer');
      assert.deepEqual(await work.repository.removeWorktree(pushed, { force: false }), { removed: true });
    });

    it('forgets the snapshot that it began with once the branch has it, and never the only copy', async () => {
      const { repo } = box.withOrigin();
      const refs = (): string => box.git(repo, 'for-each-ref', '--format=%(objectname)', 'refs/ampa/snapshot');
      for (const rewritten of [false, true]) {
        box.write(join(repo, 'README.md'), `uncommitted ${rewritten}`);
        const snapshot_sha = await work.repository.snapshot(repo);
        const task = await work.prepare({ repo, snapshot_sha, branch: `amp/${rewritten}-abcdef` });
        if (rewritten) box.git(task.worktree, 'reset', '-q', '--hard', 'main');
        const outcome = await work.tasks.push(task, work.processes, work.never);
        assert.ok(outcome.kind === 'pushed', JSON.stringify(outcome));
        const pushed = { ...task, pushed_sha: outcome.sha };
        assert.deepEqual(await work.repository.removeWorktree(pushed, { force: false }), { removed: true });
        assert.equal(refs(), rewritten ? snapshot_sha : '');
      }
    });

    it('by force takes a dirty one, and without a remote a branch is safe enough', async () => {
      const repo = box.repository();
      const task = await work.prepare({ repo, remote: null });
      box.commit(task.worktree, 'a.txt', 'a');
      assert.equal((await work.repository.worktreeState(task)).unpushed, 0);
      box.write(join(task.worktree, 'b.txt'), 'b');
      assert.deepEqual(await work.repository.removeWorktree(task, { force: true }), { removed: true });
      assert.equal(existsSync(task.worktree), false);
    });

    it('never takes a folder that is not a worktree of this repository', async () => {
      const repo = box.repository();
      const precious = join(box.dir, 'precious');
      box.write(join(precious, 'file.txt'), 'mine');
      await assert.rejects(
        work.repository.removeWorktree(makeTask({ repo, remote: null, worktree: precious }), { force: true }),
        { code: 'git' },
      );
      assert.equal(readFileSync(join(precious, 'file.txt'), 'utf8'), 'mine');
      await assert.rejects(
        work.repository.removeWorktree(makeTask({ repo, remote: null, worktree: repo }), { force: true }),
        { code: 'git' },
      );
      assert.ok(existsSync(join(repo, 'README.md')));
    });
  });
});
