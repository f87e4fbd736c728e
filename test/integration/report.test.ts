import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { CompiledQuery } from 'kysely';
import { touched } from '../../src/adapters/sqlite/literals.ts';
import { createReportStore } from '../../src/adapters/sqlite/reportStore.ts';
import { createTaskBoard } from '../../src/adapters/sqlite/taskBoard.ts';
import { makeReport } from '../../src/app/report.ts';
import type { EngineStore } from '../../src/app/engineStore.ts';
import { createProject, type Project } from '../support/project.ts';
import { START } from '../support/movedClock.ts';
import { makeTask } from '../support/repo.ts';
import { scheduleBench } from '../support/scheduleBench.ts';

const MINUTE = 60_000;

describe('the report of a folder', () => {
  let project: Project;
  beforeEach(() => {
    project = createProject('ampa-report-');
  });
  afterEach(() => project.remove());
  const request = { range: 'day', timeZone: 'UTC' } as const;

  it('tells of runs and tasks, and makes nothing in a folder that has none', async () => {
    const app = await project.open('cat >/dev/null; echo good > state.txt');
    const none = await app.report(request);
    assert.deepEqual([none.commands, none.runs.total, none.lanes], [0, 0, []]);
    assert.ok(!existsSync(path.join(project.repo, '.worklog')), 'a look leaves nothing');
    await assert.rejects(app.report({ range: 'day', timeZone: 'Mars/Olympus' }), { code: 'usage' });

    const { signal } = new AbortController();
    await app.schedule.add('bad', { title: 'Bad one', command: 'echo no; exit 4', frequency_minutes: 60 });
    await app.schedule.add('good', { command: 'true', frequency_minutes: 60 });
    await app.schedule.run('bad', { signal });
    await app.schedule.run('good', { signal });
    const task = await project.run(app, { prompt: 'Be good', checks: 'none' });
    const it = await app.report(request);
    assert.equal(it.commands, 2);
    assert.deepEqual(it.runs, { total: 2, failed: 1, skipped: 0, running: 0 });
    assert.deepEqual(
      it.failures.map(({ title, exit_code }) => [title, exit_code]),
      [['Bad one', 4]],
    );
    const output = await app.schedule.runOf('bad', it.failures[0]!.run);
    assert.deepEqual([output.output, output.exit_code], ['no\n', 4]);
    await assert.rejects(app.schedule.runOf('good', it.failures[0]!.run), { code: 'not_found' });
    assert.deepEqual(
      it.taskFailures.map(({ title, reason }) => [title, reason]),
      [[task.title, task.reason]],
    );
    assert.equal(it.days.at(-1)?.needs_review, 1);
    assert.equal(it.lateness.worst, null, 'a person started them');

    await app.abort(task.id);
    const after = await app.report(request);
    assert.deepEqual(after.taskFailures, [], 'what a person has dealt with is no news');
    assert.equal(after.tasks.aborted, 1);
  });

  it('reads a week of a thousand commands in pieces, by index', async () => {
    const bench = scheduleBench();
    try {
      const { database, store } = await bench.open();
      const { db } = database;
      for (let c = 0; c < 1000; c++) await bench.add(store, `c${c}`, { frequency_minutes: 5 });
      const row = (c: number, i: number) => ({
        ...{ id: `${c}-${i}`, command_id: `c${c}`, spec: '{}', status: i === 7 ? 'failed' : 'succeeded' },
        ...{ owner: 'h', lease_expires_at: 0, stop_requested: 0, manual: 0, machine: 'm', exit_code: i === 7 ? 1 : 0 },
        ...{ due_at: START - i * 60 * MINUTE - 1000, started_at: START - i * 60 * MINUTE },
        ended_at: START - i * 60 * MINUTE + 2000,
      });
      for (let c = 0; c < 1000; c += 20) {
        const rows = Array.from({ length: 20 * 50 }, (_, n) => row(c + Math.floor(n / 50), n % 50));
        await db
          .insertInto('schedule_runs')
          .values(rows as never)
          .execute();
      }
      const commands = (await store.list()).map(({ spec }) => spec);
      const it = await makeReport(
        { reports: createReportStore(db) } as unknown as EngineStore,
        { range: 'week', timeZone: 'UTC' },
        { commands, now: START + MINUTE, keepRuns: 50 },
      );
      assert.deepEqual(it.runs, { total: 50_000, failed: 1000, skipped: 0, running: 0 });
      assert.equal(it.counts.mended, 1000);
      assert.equal(it.lanes.length + it.moreLanes, 1000);
      assert.ok(JSON.stringify(it).length < 2_000_000, `${JSON.stringify(it).length} characters for the page`);

      // Of three tasks one ended in the range; the log is searched for its beginning.
      const board = createTaskBoard(db, () => START);
      for (const [id, daysAgo] of [
        ['A', 30],
        ['B', 20],
        ['C', 1],
      ] as const) {
        const at = new Date(START - daysAgo * 24 * 60 * MINUTE).toISOString();
        await board.insert(makeTask({ id, repo: '/r', updated_at: at, created_at: at }));
        const ended = { status: 'error', reason: 'internal', phase: null, updated_at: at } as const;
        await db
          .updateTable('tasks')
          .set({ ...touched(at), ...ended })
          .where('id', '=', id)
          .execute();
      }
      const ends: string[] = [];
      for await (const piece of createReportStore(db).taskEndsSince(START - 7 * 24 * 60 * MINUTE))
        ends.push(...piece.map((end) => end.task_id));
      assert.deepEqual(ends, ['C']);

      const plans: string[] = [];
      const spied = db.withPlugin({
        transformQuery: ({ node, queryId }) => {
          const { sql, parameters } = db.getExecutor().compileQuery(node, queryId);
          asked.push(CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]));
          return node;
        },
        transformResult: async ({ result }) => result,
      });
      const asked: CompiledQuery[] = [];
      const spying = createReportStore(spied);
      const [first] = await spying.runsSince(START - MINUTE, null, 1);
      await spying.runsSince(0, first!, 1);
      for await (const piece of spying.taskEndsSince(0)) assert.ok(piece.length <= 3);
      for (const query of asked)
        plans.push(
          ...(await db.executeQuery<{ detail: string }>(query as CompiledQuery<{ detail: string }>)).rows.map(
            (row) => row.detail,
          ),
        );
      assert.deepEqual(
        plans.filter((plan) => /^SCAN|TEMP B-TREE/.test(plan)),
        [],
        plans.join('\n'),
      );
      assert.ok(plans.some((plan) => plan.startsWith('SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)')));
    } finally {
      await bench.remove();
    }
  });
});
