import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { CHECK, createProject, processesOf } from '../support/project.ts';
import { until } from '../support/until.ts';

const TASKS = 300;

describe('two hosts and hundreds of tasks', () => {
  it('carry each task once, and the store is whole at the end', async () => {
    const project = createProject('ampa-hosts-');
    try {
      const turns = path.join(project.box.dir, 'turns');
      const agent = `cat >/dev/null; echo good > state.txt; echo "$AMPA_TASK_ID" >> '${turns}'`;
      const env = { AMPA_AGENT_COMMAND: agent, AMPA_MAX_CONCURRENT_TASKS: '4' };
      const app = await project.open(agent, env);
      const ids: string[] = [];
      for (let i = 0; i < TASKS; i++) ids.push((await app.start({ prompt: `Make it good ${i}`, checks: CHECK })).id);
      const hosts = [1, 2].map(() => project.spawnAmpa(['daemon', '--until-idle'], env));
      let most = 0;
      await until(
        'all tasks have ended',
        async () => {
          most = Math.max(most, (await app.list({ statuses: ['running', 'retrying'] })).total);
          return (await app.list({ statuses: ['queued', 'running', 'retrying'], limit: 1 })).total === 0;
        },
        20 * 60_000,
      );
      await until('the daemons end', () => hosts.every((child) => child.exitCode === 0));
      assert.ok(most <= 4, `${most} ran at once`);
      const { tasks } = await app.list({});
      assert.equal(tasks.length, TASKS);
      assert.deepEqual(new Set(tasks.map((task) => task.status)), new Set(['success']));
      assert.deepEqual(readFileSync(turns, 'utf8').trim().split('\n').toSorted(), ids.toSorted(), 'one turn for each');
      for (const { branch, head_sha: head } of tasks)
        assert.equal(project.box.git(project.origin, 'rev-parse', branch), head);
      for (const id of ids) assert.deepEqual(processesOf(id), []);
      const database = (await app.doctor()).find((check) => check.name === 'database');
      assert.ok(database?.ok, database?.detail);
    } finally {
      await project.remove();
    }
  }).timeout(25 * 60_000);
});
