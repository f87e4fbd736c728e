import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from '../../src/tasks/task.ts';
import { gitWork } from '../support/gitWork.ts';
import type { GitWork } from '../support/gitWork.ts';
import { createSandbox } from '../support/repo.ts';
import type { Sandbox } from '../support/repo.ts';
import { treeState } from '../support/treeState.ts';

type Prepared = Task & { worktree: string };
const METHODS = ['merge', 'squash', 'rebase'] as const;

describe('git: landing a branch on its base', () => {
  let box: Sandbox;
  let work: GitWork;
  beforeEach(() => {
    box = createSandbox('ampa git ü-');
    work = gitWork(box);
  });
  afterEach(() => box.remove());

  const land = (task: Task, method: (typeof METHODS)[number] = 'merge') => work.repository.mergeToBase(task, method);
  const drop = (task: Task) =>
    work.repository.deleteBranch(task, { here: task.head_sha ?? '', there: task.head_sha ?? '' });
  /** A task with two commits on its branch. */
  const worked = async (overrides: Parameters<GitWork['prepare']>[0]): Promise<Prepared> => {
    const task = await work.prepare(overrides);
    box.commit(task.worktree, 'a.txt', 'one');
    box.write(join(task.worktree, 'a.txt'), 'two');
    const outcome = await work.tasks.commitAll(
      task,
      task.title,
      'Claude <noreply@example.org>',
      work.processes,
      work.never,
    );
    assert.ok(outcome.kind === 'committed');
    return { ...task, head_sha: outcome.sha };
  };
  const noTraces = (repo: string, task: Task): void => {
    assert.equal(box.git(repo, 'worktree', 'list', '--porcelain').match(/^worktree /gm)?.length, 2);
    assert.deepEqual(readdirSync(join(task.worktree!, '..')), [task.branch.replace('amp/', '')]);
  };

  describe('with a remote', () => {
    let repo: string;
    let origin: string;
    let task: Prepared;
    beforeEach(async () => {
      ({ repo, origin } = box.withOrigin('mein Pröjekt'));
      task = await worked({ repo });
    });
    const moveOrigin = (file: string, content: string): string => {
      const other = join(box.dir, `other-${Math.random().toString(36).slice(2)}`);
      box.git(box.dir, 'clone', '-q', origin, other);
      const sha = box.commit(other, file, content);
      box.git(other, 'push', '-q');
      return sha;
    };

    for (const method of METHODS) {
      it(`${method}: on top of what the remote has now, and the checkout is not touched`, async () => {
        box.write(join(repo, 'README.md'), 'dirty');
        box.write(join(repo, 'untracked.txt'), 'untracked');
        const theirs = moveOrigin('theirs.txt', 'theirs');
        const before = treeState(repo);
        const sha = await land(task, method);
        assert.deepEqual(treeState(repo), before);
        assert.equal(box.git(origin, 'rev-parse', 'main'), sha);
        assert.equal(box.git(origin, 'show', 'main:a.txt'), 'two');
        assert.equal(box.git(origin, 'merge-base', theirs, 'main'), theirs);
        const count = Number(box.git(origin, 'rev-list', '--count', `${theirs}..main`));
        assert.equal(count, { merge: 3, squash: 1, rebase: 2 }[method]);
        if (method === 'squash') {
          assert.equal(
            box.git(origin, 'show', '-s', '--format=%s|%(trailers:key=Co-authored-by,valueonly)', 'main').trim(),
            'Add a greeting|Claude <noreply@example.org>',
          );
        }
        noTraces(repo, task);
        assert.equal(await land(task, method), sha, 'a second time finds it landed');
        assert.equal((await work.repository.worktreeState(task)).unpushed, 0, 'merged work is not unpushed');
      });
    }

    it('a base that moves in between is merged with once more', async () => {
      let races = 0;
      box.write(join(origin, 'hooks', 'update'), '#!/bin/sh\n', 0o755);
      const racing = gitWork(box);
      const run = racing.git.run;
      racing.git.run = async (cwd, args, options) => {
        if (args[0] === 'push' && races++ === 0) moveOrigin('race.txt', 'race');
        return run(cwd, args, options);
      };
      const sha = await racing.repository.mergeToBase(task, 'merge');
      assert.equal(races, 2);
      assert.equal(box.git(origin, 'rev-parse', 'main'), sha);
      assert.equal(box.git(origin, 'show', 'main:race.txt'), 'race');
    });

    it('a conflict names the files and leaves nothing behind', async () => {
      moveOrigin('a.txt', 'theirs');
      for (const method of METHODS) {
        await assert.rejects(land(task, method), {
          code: 'merge',
          message: /amp\/add-a-greeting-abcdef conflicts with main in a\.txt/,
        });
      }
      assert.equal(box.git(origin, 'rev-list', '--count', 'main'), '2');
      noTraces(repo, task);
    });

    it('a protected base is heard', async () => {
      box.write(join(origin, 'hooks', 'pre-receive'), '#!/bin/sh\necho "main is protected"\nexit 1\n', 0o755);
      await assert.rejects(land(task), {
        code: 'merge',
        message: /could not be pushed to origin: .*pre-receive hook declined[\s\S]*main is protected/,
      });
    });

    it('the branch is deleted on both sides once its worktree is gone', async () => {
      await work.tasks.push(task, work.processes, work.never);
      await land(task, 'squash');
      assert.deepEqual(await work.repository.removeWorktree(task, { force: false }), { removed: true });
      assert.deepEqual(await drop(task), []);
      assert.equal(box.git(origin, 'branch', '--list', task.branch), '');
      assert.equal(box.git(repo, 'branch', '--list', task.branch), '');
      assert.deepEqual(await drop(task), [], 'what is gone is no trouble');
    });

    it('a branch whose last push had failed is deleted at the remote, too: all of it has landed', async () => {
      const older = box.git(repo, 'rev-parse', `${task.branch}^`);
      box.git(repo, 'push', '-q', 'origin', `${older}:refs/heads/${task.branch}`);
      await land(task);
      await work.repository.removeWorktree(task, { force: false });
      assert.deepEqual(await drop(task), []);
      assert.equal(box.git(origin, 'branch', '--list', task.branch), '');
    });

    it('a branch to which somebody has added is deleted neither here nor there', async () => {
      await work.tasks.push(task, work.processes, work.never);
      await land(task);
      box.git(task.worktree, 'checkout', '-q', '--detach');
      box.git(
        repo,
        'branch',
        '-f',
        task.branch,
        box.git(repo, 'commit-tree', '-p', task.branch, '-m', 'x', 'HEAD^{tree}'),
      );
      box.git(repo, 'push', '-q', 'origin', task.branch);
      const kept = await drop(task);
      assert.deepEqual(
        kept.map((it) => it.replace(task.branch, 'B')),
        [
          'The branch B is kept at origin, since it holds commits that have not landed.',
          'The branch B is kept here, since it holds commits that have not landed.',
        ],
      );
      assert.equal(box.git(origin, 'rev-parse', task.branch), box.git(repo, 'rev-parse', task.branch));
    });

    it('a branch to which somebody adds at that very moment stays at the remote', async () => {
      await work.tasks.push(task, work.processes, work.never);
      await land(task);
      const racing = gitWork(box);
      const run = racing.git.run;
      let added = '';
      racing.git.run = async (cwd, args, options) => {
        if (args[0] === 'push' && added === '') {
          added = box.git(origin, 'commit-tree', '-p', task.branch, '-m', 'More', `${task.branch}^{tree}`);
          box.git(origin, 'update-ref', `refs/heads/${task.branch}`, added);
        }
        return run(cwd, args, options);
      };
      const tip = task.head_sha!;
      const kept = await racing.repository.deleteBranch(task, { here: tip, there: tip });
      assert.match(kept.join('\n'), /is kept at origin, since it could not be deleted: \[rejected\] \(stale info\)/);
      assert.equal(box.git(origin, 'rev-parse', task.branch), added);
    });

    it('a remote that keeps the branch does not undo the merge: it is said', async () => {
      await work.tasks.push(task, work.processes, work.never);
      box.write(
        join(origin, 'hooks', 'update'),
        '#!/bin/sh\ncase "$3" in *[!0]*) exit 0;; esac\necho "branches are kept"\nexit 1\n',
        0o755,
      );
      const sha = await land(task);
      assert.equal(box.git(origin, 'rev-parse', 'main'), sha);
      assert.match(
        (await drop(task)).join('\n'),
        /is kept at origin, since it could not be deleted: .*hook declined[\s\S]*branches are kept/,
      );
    });

    it('a merge whose end was not recorded is found although its branch is deleted', async () => {
      for (const method of METHODS) {
        const sha = await land(task, method);
        box.git(task.worktree, 'checkout', '-q', '--detach');
        box.git(repo, 'branch', '-D', '-q', task.branch);
        assert.equal(await land(task, method), sha);
        box.git(task.worktree, 'checkout', '-q', '-b', task.branch, task.head_sha!);
      }
    });

    it('a branch that somebody has checked out elsewhere stays, and that is said', async () => {
      box.git(task.worktree, 'checkout', '-q', '--detach');
      box.git(repo, 'worktree', 'add', '-q', join(box.dir, 'elsewhere'), task.branch);
      await land(task);
      assert.match((await drop(task)).join('\n'), /is kept here, since it is checked out in .*elsewhere/);
    });

    it('what came to the branch after the task had ended is not landed unseen', async () => {
      box.commit(task.worktree, 'b.txt', 'unseen');
      await assert.rejects(land(task), { code: 'merge', message: /was neither checked nor shown/, hint: /Continue/ });
      await assert.rejects(land({ ...task, head_sha: null }), { code: 'merge', message: /ended without a commit/ });
      assert.equal(box.git(origin, 'rev-list', '--count', 'main'), '1');
    });

    it('what of the base only the user has is not landed with the task, whose diff does not show it', async () => {
      box.commit(repo, 'private.txt', 'mine', 'Not for others');
      const other = await worked({ repo, branch: 'amp/other-abcdef' });
      for (const method of METHODS) {
        await assert.rejects(land(other, method), {
          code: 'merge',
          message: /began with commits that main of origin does not have.*: [0-9a-f]+ Not for others$/,
        });
      }
      box.git(repo, 'push', '-q', 'origin', 'main');
      await land(other);
    });

    it('what was taken out of the base by force does not come back with the task', async () => {
      const removed = box.commit(repo, 'secret.txt', 'secret', 'A secret');
      box.git(repo, 'push', '-q', 'origin', 'main');
      const other = await worked({ repo, branch: 'amp/other-abcdef' });
      box.git(repo, 'push', '-q', '--force', 'origin', `${removed}^:main`);
      await assert.rejects(land(other), { code: 'merge', message: /does not have.*A secret$/ });
    });

    it('a rebase that would drop what a merge on the branch holds of its own is refused', async () => {
      moveOrigin('theirs.txt', 'theirs');
      assert.equal((await work.tasks.mergeBase(task, work.never)).kind, 'merged');
      box.write(join(task.worktree, 'a.txt'), 'mended in the merge');
      box.git(task.worktree, 'commit', '-q', '-a', '--amend', '--no-edit');
      const merged = { ...task, head_sha: box.git(task.worktree, 'rev-parse', 'HEAD') };
      moveOrigin('more.txt', 'more');
      await assert.rejects(land(merged, 'rebase'), { code: 'merge', message: /its merges hold changes of their own/ });
      await land(merged, 'squash');
      assert.equal(box.git(origin, 'show', 'main:a.txt'), 'mended in the merge');
    });

    it('a rebase that meets a conflict which a merge on the branch has solved names the other methods', async () => {
      moveOrigin('a.txt', 'theirs');
      assert.equal((await work.tasks.mergeBase(task, work.never)).kind, 'conflict');
      box.write(join(task.worktree, 'a.txt'), 'both');
      box.git(task.worktree, 'commit', '-q', '-a', '--no-edit');
      const merged = { ...task, head_sha: box.git(task.worktree, 'rev-parse', 'HEAD') };
      moveOrigin('more.txt', 'more');
      await assert.rejects(land(merged, 'rebase'), {
        code: 'merge',
        message: /its commits one by one conflict in a\.txt/,
        hint: /merge or squash/,
      });
      await land(merged);
      assert.equal(box.git(origin, 'show', 'main:a.txt'), 'both');
    });

    it('a remote that is away is said', async () => {
      box.git(repo, 'remote', 'set-url', 'origin', 'http://127.0.0.1:9/away.git');
      await assert.rejects(land(task), { code: 'merge', message: /main could not be fetched from origin/ });
    });
  });

  describe('without a remote', () => {
    let repo: string;
    let task: Prepared;
    beforeEach(async () => {
      repo = box.repository('mein Pröjekt');
      task = await worked({ repo, remote: null });
    });

    it('a clean checkout of the base moves forward', async () => {
      const tip = box.git(repo, 'rev-parse', task.branch);
      assert.equal(await land(task), tip);
      assert.equal(box.git(repo, 'rev-parse', 'main'), tip);
      assert.equal(readFileSync(join(repo, 'a.txt'), 'utf8'), 'two');
      assert.equal(box.git(repo, 'status', '--porcelain'), '');
    });

    it('a dirty one is refused with the command to run', async () => {
      box.write(join(repo, 'README.md'), 'dirty');
      const before = treeState(repo);
      await assert.rejects(land(task), {
        code: 'merge',
        message: /main is checked out in .* with uncommitted changes/,
        hint: new RegExp(`git -C '${repo}' merge ${task.branch}$`),
      });
      assert.deepEqual(treeState(repo), before);
    });

    it('an untracked file in the way is kept', async () => {
      box.write(join(repo, 'a.txt'), 'mine');
      await assert.rejects(land(task), { code: 'merge', message: /could not be moved forward/, hint: /git -C/ });
      assert.equal(readFileSync(join(repo, 'a.txt'), 'utf8'), 'mine');
    });

    it('a base that is checked out nowhere is moved', async () => {
      box.git(repo, 'checkout', '-q', '-b', 'elsewhere');
      box.write(join(repo, 'README.md'), 'dirty elsewhere');
      const before = treeState(repo);
      const sha = await land(task);
      assert.equal(box.git(repo, 'rev-parse', 'main'), sha);
      assert.deepEqual(treeState(repo), before);
    });

    for (const method of METHODS) {
      it(`${method}: a base that went on is brought together first`, async () => {
        const theirs = box.commit(repo, 'theirs.txt', 'theirs');
        const sha = await land(task, method);
        assert.equal(box.git(repo, 'rev-parse', 'HEAD'), sha);
        assert.equal(
          Number(box.git(repo, 'rev-list', '--count', `${theirs}..main`)),
          { merge: 3, squash: 1, rebase: 2 }[method],
        );
        assert.equal(box.git(repo, 'status', '--porcelain'), '');
        assert.ok(existsSync(join(repo, 'theirs.txt')));
      });
    }

    it('a conflict leaves the checkout as it was', async () => {
      box.commit(repo, 'a.txt', 'theirs');
      const before = treeState(repo);
      await assert.rejects(land(task), { code: 'merge', message: /conflicts with main in a\.txt/ });
      assert.deepEqual(treeState(repo), before);
    });

    it('a task without a base branch or without its branch cannot be merged', async () => {
      await assert.rejects(land({ ...task, base: null }), { code: 'merge' });
      await assert.rejects(land({ ...task, branch: 'amp/gone' }), {
        code: 'merge',
        message: /does not exist any more/,
      });
    });
  });
});
