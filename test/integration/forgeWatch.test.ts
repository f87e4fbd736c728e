import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monotonicFactory } from 'ulid';
import type { WatchStore } from '../../src/tasks/watchStore.ts';
import { openDatabase, type OpenDatabase } from '../../src/adapters/sqlite/open.ts';
import { createTaskBoard } from '../../src/adapters/sqlite/taskBoard.ts';
import { createTaskQueue } from '../../src/adapters/sqlite/taskQueue.ts';
import { createTaskStore } from '../../src/adapters/sqlite/taskStore.ts';
import { createWatchStore } from '../../src/adapters/sqlite/watchStore.ts';
import { AmpaError } from '../../src/errors.ts';
import type { Forge, ForgeCheck, ForgeSnapshot } from '../../src/tasks/forge.ts';
import { forgeChecksPhase } from '../../src/tasks/phases/forgeChecks.ts';
import { fullAllowance } from '../../src/tasks/pollPolicy.ts';
import { needsKey } from '../../src/tasks/capabilities.ts';
import type { Claim } from '../../src/tasks/ports.ts';
import type { CheckState, Task } from '../../src/tasks/task.ts';
import { makeTask } from '../support/repo.ts';
import { ACME_FORGE, carryOfChecks } from '../support/checksPhase.ts';

const REPO = 'github.com/acme/widget';
const SHA = 'c'.repeat(40);
const SECOND = 1000;
const MINUTE = 60 * SECOND;

const check = (state: CheckState, name = 'build'): ForgeCheck => ({
  id: name,
  name,
  state,
  url: null,
  startedAt: null,
  endedAt: null,
  required: false,
  runId: null,
  jobId: null,
  workflow: null,
});
const snapshot = (...checks: ForgeCheck[]): ForgeSnapshot => ({ sha: SHA, checks, mergeable: 'clean', hidden: [] });

describe('waiting for the checks of a forge', () => {
  let dir: string;
  let now: number;
  let database: OpenDatabase;
  let watches: WatchStore;
  const newId = monotonicFactory();

  beforeEach(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'ampa-watch-'));
    now = Date.parse('2026-01-01T00:00:00Z');
    database = await openDatabase({ file: path.join(dir, 'ampa.db'), backupDir: path.join(dir, 'b'), now: () => now });
    watches = createWatchStore(database.db, () => now);
  });
  afterEach(async () => {
    await database.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const tasks = () => ({ ...createTaskStore(database, () => now), ...createTaskQueue(database, () => now) });
  async function waitingTask(overrides: Partial<Task> = {}): Promise<{ task: Task; claim: Claim }> {
    const queued = await createTaskBoard(database.db, () => now).insert(
      makeTask({ id: newId(), repo: '/repo', checks: { provider: 'github' }, forge: ACME_FORGE, ...overrides }),
    );
    const claim = (await tasks().claimNext('host', 9, [needsKey(queued)]))!;
    assert.equal(claim.taskId, queued.id);
    const task = await tasks().apply(claim, { type: 'advance', phase: 'checks' }, { head_sha: SHA, pushed_sha: SHA });
    return { task, claim };
  }
  const takeOver = (id: string) =>
    database.db.updateTable('tasks').set({ token: 7, owner: 'taker' }).where('id', '=', id).execute();
  const rows = () => database.db.selectFrom('watches').selectAll().execute();

  /**
   * Carries the checks phase by a clock that only sleeping moves. `look` answers, by ms since the push;
   * `asleep` is called with that before each sleep and may let more time pass.
   */
  async function wait(
    look: (age: number) => ForgeSnapshot | Error | Promise<ForgeSnapshot | Error>,
    asleep: (age: number) => number | void | Promise<void> = () => {},
    heard: (age: number) => string[] | null | Error = () => null,
  ): Promise<{ task: Task; looks: number[] }> {
    const { task, claim } = await waitingTask();
    const begin = now;
    const looks: number[] = [];
    const forge = {
      async snapshots() {
        looks.push(now - begin);
        assert.ok(looks.length < 2_000, 'it waits for ever');
        const seen = await look(now - begin);
        if (seen instanceof Error) throw seen;
        return { snapshots: [seen], unknown: [], budget: null };
      },
      async endedRuns() {
        const ids = heard(now - begin);
        if (ids instanceof Error) throw ids;
        return ids && { runs: ids.map((id) => ({ id, runId: id, sha: SHA })), counted: 0 };
      },
    } as unknown as Forge;
    const carry = carryOfChecks(claim, forge, {
      store: tasks(),
      watches,
      onChange: () => () => {},
      clock: {
        now: () => now,
        async sleep(ms: number) {
          const more = await asleep(now - begin);
          now += ms + (more ?? 0);
        },
      },
    });
    const ended = await forgeChecksPhase(carry, { ...task, pr_number: null });
    return { task: ended, looks };
  }
  /** A sleep of the machine, once, as soon as `after` ms have passed. */
  const suspend = (after: number, ms: number) => {
    let left = 1;
    return (age: number): number => (age >= after && left-- > 0 ? ms : 0);
  };

  it('looks again after the machine slept, before it says that nothing checks', async () => {
    const { task, looks } = await wait(
      (age) => (age < MINUTE ? snapshot() : snapshot(check('success'))),
      suspend(0, 4 * MINUTE),
    );
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
    assert.equal(looks.length, 2);
  });

  it('looks again after the machine slept, before it says that the checks are late', async () => {
    const { task } = await wait(
      (age) => snapshot(check(age < MINUTE ? 'running' : 'success')),
      suspend(0, 120 * MINUTE),
    );
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
  });

  it('says that checks are late, or missing, once a look has shown it', async () => {
    const late = await wait(() => snapshot(check('running')));
    assert.equal(late.task.reason, 'checks_timeout');
    assert.ok(late.looks.at(-1)! > 60 * MINUTE);
    const missing = await wait(() => snapshot());
    assert.equal(missing.task.reason, 'checks_missing');
  });

  it('takes queries that fail for unknown, never for none, whatever was seen before', async () => {
    const { task, looks } = await wait((age) => (age === 0 ? snapshot() : new Error('Bad Gateway')));
    assert.equal(task.reason, 'checks_unknown');
    assert.equal(task.reason_detail, 'Bad Gateway');
    assert.ok(looks.at(-1)! > 60 * MINUTE, 'it asks as long as it would wait for checks');
  });

  it('asks once more where the first query after a sleep fails', async () => {
    const { task } = await wait(
      (age) =>
        age < 120 * MINUTE || age > 121 * MINUTE
          ? snapshot(check(age < MINUTE ? 'running' : 'success'))
          : new Error('no network'),
      suspend(5 * SECOND, 120 * MINUTE),
    );
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
    const twice = await wait(
      (age) =>
        age < MINUTE || (age > 120 * MINUTE && age < 121 * MINUTE)
          ? new Error('no network')
          : snapshot(check('success')),
      suspend(5 * SECOND, 120 * MINUTE),
    );
    assert.equal(twice.task.status, 'success', `${twice.task.reason}: ${twice.task.reason_detail}`);
  });

  it('does not take for all what is green in the first ten seconds', async () => {
    const { task, looks } = await wait((age) =>
      age < 8 * SECOND ? snapshot(check('success')) : snapshot(check('success'), check('action_required', 'slow')),
    );
    assert.equal(task.reason, 'checks_blocked');
    assert.deepEqual(looks, [0, 5 * SECOND, 10 * SECOND]);
  });

  it('hears of the end of a run between two looks', async () => {
    const end = 200 * SECOND + 1;
    const run = (state: CheckState): ForgeCheck => ({ ...check(state), workflow: 'CI', runId: '7' });
    const questions: number[] = [];
    const { task, looks } = await wait(
      (age) => snapshot(run(age < end ? 'running' : 'success')),
      undefined,
      (age) => {
        questions.push(age);
        return age < end ? ['1'] : ['7', '1'];
      },
    );
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
    assert.ok(looks.at(-1)! - end <= 5 * SECOND, `it was seen ${looks.at(-1)! - end} ms late`);
    assert.ok(looks.length <= 10, `${looks.length} looks`);
    assert.ok(questions.every((age, i) => i === 0 || age - questions[i - 1]! >= 5 * SECOND));
  });

  it('looks closely while the checks of a run that has ended still show as running', async () => {
    const run = (state: CheckState): ForgeCheck => ({ ...check(state), workflow: 'CI', runId: '7' });
    const { looks } = await wait(
      (age) => snapshot(run(age < 220 * SECOND ? 'running' : 'success')),
      undefined,
      (age) => (age < 200 * SECOND ? [] : ['7']),
    );
    assert.ok(looks.at(-1)! < 232 * SECOND, `it was seen at ${looks.at(-1)}`);
    assert.ok(looks.filter((age) => age >= 200 * SECOND).length >= 3);
  });

  it('does not trust its ears where another app checks too, or the question is not answered', async () => {
    const run: ForgeCheck = { ...check('running'), workflow: 'CI', runId: '7' };
    for (const [checks, ended] of [
      [[run, check('running', 'other')], []],
      [[run], null],
      [[run], new AmpaError('external', 'Bad Gateway')],
    ] as const) {
      const { looks } = await wait(
        (age) => snapshot(...(age < MINUTE ? checks : [check('success')])),
        undefined,
        () => (ended instanceof Error || ended === null ? ended : [...ended]),
      );
      assert.ok(looks.length >= 12, `${looks.length} looks in a minute`);
      await database.db.deleteFrom('watchers').execute();
    }
  });

  it('writes nothing while the one who looks only waits', async () => {
    const { claim } = await waitingTask();
    await watches.watch(claim, { repo: REPO, sha: SHA, pullRequest: null, since: now });
    const first = await watches.leadWatch(REPO, 'host');
    const before = database.version();
    assert.deepEqual(await watches.leadWatch(REPO, 'host'), first);
    assert.equal(await watches.leadWatch(REPO, 'other'), undefined);
    assert.equal(database.version(), before);
    now += 40 * SECOND;
    await watches.leadWatch(REPO, 'host');
    assert.notEqual(database.version(), before);
  });

  it('registers again where its row has gone', async () => {
    let gone = false;
    const { task } = await wait(
      () => snapshot(check('success')),
      async () => {
        if (gone) return;
        gone = true;
        await database.db.deleteFrom('watches').execute();
      },
    );
    assert.equal(task.status, 'success');
    assert.deepEqual(await rows(), []);
  });

  it('is written down only by whoever carries the task', async () => {
    const { task, claim } = await waitingTask();
    const watch = { repo: REPO, sha: SHA, pullRequest: null, since: now };
    await watches.watch(claim, watch);
    await takeOver(task.id);
    const lost = (error: unknown): boolean => error instanceof AmpaError && error.code === 'lost_claim';
    await assert.rejects(watches.endWatch(claim), lost);
    await assert.rejects(watches.markRerun(claim), lost);
    await assert.rejects(watches.watch(claim, { ...watch, sha: 'd'.repeat(40) }), lost);
    await assert.rejects(watches.watch(claim, watch), lost);
    assert.deepEqual(
      (await rows()).map((row) => [row.sha, row.rerun]),
      [[SHA, 0]],
    );
  });

  it('keeps the row of whoever takes a task over between the look at the claim and the write', async () => {
    for (const write of ['endWatch', 'markRerun'] as const) {
      const { task, claim } = await waitingTask();
      const watch = { repo: REPO, sha: SHA, pullRequest: null, since: now };
      await watches.watch(claim, watch);
      let taken = false;
      const slow = database.db.withPlugin({
        transformQuery: ({ node }) => node,
        async transformResult({ result }) {
          if (!taken) {
            taken = true;
            await takeOver(task.id);
            await database.db.deleteFrom('watches').execute();
            await watches.watch({ ...claim, token: 7, owner: 'taker' }, watch);
          }
          return result;
        },
      });
      await createWatchStore(slow, () => now)[write](claim);
      assert.deepEqual(
        (await rows()).map((row) => [row.task_id, row.rerun]),
        [[task.id, 0]],
        write,
      );
    }
  });

  it('asks no more for a task that has ended, or works again', async () => {
    const [aborted, working, waits] = [await waitingTask(), await waitingTask(), await waitingTask()];
    for (const { claim } of [aborted, working, waits])
      await watches.watch(claim, { repo: REPO, sha: SHA, pullRequest: 1, since: now });
    await tasks().apply(aborted.claim, { type: 'abort' });
    await tasks().apply(working.claim, { type: 'advance', phase: 'agent' });
    assert.deepEqual(
      (await watches.waiting(REPO)).map((watch) => watch.taskId),
      [waits.task.id],
    );
    assert.deepEqual(
      (await rows()).map((row) => row.task_id),
      [waits.task.id],
    );
  });

  it('takes no word from a look that began before the commit waited, and knows a single commit as unknown', async () => {
    const { task, claim } = await waitingTask();
    await watches.watch(claim, { repo: REPO, sha: SHA, pullRequest: null, since: now });
    await watches.leadWatch(REPO, 'host');
    const look = {
      snapshots: [],
      unknown: [],
      error: null,
      nextAt: now,
      allowance: fullAllowance(now),
      from: now,
      at: now,
    };
    await watches.saveLook(REPO, 'host', { ...look, snapshots: [snapshot()], from: now - 1 });
    assert.equal((await watches.watchOf(task.id))?.snapshot, null);
    await watches.saveLook(REPO, 'host', { ...look, unknown: [{ sha: SHA, detail: 'Could not resolve' }] });
    const later = { ...look, from: now + MINUTE, at: now + MINUTE };
    await watches.saveLook(REPO, 'host', { ...later, error: 'Bad Gateway' });
    assert.deepEqual((await watches.watchOf(task.id))?.failure, {
      detail: 'Bad Gateway',
      since: now,
      at: now + MINUTE,
    });
    await watches.saveLook(REPO, 'host', { ...later, snapshots: [snapshot()] });
    assert.equal((await watches.watchOf(task.id))?.failure, null);
  });
});
