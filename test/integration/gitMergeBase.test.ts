import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from '../../src/tasks/task.ts';
import { gitWork } from '../support/gitWork.ts';
import type { GitWork } from '../support/gitWork.ts';
import { createSandbox } from '../support/repo.ts';
import type { Sandbox } from '../support/repo.ts';

describe('git: bringing a moved base into the branch', () => {
  let box: Sandbox;
  let work: GitWork;
  let repo: string;
  let task: Task & { worktree: string };
  beforeEach(async () => {
    box = createSandbox('ampa git ü-');
    work = gitWork(box);
    repo = box.repository();
    task = await work.prepare({ repo, remote: null });
    box.commit(task.worktree, 'a.txt', 'ours');
  });
  afterEach(async () => {
    await work.processes.endAll();
    box.remove();
  });

  const merge = () => work.tasks.mergeBase(task, work.never);
  const commitAll = () => work.tasks.commitAll(task, 'Resolved', '', work.processes, work.never);
  const state = (): string[] => [
    box.git(task.worktree, 'status', '--porcelain=v2', '--branch'),
    box.git(task.worktree, 'status'),
    readFileSync(file('a.txt'), 'utf8'),
  ];
  const file = (name: string): string => join(task.worktree, name);

  it('a base that did not move changes nothing, one that did is merged', async () => {
    assert.deepEqual(await merge(), { kind: 'unchanged' });
    box.commit(repo, 'theirs.txt', 'theirs');
    assert.deepEqual(await merge(), { kind: 'merged' });
    assert.equal(readFileSync(file('theirs.txt'), 'utf8'), 'theirs');
    assert.equal(box.git(task.worktree, 'status', '--porcelain'), '');
  });

  it('a conflict is told again as long as it is one', async () => {
    box.commit(repo, 'a.txt', 'theirs');
    assert.deepEqual(await merge(), { kind: 'conflict', files: ['a.txt'] });
    const before = state();
    assert.deepEqual(await merge(), { kind: 'conflict', files: ['a.txt'] });
    assert.deepEqual(state(), before);
  });

  it('a resolved conflict that a commit hook refused keeps the resolution and all other work', async () => {
    box.commit(repo, 'a.txt', 'theirs');
    assert.equal((await merge()).kind, 'conflict');
    box.write(file('a.txt'), 'resolved');
    box.write(file('README.md'), 'more work');
    box.write(file('new.txt'), 'new');
    const hook = box.write(join(repo, '.git', 'hooks', 'pre-merge-commit'), '#!/bin/sh\necho no\nexit 1\n', 0o755);
    box.write(join(repo, '.git', 'hooks', 'pre-commit'), '#!/bin/sh\necho no\nexit 1\n', 0o755);
    assert.equal((await commitAll()).kind, 'hook_failed');

    assert.deepEqual(await merge(), { kind: 'unchanged' });
    assert.equal(readFileSync(file('a.txt'), 'utf8'), 'resolved');
    assert.equal(readFileSync(file('README.md'), 'utf8'), 'more work');
    assert.equal(readFileSync(file('new.txt'), 'utf8'), 'new');

    for (const name of [hook, join(repo, '.git', 'hooks', 'pre-commit')]) box.write(name, '#!/bin/sh\n', 0o755);
    assert.equal((await commitAll()).kind, 'committed');
    assert.equal(box.git(task.worktree, 'rev-list', '--parents', '-1', 'HEAD').split(' ').length, 3, 'a merge');
    assert.deepEqual(await merge(), { kind: 'unchanged' });
  });

  it('a merge that was cut short before its commit is finished by the next one', async () => {
    const theirs = box.commit(repo, 'theirs.txt', 'theirs');
    box.git(task.worktree, 'merge', '-q', '--no-ff', '--no-commit', 'main');
    assert.deepEqual(await merge(), { kind: 'unchanged' });
    assert.ok(existsSync(file('theirs.txt')));
    assert.equal((await commitAll()).kind, 'committed');
    assert.equal(box.git(task.worktree, 'merge-base', theirs, 'HEAD'), theirs);
    assert.deepEqual(await merge(), { kind: 'unchanged' });
  });

  for (const [what, begin] of [
    ['cherry-pick', ['cherry-pick', 'other']],
    ['rebase', ['rebase', 'other']],
  ] as const) {
    it(`a ${what} under way is left alone`, async () => {
      box.git(repo, 'checkout', '-q', '-b', 'other');
      box.commit(repo, 'a.txt', 'other');
      box.git(repo, 'checkout', '-q', 'main');
      box.commit(repo, 'theirs.txt', 'theirs');
      assert.throws(() => box.git(task.worktree, ...begin));
      box.write(file('a.txt'), 'resolved');
      assert.deepEqual(await merge(), { kind: 'conflict', files: ['a.txt'] });
      box.git(task.worktree, 'add', '-A');
      const before = state();
      assert.deepEqual(await merge(), { kind: 'unchanged' });
      assert.deepEqual(state(), before);
    });
  }
});
