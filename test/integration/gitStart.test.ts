import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { baseRef } from '../../src/adapters/git/base.ts';
import { startGitServer } from '../support/gitServer.ts';
import { gitWork } from '../support/gitWork.ts';
import type { GitWork } from '../support/gitWork.ts';
import { createSandbox, makeTask } from '../support/repo.ts';
import type { Sandbox } from '../support/repo.ts';

describe('git: where a task starts', () => {
  let box: Sandbox;
  let work: GitWork;
  beforeEach(() => {
    box = createSandbox('ampa git ü-');
    work = gitWork(box);
  });
  afterEach(() => box.remove());

  const start = (task: Parameters<typeof makeTask>[0]) => work.tasks.startPoint(makeTask(task), work.never);
  /** A second clone that pushes to the origin. */
  const otherPushes = (origin: string, file: string, content: string, branch = 'main'): string => {
    const other = join(box.dir, `other-${Math.random().toString(36).slice(2)}`);
    box.git(box.dir, 'clone', '-q', '-b', branch, origin, other);
    const sha = box.commit(other, file, content);
    box.git(other, 'push', '-q', 'origin', `HEAD:${branch}`);
    return sha;
  };

  it('the remote base is fetched into a ref of our own and no other ref moves', async () => {
    const { repo, origin } = box.withOrigin('mein Pröjekt');
    const tracking = box.git(repo, 'rev-parse', 'refs/remotes/origin/main');
    const theirs = otherPushes(origin, 'new.txt', 'new');
    assert.deepEqual(await start({ repo }), { kind: 'ok', sha: theirs, notes: [] });
    assert.equal(box.git(repo, 'rev-parse', baseRef('origin', 'main')), theirs);
    assert.equal(box.git(repo, 'rev-parse', 'refs/remotes/origin/main'), tracking);
    assert.equal(existsSync(join(repo, '.git', 'FETCH_HEAD')), false);
  });

  it('a local base that contains the remote one is where the task starts', async () => {
    const { repo } = box.withOrigin();
    const ours = box.commit(repo, 'local.txt', 'unpushed');
    assert.deepEqual(await start({ repo }), { kind: 'ok', sha: ours, notes: [] });
  });

  it('a diverged base is said, and the task starts at the remote one', async () => {
    const { repo, origin } = box.withOrigin();
    box.commit(repo, 'local.txt', 'unpushed');
    const theirs = otherPushes(origin, 'new.txt', 'new');
    const point = await start({ repo });
    assert.ok(point.kind === 'ok' && point.sha === theirs);
    assert.match(point.notes.join(), /diverged \(1 commit only here, 1 commit only there\)/);
  });

  it('offline the local base is used after a minute of trying, and said', async () => {
    const { repo } = box.withOrigin();
    box.git(repo, 'remote', 'set-url', 'origin', 'http://127.0.0.1:9/nothing.git');
    const point = await start({ repo });
    assert.ok(point.kind === 'ok' && point.sha === box.git(repo, 'rev-parse', 'main'));
    assert.match(point.notes.join(), /origin could not be reached, started from the local main/);
    const waited = work.sleeps.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited > 40_000 && waited <= 60_000, `waited ${waited} ms`);
  });

  it('a ref lock that a killed git left behind does not stop every later fetch', async () => {
    const { repo, origin } = box.withOrigin();
    const theirs = otherPushes(origin, 'new.txt', 'new');
    const lock = box.write(join(repo, '.git', `${baseRef('origin', 'main')}.lock`), '');
    utimesSync(lock, 1, 1);
    assert.deepEqual(await start({ repo }), { kind: 'ok', sha: theirs, notes: [] });
  });

  it('a refused credential is not waited for', async () => {
    const { repo, origin } = box.withOrigin();
    const server = await startGitServer({ root: box.dir, env: box.env, auth: { user: 'x', password: 'secret' } });
    try {
      box.git(repo, 'remote', 'set-url', 'origin', server.url(origin.slice(box.dir.length + 1), { anonymous: true }));
      const point = await start({ repo });
      assert.ok(point.kind === 'ok');
      assert.match(point.notes.join(), /origin refused our credentials, started from the local main/);
      assert.deepEqual(work.sleeps, []);
    } finally {
      await server.close();
    }
  });

  it('a network that comes back within the minute is used', async () => {
    const { repo, origin } = box.withOrigin();
    const server = await startGitServer({ root: box.dir, env: box.env });
    try {
      box.git(repo, 'remote', 'set-url', 'origin', server.url(origin.slice(box.dir.length + 1)));
      const theirs = otherPushes(origin, 'new.txt', 'new');
      server.fault = ({ count }) => (count === 1 ? 'drop' : count === 2 ? 503 : null);
      assert.deepEqual(await start({ repo }), { kind: 'ok', sha: theirs, notes: [] });
      assert.equal(work.sleeps.length, 2);
    } finally {
      await server.close();
    }
  });

  it('a base that only one side has is found there, and one that nobody has is missing', async () => {
    const { repo, origin } = box.withOrigin();
    box.git(repo, 'branch', 'only-here');
    const here = await start({ repo, base: 'only-here' });
    assert.ok(here.kind === 'ok');
    assert.match(here.notes.join(), /origin has no branch only-here/);
    box.git(origin, 'branch', 'only-there', 'main');
    assert.equal((await start({ repo, base: 'only-there' })).kind, 'ok');
    const nowhere = await start({ repo, base: 'nowhere' });
    assert.ok(nowhere.kind === 'stopped' && nowhere.reason === 'base_missing');
    assert.match(nowhere.detail, /no branch nowhere, neither here nor at origin/);
  });

  it('a detached HEAD, a snapshot and a repository without a remote start where they are', async () => {
    const repo = box.repository();
    const sha = box.git(repo, 'rev-parse', 'HEAD');
    assert.deepEqual(await start({ repo, remote: null }), { kind: 'ok', sha, notes: [] });
    assert.deepEqual(await start({ repo, remote: null, base: null, base_sha: sha }), { kind: 'ok', sha, notes: [] });
    const snap = await start({ repo, remote: null, snapshot_sha: sha });
    assert.ok(snap.kind === 'ok' && snap.sha === sha);
    const gone = await start({ repo, remote: null, base: null, base_sha: '1'.repeat(40) });
    assert.ok(gone.kind === 'stopped' && gone.reason === 'base_missing');
  });

  it('an empty repository is named as such', async () => {
    const repo = join(box.dir, 'empty');
    mkdirSync(repo);
    box.git(repo, 'init', '-q');
    const point = await start({ repo, remote: null, base: null });
    assert.ok(point.kind === 'stopped' && point.reason === 'repo_invalid');
    assert.equal((await start({ repo, remote: null })).kind, 'stopped');
  });

  it('a relative remote address is resolved from the main checkout', async () => {
    const { repo, origin } = box.withOrigin();
    box.git(repo, 'remote', 'set-url', 'origin', '../project-origin.git');
    const theirs = otherPushes(origin, 'new.txt', 'new');
    const point = await start({ repo });
    assert.ok(point.kind === 'ok' && point.sha === theirs);
  });

  it('a shallow clone is as good as any', async () => {
    const { repo: source, origin } = box.withOrigin();
    box.commit(source, 'two.txt', '2');
    box.git(source, 'push', '-q');
    const repo = join(box.dir, 'shallow');
    box.git(box.dir, 'clone', '-q', '--depth', '1', `file://${origin}`, repo);
    const task = await work.prepare({ repo });
    box.write(join(task.worktree, 'a.txt'), 'a');
    assert.equal((await work.tasks.commitAll(task, 'A', '', work.processes, work.never)).kind, 'committed');
    assert.equal((await work.tasks.push(task, work.processes, work.never)).kind, 'pushed');
    assert.deepEqual(await work.tasks.changedFiles(task, await work.tasks.head(task)), [
      { path: 'a.txt', oldPath: null, status: 'added', lines: { added: 1, deleted: 0 } },
    ]);
  });
});

describe('git: the worktree of a task', () => {
  let box: Sandbox;
  let work: GitWork;
  beforeEach(() => {
    box = createSandbox('ampa git ü-');
    work = gitWork(box);
  });
  afterEach(() => box.remove());

  it('lies beside the repository, locked, on its own branch that follows none', async () => {
    const { repo } = box.withOrigin('mein Pröjekt');
    const task = await work.prepare({ repo });
    assert.equal(task.worktree, join(`${repo}.worktrees`, 'add-a-greeting-abcdef'));
    assert.equal(box.git(task.worktree, 'symbolic-ref', 'HEAD'), `refs/heads/${task.branch}`);
    assert.match(box.git(repo, 'worktree', 'list', '--porcelain'), /locked in use by an AMPA task/);
    assert.throws(() => box.git(repo, 'config', `branch.${task.branch}.remote`));
    assert.equal(box.git(repo, 'status', '--porcelain'), '');
  });

  it('a first worktree costs one git process, and a complete one none', async () => {
    const { repo } = box.withOrigin();
    const task = await work.prepare({ repo });
    assert.equal(work.calls.filter((call) => call.startsWith('worktree')).length, 1);
    work.calls.length = 0;
    assert.equal(await work.tasks.ensureWorktree(task, task.base_sha!, work.parent(repo)), task.worktree);
    assert.deepEqual(work.calls, []);
  });

  it('the dirty working copy it starts beside is not touched', async () => {
    const { repo } = box.withOrigin();
    box.write(join(repo, 'README.md'), 'changed');
    box.write(join(repo, 'staged.txt'), 'staged');
    box.git(repo, 'add', 'staged.txt');
    box.write(join(repo, 'untracked.txt'), 'untracked');
    const before = box.git(repo, 'status', '--porcelain=v2');
    const task = await work.prepare({ repo });
    assert.equal(box.git(repo, 'status', '--porcelain=v2'), before);
    assert.equal(readFileSync(join(task.worktree, 'README.md'), 'utf8'), '# Project\n');
    assert.equal(existsSync(join(task.worktree, 'untracked.txt')), false);
  });

  it('twelve tasks that start at once each get theirs', async () => {
    const { repo } = box.withOrigin();
    const tasks = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        gitWork(box).prepare({ repo, id: `task-${index}`, branch: `amp/same-slug-${index}` }),
      ),
    );
    assert.equal(new Set(tasks.map((task) => task.worktree)).size, 12);
    for (const task of tasks)
      assert.equal(
        box.git(task.worktree, 'status', '--porcelain=v2', '--branch').split('\n')[1],
        `# branch.head ${task.branch}`,
      );
    assert.equal(existsSync(join(repo, '.git', 'ampa-fetch.lock')), false);
  });

  it('one that was cut short while files were written is made again', async () => {
    const { repo } = box.withOrigin();
    const task = makeTask({ repo });
    const sha = box.git(repo, 'rev-parse', 'HEAD');
    const place = await work.tasks.ensureWorktree(task, sha, work.parent(repo));
    const gitDir = box.git(place, 'rev-parse', '--absolute-git-dir');
    unlinkSync(join(gitDir, 'index'));
    unlinkSync(join(place, 'README.md'));
    writeFileSync(join(gitDir, 'index.lock'), '');
    assert.equal(await work.tasks.ensureWorktree(task, sha, work.parent(repo)), place);
    assert.equal(box.git(place, 'status', '--porcelain'), '');
    assert.equal(readFileSync(join(place, 'README.md'), 'utf8'), '# Project\n');
  });

  it('one that is whole but not complete is made again at the new start, unless somebody worked in it', async () => {
    const { repo } = box.withOrigin();
    const task = makeTask({ repo });
    const place = await work.tasks.ensureWorktree(task, box.git(repo, 'rev-parse', 'HEAD'), work.parent(repo));
    const newer = box.commit(repo, 'newer.txt', 'newer');
    await work.tasks.ensureWorktree({ ...task, worktree: place }, newer, work.parent(repo));
    assert.equal(box.git(place, 'rev-parse', 'HEAD'), newer);
    box.write(join(place, 'mine.txt'), 'a person wrote this');
    const notes: string[] = [];
    const note = (text: string): void => void notes.push(text);
    assert.equal(
      await work.tasks.ensureWorktree({ ...task, worktree: place }, newer, work.parent(repo), { note }),
      place,
    );
    assert.equal(readFileSync(join(place, 'mine.txt'), 'utf8'), 'a person wrote this');
    assert.match(notes.join(), /kept the changes/);
  });

  it('one whose folder was deleted comes back with the commits of its branch', async () => {
    const { repo } = box.withOrigin();
    const task = await work.prepare({ repo });
    const sha = box.commit(task.worktree, 'work.txt', 'work');
    rmSync(task.worktree, { recursive: true });
    const again = await work.tasks.ensureWorktree(
      { ...task, worktree_ready: false },
      task.base_sha!,
      work.parent(repo),
    );
    assert.equal(again, task.worktree);
    assert.equal(box.git(again, 'rev-parse', 'HEAD'), sha);
  });

  it('a folder of somebody else at its place is left alone', async () => {
    const { repo } = box.withOrigin();
    const place = join(`${repo}.worktrees`, 'add-a-greeting-abcdef');
    box.write(join(place, 'precious.txt'), 'mine');
    const task = await work.prepare({ repo });
    assert.equal(task.worktree, `${place}-2`);
    assert.equal(readFileSync(join(place, 'precious.txt'), 'utf8'), 'mine');
  });

  it('a branch of its name that is checked out or has other commits is not taken', async () => {
    const { repo } = box.withOrigin();
    const { branch } = makeTask({ repo });
    box.git(repo, 'checkout', '-q', '-b', branch);
    await assert.rejects(work.prepare({ repo }), { code: 'git', message: new RegExp(`is checked out in .*project`) });
    box.commit(repo, 'theirs.txt', 'theirs');
    box.git(repo, 'checkout', '-q', 'main');
    await assert.rejects(work.prepare({ repo }), { code: 'git', message: /with commits that are not this task's/ });
  });

  it('a parent that cannot be written to is replaced by the fallback', async () => {
    const { repo } = box.withOrigin();
    box.write(`${repo}.worktrees`, 'a file is in the way');
    const task = await work.prepare({ repo });
    assert.equal(task.worktree, join(repo, '.worklog', 'ampa', 'worktrees', 'add-a-greeting-abcdef'));
  });

  it('submodules are checked out', async () => {
    const library = box.repository('library');
    const { repo } = box.withOrigin();
    box.git(repo, 'submodule', '--quiet', 'add', library, 'vendor/lib');
    box.git(repo, 'commit', '-q', '-m', 'Add a submodule');
    box.git(repo, 'push', '-q');
    const task = await work.prepare({ repo });
    assert.equal(readFileSync(join(task.worktree, 'vendor', 'lib', 'README.md'), 'utf8'), '# Project\n');
    box.write(join(task.worktree, 'a.txt'), 'a');
    const outcome = await work.tasks.commitAll(task, 'A', '', work.processes, work.never);
    assert.ok(outcome.kind === 'committed');
    assert.deepEqual(await work.tasks.changedFiles(task, outcome.sha), [
      { path: 'a.txt', oldPath: null, status: 'added', lines: { added: 1, deleted: 0 } },
    ]);
    await work.tasks.push(task, work.processes, work.never);
    assert.deepEqual(await work.repository.removeWorktree(task, { force: false }), { removed: true });
    assert.equal(existsSync(task.worktree), false);
  });

  it('files in LFS stay pointers without git-lfs, which is said, and can be committed', async () => {
    const { repo } = box.withOrigin();
    box.write(join(repo, '.gitattributes'), '*.bin filter=lfs diff=lfs merge=lfs -text\n');
    const pointer =
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n';
    box.write(join(repo, 'asset.bin'), pointer);
    box.git(repo, 'add', '.');
    box.git(repo, 'commit', '-q', '-m', 'LFS');
    box.git(repo, 'push', '-q');
    for (const [name, value] of [
      ['clean', 'git-lfs clean -- %f'],
      ['smudge', 'git-lfs smudge -- %f'],
      ['process', 'git-lfs filter-process'],
      ['required', 'true'],
    ]) {
      box.config(`filter.lfs.${name}`, value!);
    }
    const notes: string[] = [];
    const task = makeTask({ repo });
    const point = await work.tasks.startPoint(task, work.never);
    assert.ok(point.kind === 'ok');
    const worktree = await work.tasks.ensureWorktree(task, point.sha, work.parent(repo), {
      note: (text) => void notes.push(text),
    });
    assert.equal(readFileSync(join(worktree, 'asset.bin'), 'utf8'), pointer);
    assert.match(notes.join(), /git-lfs is not installed/);
    box.write(join(worktree, 'a.txt'), 'a');
    const outcome = await work.tasks.commitAll({ ...task, worktree }, 'A', '', work.processes, work.never);
    assert.equal(outcome.kind, 'committed', JSON.stringify(outcome));
  });

  it('a post-checkout hook that fails is said, and the worktree stands', async () => {
    const { repo } = box.withOrigin();
    box.write(join(repo, '.git', 'hooks', 'post-checkout'), '#!/bin/sh\necho "no database" >&2\nexit 3\n', 0o755);
    const notes: string[] = [];
    const place = await work.tasks.ensureWorktree(makeTask({ repo }), 'main', work.parent(repo), {
      note: (text) => void notes.push(text),
    });
    assert.ok(existsSync(join(place, 'README.md')));
    assert.match(notes.join(), /post-checkout hook failed in the new worktree: no database/);
  });

  it('a git that is not there is named', async () => {
    const repo = box.repository();
    const lost = gitWork(box, { env: { PATH: '/nonexistent' } });
    await assert.rejects(lost.repository.inspect(repo), { code: 'repository', message: /git is not installed/ });
  });
});

describe('git: ignored files that a project needs', () => {
  let box: Sandbox;
  let work: GitWork;
  beforeEach(() => {
    box = createSandbox('ampa git ü-');
    work = gitWork(box);
  });
  afterEach(() => box.remove());

  const ignored = (repo: string): void => {
    box.write(join(repo, '.gitignore'), '.env*\nnode_modules/\nsecrets/\n*.local\n.vscode/\n');
    box.write(join(repo, 'packages', 'api', '.keep'), '');
    box.git(repo, 'add', '.');
    box.git(repo, 'commit', '-q', '-m', 'Ignore');
    box.git(repo, 'push', '-q');
  };

  it('only ignored files that match are copied, modes and links as they are', async () => {
    const { repo } = box.withOrigin();
    ignored(repo);
    box.write(join(repo, '.env'), 'A=1', 0o600);
    box.write(join(repo, 'packages', 'api', '.env.local'), 'B=2');
    symlinkSync('.env', join(repo, '.env.link'));
    box.write(join(repo, 'node_modules', 'pkg', '.env'), 'no');
    box.write(join(repo, 'untracked.txt'), 'no');
    const task = await work.prepare({ repo });
    assert.deepEqual(
      (await work.tasks.copyIgnored(task, task.worktree, ['.env*', 'untracked.txt', 'README.md'])).sort(),
      ['.env', '.env.link', 'packages/api/.env.local'],
    );
    assert.equal(statSync(join(task.worktree, '.env')).mode & 0o777, 0o600);
    assert.equal(readlinkSync(join(task.worktree, '.env.link')), '.env');
    assert.equal(existsSync(join(task.worktree, 'node_modules')), false);
    assert.deepEqual(
      (await work.tasks.copyIgnored(task, task.worktree, ['.env*'])).sort(),
      ['.env', '.env.link', 'packages/api/.env.local'],
      'a repetition names the same files',
    );
  });

  it('.worktreeinclude takes the place of the patterns', async () => {
    const { repo } = box.withOrigin();
    ignored(repo);
    box.write(join(repo, '.env'), 'A=1');
    box.write(join(repo, 'secrets', 'key.pem'), 'key');
    box.write(join(repo, 'secrets', 'deep', 'other.pem'), 'key');
    box.write(join(repo, '.vscode', 'settings.json'), '{}');
    box.write(join(repo, '.vscode', 'other.json'), '{}');
    box.write(join(repo, '.worktreeinclude'), '# secrets\nsecrets/\n!.env\n/.vscode/settings.json\n');
    const task = await work.prepare({ repo });
    assert.deepEqual((await work.tasks.copyIgnored(task, task.worktree, ['.env*'])).sort(), [
      '.vscode/settings.json',
      'secrets/deep/other.pem',
      'secrets/key.pem',
    ]);
  });

  it('nothing is written through a link that leads out of the worktree', async () => {
    const { repo } = box.withOrigin();
    const outside = join(box.dir, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, join(repo, 'conf'));
    box.git(repo, 'add', 'conf');
    box.git(repo, 'commit', '-q', '-m', 'A link');
    const start = box.git(repo, 'rev-parse', 'HEAD');
    box.git(repo, 'rm', '-q', '--cached', 'conf');
    unlinkSync(join(repo, 'conf'));
    box.write(join(repo, '.gitignore'), '.env\n');
    box.git(repo, 'add', '.gitignore');
    box.git(repo, 'commit', '-q', '-m', 'A folder instead');
    box.write(join(repo, 'conf', '.env'), 'SECRET=1');
    const worktree = await work.tasks.ensureWorktree(makeTask({ repo }), start, work.parent(repo));
    assert.ok(lstatSync(join(worktree, 'conf')).isSymbolicLink());
    assert.deepEqual(await work.tasks.copyIgnored(makeTask({ repo }), worktree, ['.env*']), []);
    assert.equal(existsSync(join(outside, '.env')), false);
  });

  it('a copied file is not committed even where the base does not ignore it', async () => {
    const { repo } = box.withOrigin();
    const start = box.git(repo, 'rev-parse', 'HEAD');
    ignored(repo);
    box.write(join(repo, '.env'), 'A=1');
    const task = makeTask({ repo });
    const worktree = await work.tasks.ensureWorktree(task, start, work.parent(repo));
    const copied = await work.tasks.copyIgnored(task, worktree, ['.env*']);
    box.write(join(worktree, 'a.txt'), 'a');
    box.git(worktree, 'add', '-A');
    const outcome = await work.tasks.commitAll(
      { ...task, worktree, copied_files: copied },
      'A',
      '',
      work.processes,
      work.never,
    );
    assert.ok(outcome.kind === 'committed');
    assert.equal(box.git(worktree, 'show', '--name-only', '--format=', outcome.sha), 'a.txt');
    assert.match(outcome.notes.join(), /not committed: \.env, which was copied/);
  });

  it('a folder that may not be read stops nothing that is not asked for', async () => {
    const { repo } = box.withOrigin();
    ignored(repo);
    box.write(join(repo, 'secrets', 'x'), 'x');
    chmodSync(join(repo, 'secrets'), 0o000);
    try {
      const task = await work.prepare({ repo });
      assert.deepEqual(await work.tasks.copyIgnored(task, task.worktree, ['.env*']), []);
    } finally {
      chmodSync(join(repo, 'secrets'), 0o755);
    }
  });
});
