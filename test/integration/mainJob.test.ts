import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Task } from '../../src/tasks/task.ts';
import { CHECK, createProject, MENDING_AGENT, processesOf, type Project } from '../support/project.ts';
import { until } from '../support/until.ts';

describe('the main job', () => {
  let project: Project;
  beforeEach(() => {
    project = createProject();
  });
  afterEach(() => project.remove());

  const remoteTip = (task: Task): string => project.box.git(project.origin, 'rev-parse', task.branch);

  it('carries a prompt through a red check to a pushed, green commit', async () => {
    const app = await project.open(MENDING_AGENT);
    const task = await project.run(app);
    assert.equal(task.status, 'success');
    assert.equal(task.attempts, 2);
    assert.equal(remoteTip(task), task.head_sha);
    assert.equal(project.box.git(project.origin, 'show', `${task.branch}:state.txt`), 'good');
    const { attempts, checks, events } = await app.show(task.id);
    assert.match(attempts[1]!.prompt, /FAIL: state\.txt is not good: error 42/);
    assert.deepEqual(
      attempts.map((attempt) => attempt.head_sha),
      checks.map((check) => check.sha),
      'each attempt and the commit that it came to',
    );
    assert.deepEqual(
      checks.map((check) => check.state),
      ['failure', 'success'],
    );
    assert.match(checks[0]!.excerpt!, /error 42/);
    assert.deepEqual(
      events.filter((event) => !event.note).map((event) => `${event.status} ${event.phase ?? ''}`.trim()),
      [
        'queued',
        'running preparing',
        'running agent',
        'running committing',
        'running pushing',
        'running checks',
        'retrying agent',
        'running committing',
        'running pushing',
        'running checks',
        'success',
      ],
    );
    assert.deepEqual(processesOf(task.id), []);
  });

  it('never touches the working copy it started from', async () => {
    project.box.write(path.join(project.repo, 'README.md'), 'mine, unfinished\n');
    project.box.write(path.join(project.repo, 'new.txt'), 'untracked\n');
    project.box.git(project.repo, 'add', 'new.txt');
    const before = project.box.git(project.repo, 'status', '--porcelain');
    const app = await project.open(MENDING_AGENT);
    const task = await project.run(app);
    assert.equal(task.status, 'success');
    assert.equal(project.box.git(project.repo, 'status', '--porcelain'), before);
    assert.equal(project.box.git(project.origin, 'show', `${task.branch}:README.md`), '# Project');
  });

  it('takes uncommitted work along when asked, as a commit of its own', async () => {
    project.box.write(path.join(project.repo, 'state.txt'), 'good, from the user\n');
    const app = await project.open('cat >/dev/null; echo done > by-agent.txt');
    const task = await project.run(app, { includeChanges: true });
    assert.equal(task.status, 'success');
    assert.equal(project.box.git(project.origin, 'show', `${task.branch}:state.txt`), 'good, from the user');
  });

  it('stops at no_changes and spends no check when the agent changes nothing', async () => {
    const app = await project.open('cat >/dev/null; echo "nothing to do"');
    const task = await project.run(app, { checks: `touch ${project.box.dir}/check-ran` });
    assert.equal(task.status, 'needs_review');
    assert.equal(task.reason, 'no_changes');
    assert.equal(existsSync(path.join(project.box.dir, 'check-ran')), false);
    assert.deepEqual((await app.show(task.id)).checks, []);
  });

  it('stops at max_attempts with the error line in the detail, and continue hands that line to the agent', async () => {
    const app = await project.open(
      'P=$(cat); case "$P" in *error\\ 42*please*) echo good > state.txt;; *) date +%N > state.txt;; esac',
    );
    const task = await project.run(app, { maxAttempts: 2 });
    assert.equal(task.reason, 'max_attempts');
    assert.equal(task.attempts, 2);
    assert.match(task.reason_detail!, /error 42/);
    const { as } = await app.continue(task.id, 'please');
    assert.equal(as, 'requeued');
    const after = await app.carryHere(task.id, new AbortController().signal);
    assert.equal(after.status, 'success');
    assert.equal(after.attempts, 3);
    assert.equal(after.max_attempts, 4);
  });

  it('tries a failed turn once more within its number', async () => {
    const marker = path.join(project.box.dir, 'failed-once');
    const app = await project.open(
      `cat >/dev/null; if [ -e ${marker} ]; then echo good > state.txt; else touch ${marker}; echo "API error" >&2; exit 3; fi`,
    );
    const task = await project.run(app);
    assert.equal(task.status, 'success');
    assert.equal(task.attempts, 1);
  });

  it('ends in agent_failed, with its last words, when the turn fails twice', async () => {
    const app = await project.open('cat >/dev/null; echo "quota exhausted" >&2; exit 3');
    const task = await project.run(app);
    assert.equal(task.reason, 'agent_failed');
    assert.match(task.reason_detail!, /quota exhausted/);
  });

  it('ends in agent_missing before anything is made', async () => {
    const app = await project.open(path.join(project.box.dir, 'no-such-agent'));
    const task = await project.run(app);
    assert.equal(task.status, 'error');
    assert.equal(task.reason, 'agent_missing');
    assert.equal(task.worktree, null);
    assert.equal(project.box.git(project.repo, 'branch', '--list', task.branch), '');
  });

  it('stops a silent agent and says so', async () => {
    const app = await project.open('cat >/dev/null; sleep 60', { AMPA_AGENT_SILENT_MINUTES: '0.01' });
    const task = await project.run(app);
    assert.equal(task.reason, 'agent_stalled');
    assert.deepEqual(processesOf(task.id), []);
  });

  it('stops when the time budget is used up', async () => {
    const app = await project.open('cat >/dev/null; while :; do echo tick; sleep 0.2; done', {
      AMPA_MAX_TASK_MINUTES: '0.01',
    });
    const task = await project.run(app);
    assert.equal(task.reason, 'budget_time');
    assert.deepEqual(processesOf(task.id), []);
  });

  it('counts a check that takes too long as red and says so to the agent', async () => {
    const app = await project.open('cat >/dev/null; date +%N > state.txt', { AMPA_CHECKS_TIMEOUT_MINUTES: '0.01' });
    const task = await project.run(app, { checks: 'echo waiting; sleep 60', maxAttempts: 1 });
    assert.equal(task.reason, 'max_attempts');
    assert.match(task.prompt, /timed out/);
    assert.deepEqual(processesOf(task.id), []);
  });

  it('gives the agent no turn for a check that cannot be started', async () => {
    const app = await project.open('cat >/dev/null; date +%N > state.txt');
    const task = await project.run(app, { checks: 'no-such-command-at-all' });
    assert.equal(task.reason, 'checks_blocked');
    assert.equal(task.attempts, 1);
  });

  it('ends in checks_missing after the push where nothing checks', async () => {
    const app = await project.open('cat >/dev/null; echo x > state.txt');
    const task = await project.run(app, { checks: 'none' });
    assert.equal(task.reason, 'checks_missing');
    assert.equal(remoteTip(task), task.head_sha);
  });

  it('feeds a failing commit hook back to the agent as a red check', async () => {
    project.box.write(
      path.join(project.repo, '.git/hooks/pre-commit'),
      '#!/bin/sh\ngrep -q good state.txt || { echo "hook: error 42"; exit 1; }\n',
      0o755,
    );
    const app = await project.open(MENDING_AGENT);
    const task = await project.run(app);
    assert.equal(task.status, 'success');
    assert.equal(task.attempts, 2);
    assert.match((await app.show(task.id)).attempts[1]!.prompt, /hook: error 42/);
  });

  it('delivers a message that came during the last turn instead of ending', async () => {
    const gate = path.join(project.box.dir, 'gate');
    const app = await project.open(
      `P=$(cat); case "$P" in *"a second file"*) echo 2 > second.txt;; *) echo good > state.txt; until [ -e ${gate} ]; do sleep 0.05; done;; esac`,
    );
    const started = await app.start({ prompt: 'Make it good', checks: CHECK });
    const carried = app.carryHere(started.id, new AbortController().signal);
    await until('the agent works', async () => (await app.find(started.id)).sent_at !== null);
    assert.equal((await app.continue(started.id, 'a second file')).as, 'message');
    project.box.write(gate, '');
    const task = await carried;
    assert.equal(task.status, 'success');
    assert.equal(task.attempts, 2);
    assert.equal(project.box.git(project.origin, 'show', `${task.branch}:second.txt`), '2');
    assert.equal((await app.show(task.id)).messages[0]!.delivered_in, 2);
  });

  it('runs the setup command with its variables, and stops with its output when that fails', async () => {
    const app = await project.open('cat >/dev/null; echo good > state.txt', {
      AMPA_SETUP: 'echo "$AMPA_WORKTREE|$AMPA_REPO|$AMPA_PORT" > ../../setup-env',
    });
    const task = await project.run(app, { checks: CHECK });
    assert.equal(task.status, 'success');
    const [worktree, repo, port] = readFileSync(path.join(project.box.dir, 'setup-env'), 'utf8').trim().split('|');
    assert.deepEqual([worktree, repo], [task.worktree, project.repo]);
    assert.match(port!, /^\d{4,5}$/);

    const failing = await project.open('true', { AMPA_SETUP: 'echo "cannot install"; exit 7' });
    const stopped = await project.run(failing);
    assert.equal(stopped.reason, 'setup_failed');
    assert.match(stopped.reason_detail!, /cannot install/);
  });

  it('goes on at the push, without another turn, when the remote is back', async () => {
    const app = await project.open('cat >/dev/null; echo good > state.txt');
    project.box.write(
      path.join(project.origin, 'hooks/pre-receive'),
      '#!/bin/sh\necho "you are not allowed"; exit 1\n',
      0o755,
    );
    const task = await project.run(app);
    assert.equal(task.reason, 'push_rejected');
    project.box.write(path.join(project.origin, 'hooks/pre-receive'), '#!/bin/sh\nexit 0\n', 0o755);
    await app.continue(task.id, null);
    const after = await app.carryHere(task.id, new AbortController().signal);
    assert.equal(after.status, 'success');
    assert.equal(after.attempts, 1);
  });

  it('works with no remote at all', async () => {
    project.box.git(project.repo, 'remote', 'remove', 'origin');
    const app = await project.open(MENDING_AGENT);
    const task = await project.run(app);
    assert.equal(task.status, 'success');
    assert.equal(task.pushed_sha, null);
    assert.equal(project.box.git(project.repo, 'rev-parse', task.branch), task.head_sha);
  });

  it('keeps the worktree out of the checkout, so that the tools there see nothing of it', async () => {
    const app = await project.open(MENDING_AGENT);
    const task = await project.run(app);
    assert.equal(path.dirname(task.worktree!), `${project.repo}.worktrees`);
    assert.equal(project.box.git(project.repo, 'status', '--porcelain', '--ignored').replace('!! .worklog/', ''), '');
  });

  it('shows no secret of the environment in logs, prompts or excerpts', async () => {
    const app = await project.open('cat >/dev/null; echo "token is $MY_API_TOKEN"; echo bad > state.txt', {
      MY_API_TOKEN: 'hunter2-hunter2-hunter2',
    });
    const task = await project.run(app, { checks: 'echo "error: $MY_API_TOKEN"; exit 1', maxAttempts: 2 });
    assert.equal(task.reason, 'no_changes');
    const detail = JSON.stringify(await app.show(task.id));
    const log = (await app.readLog(task.id, { attempt: 1 })).text;
    assert.ok(log.includes('token is ***'), log);
    assert.equal(detail.includes('hunter2-hunter2'), false);
    const checkLog = (await app.show(task.id)).checks[0]!.log_path!;
    assert.equal(readFileSync(checkLog, 'utf8'), 'error: ***\n');
    assert.equal(statSync(checkLog).mode & 0o077, 0, "and it is nobody else's to read");
  });
});
