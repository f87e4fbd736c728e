import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Phase, Task } from '../../src/tasks/task.ts';
import { CHECK, createProject, processesOf, type Project } from '../support/project.ts';
import { until } from '../support/until.ts';

/** Ends the process that holds the task, as a crash would: at once, with nothing tidied up. */
async function killCarrier(project: Project, task: Task): Promise<void> {
  const app = await project.open();
  const holder = (await app.hosts()).find((host) => host.id === task.owner);
  assert.ok(holder, 'the task has a carrier');
  process.kill(holder.pid, 'SIGKILL');
}

describe('a task whose carrier is killed', () => {
  let project: Project;
  beforeEach(() => {
    project = createProject('ampa-crash-');
  });
  afterEach(() => project.remove());

  const pushes = (): string[] => {
    const file = path.join(project.box.dir, 'pushes');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  };
  const recordPushes = (): void =>
    void project.box.write(
      path.join(project.origin, 'hooks/update'),
      `#!/bin/sh\necho "$3" >> ${project.box.dir}/pushes\n`,
      0o755,
    );

  /** Each phase is held open until the gate file is there, once: the second carrier passes. */
  const gate = (name: string): string =>
    `if [ ! -e "${project.box.dir}/${name}.passed" ]; then touch "${project.box.dir}/${name}.reached"; until [ -e "${project.box.dir}/${name}.passed" ]; do sleep 0.05; done; fi`;
  const reached = (name: string) =>
    until(`${name} is reached`, () => existsSync(path.join(project.box.dir, `${name}.reached`)));
  const pass = (name: string) => project.box.write(path.join(project.box.dir, `${name}.passed`), '');

  const cases: { phase: Phase; setup?: string; agent?: string; hook?: string; checks?: string; prePush?: string }[] = [
    { phase: 'preparing', setup: 'GATE' },
    { phase: 'agent', agent: 'GATE; ' },
    { phase: 'committing', hook: 'GATE' },
    { phase: 'pushing', prePush: 'GATE' },
    { phase: 'checks', checks: 'GATE; ' },
  ];
  for (const { phase, ...held } of cases) {
    it(`in ${phase} is taken over and ends as it would have`, async () => {
      recordPushes();
      const g = gate(phase);
      const script = (text: string | undefined): string => (text ?? '').replace('GATE', g);
      if (held.hook)
        project.box.write(path.join(project.repo, '.git/hooks/pre-commit'), `#!/bin/sh\n${script(held.hook)}\n`, 0o755);
      if (held.prePush)
        project.box.write(
          path.join(project.repo, '.git/hooks/pre-push'),
          `#!/bin/sh\n${script(held.prePush)}\n`,
          0o755,
        );
      const env = {
        AMPA_AGENT_COMMAND: `cat >/dev/null; ${script(held.agent)} echo good > state.txt`,
        ...(held.setup ? { AMPA_SETUP: script(held.setup) } : {}),
      };
      const app = await project.open(env.AMPA_AGENT_COMMAND, env);
      const { id } = await app.start({ prompt: 'Make it good', checks: `${script(held.checks)} ${CHECK}` });

      project.spawnAmpa(['work', id], env);
      await reached(phase);
      const before = await app.find(id);
      assert.equal(before.phase, phase);
      const orphans = processesOf(id);
      assert.notEqual(orphans.length, 0, 'something of the task runs');
      await killCarrier(project, before);
      await until('the carrier is gone', async () =>
        (await app.hosts()).every((host) => host.id !== before.owner || !alive(host.pid)),
      );
      pass(phase);

      const task = await app.carryHere(id, new AbortController().signal);
      assert.equal(task.status, 'success');
      assert.equal(task.attempts, 1, 'an interrupted turn keeps its number');
      assert.equal(project.box.git(project.origin, 'rev-parse', task.branch), task.head_sha);
      assert.deepEqual(pushes(), [task.head_sha], 'one push, of the one commit');
      assert.deepEqual(processesOf(id), []);
      for (const pid of orphans) assert.equal(alive(pid), false, 'the takeover ended what was left');
    });
  }

  it('gives up an agent turn that was interrupted three times', async () => {
    const env = { AMPA_AGENT_COMMAND: `cat >/dev/null; touch "${project.box.dir}/turn-$$"; sleep 60` };
    const app = await project.open(env.AMPA_AGENT_COMMAND, env);
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    for (let i = 0; i < 3; i++) {
      project.spawnAmpa(['work', id], env);
      const held = await until(`carrier ${i} sent the prompt`, async () => {
        const task = await app.find(id);
        return task.sent_at !== null &&
          task.turn_interruptions === i &&
          processesOf(id).length > 0 &&
          (await app.hosts()).some((host) => host.id === task.owner)
          ? task
          : null;
      });
      await killCarrier(project, held);
      await until('the carrier is gone', async () =>
        (await app.hosts()).every((host) => host.id !== held.owner || !alive(host.pid)),
      );
    }
    const task = await app.carryHere(id, new AbortController().signal);
    assert.equal(task.reason, 'agent_failed');
    assert.deepEqual(processesOf(id), []);
  });

  it('each time in the same phase is given up in the end, with nothing left and a way to go on', async () => {
    const deadly = path.join(project.box.dir, 'deadly');
    project.box.write(deadly, '');
    const env = {
      AMPA_AGENT_COMMAND: 'cat >/dev/null; echo good > state.txt',
      AMPA_SETUP: `sleep 60 & if [ -e '${deadly}' ]; then kill -9 $PPID; wait; fi`,
    };
    const app = await project.open(env.AMPA_AGENT_COMMAND, env);
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    for (let i = 0; i < 5; i++) {
      const child = project.spawnAmpa(['work', id], env);
      await until(`carrier ${i} has died`, () => child.signalCode !== null || child.exitCode !== null);
      assert.equal(child.signalCode, 'SIGKILL');
    }
    project.spawnAmpa(['daemon', '--start-scheduler'], env);
    const given = await until('it is given up', async () => {
      const now = await app.find(id);
      return now.status === 'error' ? now : null;
    });
    assert.equal(given.reason, 'internal');
    assert.match(given.reason_detail!, /died 5 times in a row in the phase preparing/);
    assert.deepEqual(processesOf(id), []);
    rmSync(deadly);
    await app.continue(id, null);
    assert.equal((await app.carryHere(id, new AbortController().signal)).status, 'success');
  }).timeout(60_000);

  it('and that is aborted before anybody takes it up begins a new turn with what was said since', async () => {
    const env = { AMPA_AGENT_COMMAND: `cat > "${project.box.dir}/said"; ${gate('agent')}; echo good > state.txt` };
    const app = await project.open(env.AMPA_AGENT_COMMAND, env);
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    project.spawnAmpa(['work', id], env);
    await reached('agent');
    await app.continue(id, 'in one line');
    const held = await app.find(id);
    await killCarrier(project, held);
    await until('the carrier is gone', async () =>
      (await app.hosts()).every((host) => host.id !== held.owner || !alive(host.pid)),
    );
    assert.equal((await app.abort(id)).status, 'aborted');
    const stopped = (await app.show(id)).attempts;
    assert.deepEqual(
      stopped.map((it) => [it.number, it.outcome]),
      [[1, 'cancelled']],
    );
    pass('agent');
    await app.continue(id, 'and in English');
    const task = await app.carryHere(id, new AbortController().signal);
    assert.deepEqual([task.status, task.attempts], ['success', 2]);
    const { attempts, messages } = await app.show(id);
    assert.match(attempts[1]!.prompt, /and in English[\s\S]*in one line/);
    assert.deepEqual(
      messages.map((it) => it.delivered_in),
      [2],
    );
    assert.match(readFileSync(path.join(project.box.dir, 'said'), 'utf8'), /in one line/);
  });

  it('is taken up by a running daemon without anybody asking', async () => {
    const env = { AMPA_AGENT_COMMAND: `cat >/dev/null; ${gate('agent')}; echo good > state.txt` };
    const app = await project.open(env.AMPA_AGENT_COMMAND, env);
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    project.spawnAmpa(['daemon', '--start-scheduler'], env);
    await reached('agent');
    await killCarrier(project, await app.find(id));
    pass('agent');
    const task = await until('the task has ended', async () => {
      const now = await app.find(id);
      return now.status === 'success' || now.status === 'needs_review' || now.status === 'error' ? now : null;
    });
    assert.equal(task.status, 'success');
  });
});

describe('two hosts on one store', () => {
  it('carry every task once between them', async () => {
    const project = createProject('ampa-two-');
    try {
      const env = {
        AMPA_AGENT_COMMAND: 'cat >/dev/null; echo good > state.txt; echo "$AMPA_TASK_ID" >> ../../turns',
        AMPA_MAX_CONCURRENT_TASKS: '3',
      };
      const app = await project.open(env.AMPA_AGENT_COMMAND, env);
      const ids: string[] = [];
      for (let i = 0; i < 8; i++) ids.push((await app.start({ prompt: `Make it good ${i}`, checks: CHECK })).id);
      const hosts = [1, 2].map(() => project.spawnAmpa(['daemon', '--until-idle'], env));
      await until(
        'all tasks have ended',
        async () => (await app.list({ statuses: ['queued', 'running', 'retrying'] })).total === 0,
        60_000,
      );
      await Promise.all(hosts.map((child) => until('the daemon ends', () => child.exitCode !== null)));
      const { tasks } = await app.list({});
      assert.deepEqual(
        tasks.map((task) => task.status),
        ids.map(() => 'success'),
      );
      const turns = readFileSync(path.join(project.box.dir, 'turns'), 'utf8').trim().split('\n');
      assert.deepEqual([...turns].sort(), [...ids].sort(), 'one turn for each');
    } finally {
      await project.remove();
    }
  }).timeout(90_000);
});

describe('abort', () => {
  it('leaves no process, not even one that called setsid, and says so when it returns', async () => {
    const project = createProject('ampa-abort-');
    try {
      const env = { AMPA_AGENT_COMMAND: `cat >/dev/null; setsid sh -c 'sleep 300 & wait' & sleep 300` };
      const app = await project.open(env.AMPA_AGENT_COMMAND, env);
      const { id } = await app.start({ prompt: 'Loop for ever', checks: CHECK });
      project.spawnAmpa(['daemon', '--start-scheduler'], env);
      await until('the agent works', () => processesOf(id).length >= 3);
      const { code } = await project.ampa(['abort', id]);
      assert.equal(code, 0);
      assert.deepEqual(processesOf(id), []);
      assert.equal((await app.find(id)).status, 'aborted');
      const again = await project.ampa(['abort', id]);
      assert.equal(again.code, 1);
      assert.match(again.stderr, /cannot abort an aborted task/);
    } finally {
      await project.remove();
    }
  });
});

function alive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}
