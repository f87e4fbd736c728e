import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { App } from '../../src/app/api.ts';
import { createProject, CHECK, processesOf, type Project } from '../support/project.ts';
import { until } from '../support/until.ts';

const AGENT = `${process.execPath} ${path.resolve(import.meta.dirname, '../support/acpAgent.ts')}`;

describe('a task of an agent that speaks ACP', () => {
  let project: Project;
  beforeEach(() => {
    project = createProject('ampa-acp-');
  });
  afterEach(() => project.remove());

  /** One section of the script for each prompt. */
  function env(sections: string[], extra: Record<string, string> = {}): Record<string, string> {
    const script = project.box.write(
      path.join(project.box.dir, 'script'),
      sections
        .map((section) =>
          section
            .split('\n')
            .map((line) => `AGENT:${line}`)
            .join('\n'),
        )
        .join('\n---\n'),
    );
    return {
      AMPA_AGENT_COMMAND: AGENT,
      AMPA_AGENT_TYPE: 'acp',
      ACP_AGENT_SCRIPT: script,
      ACP_AGENT_STATE: path.join(project.box.dir, 'agent-state'),
      ...extra,
    };
  }
  const journal = (): unknown[] =>
    readFileSync(path.join(project.box.dir, 'agent-state/journal.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
  const open = (vars: Record<string, string>, host?: { asks: boolean }): Promise<App> =>
    project.open(vars['AMPA_AGENT_COMMAND'], vars, host);
  const never = new AbortController().signal;

  it('mends a red check in the same session', async () => {
    const app = await open(env(['write state.txt bad', 'write state.txt good']));
    const task = await project.run(app);
    assert.equal(task.status, 'success');
    assert.equal(task.attempts, 2);
    assert.notEqual(task.thread_id, null);
    assert.match(JSON.stringify(journal()), /error 42/);
    const { entries } = await app.conversation(task.id, 1);
    assert.ok(
      entries.some((entry) => entry.kind === 'tool'),
      JSON.stringify(entries),
    );
  });

  it('is asked in the editor what it wants to run, and the answer reaches it', async () => {
    const vars = env(['run echo good > state.txt'], { AMPA_PERMISSIONS: 'edits' });
    const editor = await open(vars, { asks: true });
    await editor.startEngine();
    const { id } = await editor.start({ prompt: 'Make it good', checks: CHECK });
    const prompt = await until('a question is open', async () => (await editor.prompts())[0]);
    assert.equal(prompt.task_id, id);
    assert.match(prompt.detail, /echo good/);
    assert.equal((await editor.respond({ promptId: prompt.id, response: 'allow', by: 'Ada' })).status, 'resumed');
    await assert.rejects(editor.respond({ promptId: prompt.id, response: 'reject', by: 'Bob' }), /answered by Ada at/);
    const task = await until('the task ends', async () => {
      const now = await editor.find(id);
      return now.phase === null && now.status !== 'queued' ? now : null;
    });
    assert.equal(task.status, 'success', `${task.reason} ${task.reason_detail}`);
    assert.match((await editor.readLog(id, { attempt: 1 })).text, /allowed by Ada/);
  });

  it('is refused by a rule, and the task ends in permission_denied when nothing else was done', async () => {
    const vars = { AMPA_PERMISSIONS: 'edits', AMPA_FALLBACK_MODE: 'decline' };
    const app = await open(env(['run echo good > state.txt'], vars));
    const task = await project.run(app);
    assert.equal(task.reason, 'permission_denied');
    assert.match(
      (await app.readLog(task.id, { attempt: 1 })).text,
      /reject, answered by AMPA \(auto-decline, by AMPA_FALLBACK_MODE\)/,
    );
  });

  it('resumes its session after the carrier was killed in the middle of a turn', async () => {
    const vars = env(['write state.txt bad\nwait 60000', 'write state.txt good']);
    const app = await open(vars);
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    project.spawnAmpa(['work', id], vars);
    const before = await until('the agent has written', async () => {
      const task = await app.find(id);
      return task.worktree && task.sent_at && task.thread_id && existsSync(path.join(task.worktree, 'state.txt'))
        ? task
        : null;
    });
    process.kill((await app.hosts()).find((host) => host.id === before.owner)!.pid, 'SIGKILL');
    const task = await app.carryHere(id, never);
    assert.equal(task.status, 'success');
    assert.equal(task.attempts, 1);
    assert.equal(task.thread_id, before.thread_id);
    assert.match(JSON.stringify(journal()), /You were interrupted; go on with/);
    assert.deepEqual(processesOf(id), []);
  });

  it('begins again from the request where the session cannot be resumed', async () => {
    const app = await open(env(['write state.txt bad', 'write state.txt good'], { ACP_AGENT_RESUME: 'none' }));
    const task = await project.run(app, { prompt: 'Make it good, please' });
    assert.equal(task.status, 'success');
    const last = JSON.stringify(journal().at(-1));
    assert.match(
      JSON.stringify(journal()),
      /You are working on this task[\s\S]*Make it good, please[\s\S]*error 42/,
      last,
    );
  });

  it('ends in agent_auth with the way to sign in', async () => {
    const app = await open(env(['auth']));
    const task = await project.run(app);
    assert.equal(task.status, 'error');
    assert.equal(task.reason, 'agent_auth');
  });

  it('tells a session that was begun without a login what the task is, once somebody has signed in', async () => {
    const app = await open(env(['auth', 'write state.txt good']));
    const task = await project.run(app, { prompt: 'Make it good, please' });
    assert.equal(task.reason, 'agent_auth');
    await app.continue(task.id, null);
    assert.equal((await app.carryHere(task.id, never)).status, 'success');
    const [first, second] = journal().filter((entry) => Object.hasOwn(entry as object, 'prompt')) as {
      prompt: string;
      sessionId: string;
    }[];
    assert.equal(first?.sessionId, second?.sessionId, 'the empty session is resumed');
    assert.match(second!.prompt, /Make it good, please/);
  });

  it('takes an API error that calls itself the end of a turn for the failure it is', async () => {
    const app = await open(env(['system-error overloaded']));
    const task = await project.run(app);
    assert.equal(task.reason, 'agent_failed');
    assert.match(task.reason_detail!, /overloaded/);
  });

  it('stops at the cost budget with the last cumulative figure', async () => {
    const app = await open(
      env(['write state.txt bad\ncost 0.25\ncost 0.75\nwait 60000'], { AMPA_MAX_COST_USD: '0.5' }),
    );
    const task = await project.run(app);
    assert.equal(task.reason, 'budget_cost');
    assert.equal(task.cost_usd, 0.75);
    assert.deepEqual(processesOf(task.id), []);
  });

  it('is cancelled and gone when the task is aborted, deaf or not', async () => {
    for (const verb of ['hang', 'hang-deaf']) {
      const vars = env([verb]);
      const app = await open(vars);
      const { id } = await app.start({ prompt: `Hang ${verb}`, checks: CHECK });
      project.spawnAmpa(['work', id], vars);
      await until('the prompt is sent', async () => (await app.find(id)).sent_at !== null);
      const task = await app.abort(id);
      assert.equal(task.status, 'aborted');
      assert.deepEqual(processesOf(id), []);
    }
  }).timeout(60_000);
});
