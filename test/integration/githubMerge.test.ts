import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { App } from '../../src/app/api.ts';
import type { Task } from '../../src/tasks/task.ts';
import { fastClock } from '../support/fastClock.ts';
import { createHubProject, NOT_GOOD, type HubProject } from '../support/hubProject.ts';
import { MENDING_AGENT } from '../support/project.ts';
import { until } from '../support/until.ts';

const AGENT = 'cat >/dev/null; echo good > state.txt';

describe('a pull request of a task', () => {
  let it_: HubProject;
  beforeEach(async () => {
    it_ = await createHubProject('ampa-merge-');
  });
  afterEach(() => it_.remove());

  async function run(app: App): Promise<Task> {
    const { id } = await app.start({ prompt: 'Make it good' });
    return app.carryHere(id, new AbortController().signal);
  }
  async function green(agent = AGENT): Promise<{ app: App; task: Task; said: string[] }> {
    it_.hub.workflow({ name: 'CI', on: ['pull_request'], jobs: ['build'] });
    it_.startCi(() => ({}));
    const app = await it_.open(agent);
    const said: string[] = [];
    app.onNotice((notice) => said.push(notice));
    const task = await run(app);
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
    return { app, task, said };
  }
  const branches = (): string => it_.project.box.git(it_.project.repo, 'branch', '--list', 'amp/*');

  it('is merged, and what was deleted at GitHub is deleted here', async () => {
    const { app, task } = await green();
    assert.notEqual(branches(), '');
    const merged = await app.merge(task.id, { method: 'squash', deleteBranch: true });
    assert.notEqual(merged.merged_at, null);
    assert.notEqual(it_.hub.pullRequests[0]!.mergedSha, null);
    assert.equal(branches(), '');
    assert.equal(it_.project.box.git(it_.project.origin, 'branch', '--list', 'amp/*'), '');
    assert.equal(existsSync(task.worktree!), false);
  }).timeout(60_000);

  it('is merged, and the branch stays where nobody wants it deleted', async () => {
    const { app, task } = await green();
    await app.merge(task.id, { method: null, deleteBranch: false });
    assert.match(branches(), /amp\//);
    assert.equal(existsSync(task.worktree!), false);
  }).timeout(60_000);

  it('is merged, and a branch with commits that were not pushed stays here', async () => {
    const { app, task, said } = await green();
    it_.project.box.git(task.worktree!, 'commit', '-q', '--allow-empty', '-m', 'More');
    await app.merge(task.id, { method: null, deleteBranch: true });
    assert.match(branches(), /amp\//);
    assert.equal(existsSync(task.worktree!), true);
    assert.match(said.join('\n'), /The branch amp\/.* is kept here, since it holds commits that have not landed/);
  }).timeout(60_000);

  it('is not merged while its newest commit is missing from the pull request', async () => {
    const { app, task: first } = await green('cat >/dev/null; echo good >> state.txt');
    const { box, origin } = it_.project;
    box.write(path.join(origin, 'hooks/pre-receive'), '#!/bin/sh\necho frozen\nexit 1\n', 0o755);
    await app.continue(first.id, 'and more');
    const task = await app.carryHere(first.id, new AbortController().signal);
    assert.equal(task.reason, 'push_rejected', `${task.reason}: ${task.reason_detail}`);
    assert.notEqual(task.head_sha, task.pushed_sha);
    await assert.rejects(app.merge(task.id, { method: null, deleteBranch: false }), {
      code: 'merge',
      message: /newest commit .* is not part of https:\/\/github\.com/,
      hint: /Continue the task/,
    });
    assert.equal((await app.find(task.id)).merged_at, null);
    assert.equal(it_.hub.pullRequests[0]!.mergedSha, null);
  }).timeout(60_000);

  it('is not merged where it conflicts with its base, and the files are named', async () => {
    const { app, task } = await green();
    const { box, repo } = it_.project;
    box.commit(repo, 'state.txt', 'theirs');
    box.git(repo, 'push', '-q', 'origin', 'main');
    it_.hub.conflicts.add(task.branch);
    await assert.rejects(app.merge(task.id, { method: null, deleteBranch: false }), {
      code: 'merge',
      message: /pull\/1 conflicts with main in state\.txt: /,
      hint: /Continue the task/,
    });
    assert.equal((await app.find(task.id)).merged_at, null);
  }).timeout(60_000);

  it('is merged, and a branch that cannot be deleted at GitHub is named', async () => {
    const { app, task, said } = await green();
    const { box, origin } = it_.project;
    box.write(path.join(origin, 'hooks/pre-receive'), '#!/bin/sh\necho Protected branch\nexit 1\n', 0o755);
    const merged = await app.merge(task.id, { method: 'squash', deleteBranch: true });
    assert.notEqual(merged.merged_at, null);
    assert.match(
      said.join('\n'),
      /The branch amp\/.* is kept at origin, since it could not be deleted: [\s\S]*Protected branch/,
    );
  }).timeout(60_000);

  it('is not merged any more once its task goes on while the merge waits for required checks', async () => {
    const { app, task, said } = await green();
    const other = await it_.open(AGENT);
    it_.hub.status(task.pushed_sha!, 'deploy', 'pending', { required: true });
    const merging = assert.rejects(app.merge(task.id, { method: null, deleteBranch: true }), {
      code: 'merge',
      message: /has changed since its merge was asked for/,
    });
    await until('the merge waits', () => /Waiting for required checks.*deploy/.test(said.join('\n')));
    await other.continue(task.id, 'Also update the notes');
    await merging;
    it_.hub.status(task.pushed_sha!, 'deploy', 'success', { required: true });
    assert.equal(it_.hub.pullRequests[0]!.state, 'open');
    assert.equal(it_.fake.requests.filter((request) => request.startsWith('PUT')).length, 0);
    assert.deepEqual([(await app.find(task.id)).status, existsSync(task.worktree!)], ['queued', true]);
  }).timeout(60_000);

  it('is not merged with commits of the base that only the user has: the diff of the task does not show them', async () => {
    const { box, repo } = it_.project;
    const mine = box.commit(repo, 'private.txt', 'mine');
    const { app, task } = await green();
    await assert.rejects(app.merge(task.id, { method: null, deleteBranch: false }), {
      code: 'merge',
      message: new RegExp(`It began at ${mine.slice(0, 10)}, which main does not have`),
    });
    assert.equal(it_.hub.pullRequests[0]!.state, 'open');
    it_.hub.push(mine, 'main');
    assert.notEqual((await app.merge(task.id, { method: null, deleteBranch: false })).merged_at, null);
  }).timeout(60_000);

  it('is merged once by two hosts at the same time, and not continued meanwhile', async () => {
    const { task } = await green();
    const clock = fastClock(20);
    const [app, other] = await Promise.all([1, 2].map(() => it_.project.open(AGENT, it_.env, { clock })));
    let continued: Promise<unknown> = Promise.resolve();
    let merges = 0;
    it_.fake.fault = ({ method }) => {
      if (method !== 'PUT') return null;
      merges++;
      continued = assert.rejects(other!.continue(task.id, 'More'), { code: 'illegal_transition' });
      return null;
    };
    const how = { method: null, deleteBranch: false };
    const ends = await Promise.allSettled([app!.merge(task.id, how), other!.merge(task.id, how)]);
    await continued;
    assert.deepEqual(ends.map((end) => end.status).toSorted(), ['fulfilled', 'rejected']);
    assert.equal(merges, 1);
    const { events } = await app!.show(task.id);
    assert.equal(events.filter((event) => event.note?.startsWith('Merged into main')).length, 1);
  }).timeout(60_000);

  it('is found merged where the merging process died before it could write that down', async () => {
    const { app, task } = await green();
    it_.fake.fault = ({ method }) => {
      if (method !== 'PUT') return null;
      merger.kill('SIGKILL');
      return 'drop answer';
    };
    const merger = it_.project.spawnAmpa(['merge', task.id, '--delete-branch'], it_.env);
    await until('the merger has died', () => merger.signalCode !== null || merger.exitCode !== null, 30_000);
    assert.deepEqual([merger.signalCode, it_.hub.pullRequests[0]!.state], ['SIGKILL', 'closed']);
    it_.fake.fault = () => null;
    assert.equal((await app.find(task.id)).merged_at, null);
    const merged = await app.merge(task.id, { method: null, deleteBranch: true });
    assert.notEqual(merged.merged_at, null);
    assert.equal(branches(), '');
  }).timeout(60_000);

  it('is merged by the next try where GitHub went away, or the token was revoked, in the middle', async () => {
    const { app, task } = await green();
    const how = { method: null, deleteBranch: false };
    it_.fake.fault = () => 'drop';
    await assert.rejects(app.merge(task.id, how), { code: 'external' });
    let revoked = false;
    it_.fake.fault = ({ method }) => {
      if (revoked) return { status: 401, message: 'Bad credentials' };
      revoked = method === 'PUT';
      return revoked ? { answered: 401 } : null;
    };
    await assert.rejects(app.merge(task.id, how), { code: 'external', message: /Bad credentials/ });
    assert.deepEqual([it_.hub.pullRequests[0]!.state, (await app.find(task.id)).merged_at], ['closed', null]);
    it_.fake.fault = () => null;
    assert.notEqual((await app.merge(task.id, how)).merged_at, null);
  }).timeout(60_000);

  it('that an earlier carrier opened and a person closed before it was written down is not opened again', async () => {
    const app = await it_.open(AGENT);
    const { id, branch } = await app.start({ prompt: 'Make it good' });
    it_.hub.openPull({ title: 'Make it good', body: '', head: branch, base: 'main', draft: true }).state = 'closed';
    it_.startCi(() => ({}));
    const task = await app.carryHere(id, new AbortController().signal);
    assert.deepEqual([task.reason, task.pr_number, it_.hub.pullRequests.length], ['pr_failed', 1, 1]);
    assert.match(task.reason_detail!, /#1 was closed by a person: https:/);
  }).timeout(60_000);

  describe('that a person', () => {
    const closes = (how: 'closed' | 'merged'): void => {
      const pull = it_.hub.pullRequests[0]!;
      pull.state = 'closed';
      if (how === 'closed') return;
      pull.mergedSha = 'e'.repeat(40);
      pull.mergedHead = it_.hub.refs.get(pull.head);
    };

    it('has merged without the newest commit is not taken for that commit, which stays here and there', async () => {
      const { app, task } = await green();
      closes('merged');
      it_.hub.pullRequests[0]!.mergedHead = 'd'.repeat(40);
      await assert.rejects(app.merge(task.id, { method: null, deleteBranch: true }), {
        code: 'merge',
        message: /was merged before, as it was at dddddddddd: the newest commit/,
        hint: /It is on the branch amp\//,
      });
      const { box, origin } = it_.project;
      assert.equal(box.git(origin, 'rev-parse', task.branch), task.pushed_sha);
      assert.match(branches(), /amp\//);
      assert.deepEqual([existsSync(task.worktree!), (await app.find(task.id)).merged_at], [true, null]);
    }).timeout(60_000);

    it('merges after the task has ended ends it when it is continued, before the agent works for nothing', async () => {
      const { app, task } = await green('cat >/dev/null; echo good >> state.txt');
      closes('merged');
      await app.continue(task.id, 'Also update the notes');
      const ended = await app.carryHere(task.id, new AbortController().signal);
      assert.deepEqual([ended.status, ended.merged_at, ended.attempts], ['success', '2026-01-02T03:04:05Z', 1]);
      const { events } = await app.show(task.id);
      const notes = events.map((event) => event.note).join('\n');
      assert.match(notes, /was merged by a person\. A message had not reached the agent: start a new task with it\./);
      await assert.rejects(app.continue(task.id, 'More'), {
        message: /cannot continue a merged task/,
        hint: /start a new task for what comes next/,
      });
    }).timeout(60_000);

    it('closes meanwhile is not opened a second time: that is named, and reopening it helps', async () => {
      it_.hub.workflow({ name: 'CI', on: ['push'], jobs: ['build'] });
      let closed = false;
      it_.startCi((sha) => {
        if (it_.hub.pullRequests.length === 0) return null;
        if (!closed) closes('closed');
        closed = true;
        return { build: it_.fileAt(sha, 'state.txt') === 'good' ? 'success' : NOT_GOOD };
      });
      const app = await it_.open(MENDING_AGENT);
      const task = await run(app);
      assert.equal(task.reason, 'pr_failed', `${task.reason}: ${task.reason_detail}`);
      assert.match(task.reason_detail!, /#1 was closed by a person: https:/);
      it_.hub.pullRequests[0]!.state = 'open';
      await app.continue(task.id, null);
      const again = await app.carryHere(task.id, new AbortController().signal);
      assert.equal(again.status, 'success', `${again.reason}: ${again.reason_detail}`);
      assert.equal(it_.hub.pullRequests.length, 1);
    }).timeout(60_000);

    for (const end of ['success', 'failure'] as const) {
      it(`merges while its checks run is a good end of the task, also where they end in ${end}`, async () => {
        it_.hub.workflow({ name: 'CI', on: ['pull_request'], jobs: ['build'] });
        it_.startCi(() => {
          closes('merged');
          return { build: end };
        });
        const app = await it_.open(AGENT);
        const task = await run(app);
        assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
        assert.equal(task.attempts, 1);
        assert.equal(task.merged_at, '2026-01-02T03:04:05Z');
        const { events } = await app.show(task.id);
        assert.ok(events.some((event) => event.note === 'Pull request #1 was merged by a person.'));
        await assert.rejects(app.continue(task.id, 'More'), /cannot continue a merged task/);
      }).timeout(60_000);
    }

    it('merges while a message waits for the agent is the end, and says that it was not heard', async () => {
      it_.hub.workflow({ name: 'CI', on: ['pull_request'], jobs: ['build'] });
      const app = await it_.open(AGENT);
      let said: Promise<unknown> | undefined;
      it_.startCi(() => {
        said ??= app.list({}).then(({ tasks: [task] }) => app.continue(task!.id, 'Also update the notes'));
        closes('merged');
        return { build: 'failure' };
      });
      const task = await run(app);
      await said;
      assert.deepEqual([task.status, task.merged_at, task.attempts], ['success', '2026-01-02T03:04:05Z', 1]);
      const { events } = await app.show(task.id);
      const notes = events.map((event) => event.note).join('\n');
      assert.match(notes, /was merged by a person\. A message had not reached the agent: start a new task with it\./);
    }).timeout(60_000);

    it('merges while the agent mends it is a good end, and what came after is named', async () => {
      it_.hub.workflow({ name: 'CI', on: ['push'], jobs: ['build'] });
      it_.startCi((sha) =>
        it_.hub.pullRequests.length === 0
          ? null
          : { build: it_.fileAt(sha, 'state.txt') === 'good' ? 'success' : NOT_GOOD },
      );
      const head = (): string => it_.project.box.git(it_.project.origin, 'rev-parse', 'refs/heads/amp/old');
      const app = await it_.open(
        `${MENDING_AGENT}; test -e '${it_.project.box.dir}/second' && touch '${it_.project.box.dir}/merged'; touch '${it_.project.box.dir}/second'; sleep 0.3`,
      );
      const merges = setInterval(() => {
        if (!existsSync(path.join(it_.project.box.dir, 'merged')) || it_.hub.pullRequests[0]?.state !== 'open') return;
        const { head: branch } = it_.hub.pullRequests[0];
        it_.project.box.git(it_.project.origin, 'update-ref', 'refs/heads/amp/old', it_.hub.refs.get(branch)!);
        closes('merged');
      }, 20);
      const task = await run(app);
      clearInterval(merges);
      assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
      assert.notEqual(task.merged_at, null);
      assert.equal(it_.hub.pullRequests.length, 1);
      assert.notEqual(head(), task.head_sha);
      const { events } = await app.show(task.id);
      assert.ok(
        events.some((event) => /merged by a person\. What came after is on the branch amp\//.test(event.note ?? '')),
      );
    }).timeout(60_000);
  });
});
