/** What was red before a task began: said to the agent and on the task, and found out once. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { App } from '../../src/app/api.ts';
import type { Task } from '../../src/tasks/task.ts';
import { createHubProject, failedJob } from '../support/hubProject.ts';
import { CHECK, createProject, MENDING_AGENT, type Project } from '../support/project.ts';
import { until } from '../support/until.ts';

const SAID = /It fails on the base branch too, without any change of yours\./;
const notesOf = async (app: App, { id }: Task): Promise<string> =>
  (await app.show(id)).events.map((event) => event.note ?? '').join('\n');

describe('a local check that is red', () => {
  let project: Project;
  let count: string;
  let check: string;
  beforeEach(() => {
    project = createProject('ampa-base-');
    count = path.join(project.box.dir, 'runs');
    check = `pwd >> '${count}'; ${CHECK}`;
  });
  afterEach(() => project.remove());

  const checkouts = (): string[] => project.box.git(project.repo, 'worktree', 'list').split('\n');
  const runs = (): string[] => readFileSync(count, 'utf8').trim().split('\n');
  const onMain = (file: string, text: string): void => {
    project.box.write(path.join(project.repo, file), text);
    project.box.git(project.repo, 'add', file);
    project.box.git(project.repo, 'commit', '--quiet', '--message', file);
    project.box.git(project.repo, 'push', '--quiet', 'origin', 'main');
  };

  it('on the base, too, says so to the agent and on the task, and is tried there once', async () => {
    const app = await project.open(MENDING_AGENT);
    const first = await project.run(app, { checks: check, maxAttempts: 1 });
    assert.equal(first.reason, 'max_attempts');
    assert.ok(first.flags.includes(`${check} fails on the base, too`), first.flags.join());
    assert.match(await notesOf(app, first), /fails on the base, too\./);
    assert.match(first.prompt, SAID);
    assert.equal(runs().length, 2);
    assert.equal(runs()[1], `${first.worktree}-base`);
    assert.equal(existsSync(`${first.worktree}-base`), false);
    assert.equal(checkouts().length, 2);

    const second = await project.run(app, { checks: check });
    assert.equal(second.status, 'success');
    assert.match((await app.show(second.id)).attempts[1]!.prompt, SAID);
    assert.doesNotMatch(second.flags.join(), /base/, 'it is green now');
    assert.equal(runs().length, 4, 'what is known of the base is not tried again');
  });

  it('only with the task’s work is nobody else’s fault', async () => {
    onMain('state.txt', 'good\n');
    const app = await project.open(`${MENDING_AGENT}; echo more > more.txt`);
    const task = await project.run(app, { checks: check });
    assert.equal(task.status, 'success');
    assert.doesNotMatch((await app.show(task.id)).attempts[1]!.prompt, SAID);
    assert.doesNotMatch(await notesOf(app, task), /base/);
    assert.equal(runs().length, 3);
  });

  it('is tried on the base after the setup and with the copied files; what cannot be made usable says nothing', async () => {
    onMain('.gitignore', '.env\n');
    project.box.write(path.join(project.repo, '.env'), 'A=1\n');
    const needs = `test -f .env && test -f set-up && ${CHECK}`;
    const usable = await project.open(MENDING_AGENT, { AMPA_SETUP: 'touch set-up' });
    const said = await project.run(usable, { checks: needs });
    assert.match((await usable.show(said.id)).attempts[1]!.prompt, SAID);

    onMain('other.txt', 'another base\n');
    const broken = await project.open(MENDING_AGENT, { AMPA_SETUP: 'case "$PWD" in *-base) exit 3;; esac' });
    const task = await project.run(broken, { checks: check });
    assert.equal(task.status, 'success');
    assert.doesNotMatch((await broken.show(task.id)).attempts[1]!.prompt, SAID);
    assert.match(
      (await broken.readLog(task.id, { attempt: 1 })).text,
      /on the base, too, is not known: .*exited with 3/,
    );
  });

  it('leaves no checkout of the base behind when its process is killed there', async () => {
    const gate = path.join(project.box.dir, 'gate');
    const slow = `case "$PWD" in *-base) if ! test -f '${gate}'; then touch '${gate}'; sleep 600; fi;; esac; ${CHECK}`;
    const app = await project.open(MENDING_AGENT);
    const { id } = await app.start({ prompt: 'Make it good', checks: slow });
    const carrier = project.spawnAmpa(['work', id], { AMPA_AGENT_COMMAND: MENDING_AGENT });
    await until('the base is checked', () => existsSync(gate));
    carrier.kill('SIGKILL');
    const task = await app.carryHere(id, new AbortController().signal);
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
    assert.match((await app.show(id)).attempts[1]!.prompt, SAID);
    assert.equal(checkouts().length, 2);
  });

  it('is not tried on the base in a place that is somebody’s', async () => {
    const app = await project.open(MENDING_AGENT);
    const keep = `case "$PWD" in *-base) ;; *) mkdir -p "$PWD-base"; echo mine > "$PWD-base/mine.txt";; esac; ${check}`;
    const task = await project.run(app, { checks: keep });
    assert.equal(task.status, 'success');
    assert.equal(readFileSync(`${task.worktree}-base/mine.txt`, 'utf8'), 'mine\n');
    assert.doesNotMatch((await app.show(task.id)).attempts[1]!.prompt, SAID);
  });
});

describe('a check of GitHub that is red', () => {
  it('on the base, too, says so to the agent and on the task, whatever events ran it', async () => {
    const it_ = await createHubProject('ampa-hub-base-');
    try {
      const { hub, project } = it_;
      hub.workflow({ name: 'CI', on: ['push', 'pull_request'], jobs: ['build', 'lint'] });
      hub.push(project.box.git(project.repo, 'rev-parse', 'main'), 'main');
      const good = (sha: string): boolean => {
        try {
          return it_.fileAt(sha, 'state.txt') === 'good';
        } catch {
          return false;
        }
      };
      const ours = (sha: string): boolean => project.box.git(project.repo, 'rev-parse', 'main') !== sha;
      it_.startCi((sha) =>
        good(sha)
          ? {}
          : {
              build: failedJob('FAIL: state.txt is not good: error 42'),
              ...(ours(sha) ? { lint: failedJob('FAIL: a line is too long') } : {}),
            },
      );
      await until('the base is checked', () => hub.runs.every((run) => run.status === 'completed'));
      const app = await it_.open(MENDING_AGENT);
      const { id } = await app.start({ prompt: 'Make it good' });
      const task = await app.carryHere(id, new AbortController().signal);
      assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
      const prompt = (await app.show(id)).attempts[1]!.prompt;
      assert.match(prompt, /The check "build[^\n]*\n+It fails on the base branch too/);
      assert.doesNotMatch(prompt, /The check "lint[^\n]*\n+It fails on the base branch too/);
      assert.match(await notesOf(app, task), /build.* fails on the base, too\./);
      assert.doesNotMatch(await notesOf(app, task), /lint.* fails on the base/);
    } finally {
      await it_.remove();
    }
  }).timeout(60_000);
});
