import assert from 'node:assert/strict';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monotonicFactory } from 'ulid';
import { createCounterStore } from '../../src/adapters/sqlite/counterStore.ts';
import { createHostStore } from '../../src/adapters/sqlite/hostStore.ts';
import { MIGRATIONS } from '../../src/adapters/sqlite/migrations.ts';
import { openDatabase, type OpenDatabase } from '../../src/adapters/sqlite/open.ts';
import { createTaskBoard } from '../../src/adapters/sqlite/taskBoard.ts';
import { createPromptStore } from '../../src/adapters/sqlite/promptStore.ts';
import { createTaskQueue } from '../../src/adapters/sqlite/taskQueue.ts';
import { createTaskStore } from '../../src/adapters/sqlite/taskStore.ts';
import { createMeter } from '../../src/app/meter.ts';
import { meterTask } from '../../src/app/metering.ts';
import { AmpaError } from '../../src/errors.ts';
import type { Claim } from '../../src/tasks/ports.ts';
import type { Task } from '../../src/tasks/task.ts';
import { makeTask, NEEDS } from '../support/repo.ts';
import { makePrompt } from '../support/prompts.ts';
import { until } from '../support/until.ts';

const code = (wanted: AmpaError['code']) => (error: unknown) => error instanceof AmpaError && error.code === wanted;

describe('the store', () => {
  let dir: string;
  let clock: number;
  let databases: OpenDatabase[];
  const newId = monotonicFactory();
  const now = (): number => clock;
  const file = (): string => path.join(dir, 'ampa.db');

  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'ampa-store-'));
    clock = Date.parse('2026-01-01T00:00:00Z');
    databases = [];
  });
  afterEach(async () => {
    await Promise.all(databases.map((database) => database.close().catch(() => undefined)));
    rmSync(dir, { recursive: true, force: true });
  });

  async function open(migrations?: readonly string[]) {
    const database = await openDatabase({ file: file(), backupDir: path.join(dir, 'backups'), now, migrations });
    databases.push(database);
    return {
      database,
      tasks: { ...createTaskStore(database, now), ...createTaskQueue(database, now) },
      prompts: createPromptStore(database.db, now, newId),
      board: createTaskBoard(database.db, now),
      hosts: createHostStore(database.db),
    };
  }
  const task = (overrides: Partial<Task> = {}): Task => makeTask({ id: newId(), repo: '/repo', ...overrides });

  describe('claims', () => {
    it('are given once, whoever asks at the same moment', async () => {
      const [a, b] = [await open(), await open()];
      for (let i = 0; i < 40; i++) await a.board.insert(task());
      const take = async (store: typeof a, owner: string): Promise<string[]> => {
        const mine: string[] = [];
        for (;;) {
          const claim = await store.tasks.claimNext(owner, 1000, NEEDS);
          if (!claim) return mine;
          mine.push(claim.taskId);
        }
      };
      const taken = (await Promise.all([take(a, 'a'), take(b, 'b'), take(a, 'c'), take(b, 'd')])).flat();
      assert.equal(taken.length, 40);
      assert.equal(new Set(taken).size, 40);
    });

    it('respect the slots of the workspace', async () => {
      const { board, tasks } = await open();
      for (let i = 0; i < 3; i++) await board.insert(task());
      assert.ok(await tasks.claimNext('a', 2, NEEDS));
      const second = await tasks.claimNext('b', 2, NEEDS);
      assert.ok(second);
      assert.equal(await tasks.claimNext('c', 2, NEEDS), undefined);
      await tasks.apply(second, { type: 'stop', reason: 'no_changes' });
      assert.ok(await tasks.claimNext('c', 2, NEEDS), 'an ended task gives its slot back');
    });

    it('fence off every write of a holder that was taken over', async () => {
      const { board, tasks } = await open();
      await board.insert(task());
      const old = (await tasks.claimNext('old', 1, NEEDS))!;
      const fresh = (await tasks.takeOver(old.taskId, old.token, 'new'))!;
      assert.equal(fresh.token, old.token + 1);
      const writes = [
        () => tasks.apply(old, { type: 'advance', phase: 'agent' }),
        () => tasks.patch(old, { summary: 'late' }),
        () => tasks.note(old, 'late'),
        () => tasks.beginAttempt(old, { number: 1, prompt: 'late', delivered: [] }),
        () => tasks.endAttempt(old, 1, { outcome: 'completed', summary: null, error: null }),
      ];
      for (const write of writes) await assert.rejects(write, code('lost_claim'));
      assert.equal(await tasks.renew(old, 0), undefined);
      assert.equal(await tasks.takeSlot(old, 10), false);
      assert.equal(await tasks.takeOver(old.taskId, old.token, 'third'), undefined, 'a takeover is fenced too');
      assert.equal((await tasks.apply(fresh, { type: 'advance', phase: 'agent' })).phase, 'agent');
    });

    it('know for a day what a check of a base said: what failed there by chance does not for ever', async () => {
      const { board, tasks } = await open();
      await board.insert(task());
      const claim = (await tasks.claimNext('a', 1, NEEDS))!;
      assert.equal(await tasks.baseCheck('/repo', 'a1', 'npm test'), undefined);
      await tasks.saveBaseCheck(claim, '/repo', 'a1', 'npm test', true);
      await tasks.saveBaseCheck(claim, '/repo', 'b2', 'npm test', false);
      clock += 23 * 3600_000;
      assert.equal(await tasks.baseCheck('/repo', 'a1', 'npm test'), true);
      assert.equal(await tasks.baseCheck('/repo', 'b2', 'npm test'), false);
      assert.equal(await tasks.baseCheck('/repo', 'a1', 'make test'), undefined);
      clock += 3600_000;
      assert.equal(await tasks.baseCheck('/repo', 'a1', 'npm test'), undefined);
      await tasks.saveBaseCheck(claim, '/repo', 'a1', 'npm test', false);
      assert.equal(await tasks.baseCheck('/repo', 'a1', 'npm test'), false);
    });

    it('end a turn once, and it is counted once however often its end is told', async () => {
      const { board, tasks, database } = await open();
      await board.insert(task());
      const claim = (await tasks.claimNext('a', 1, NEEDS))!;
      const counters = createCounterStore(database.db);
      const meter = createMeter((error) => assert.fail(String(error)));
      meter.attach(counters);
      const metered = meterTask(tasks, meter, () => 0);
      await metered.beginAttempt(claim, { number: 1, prompt: 'Add a greeting', delivered: [] });
      const end = { summary: null, error: null };
      assert.equal(await metered.endAttempt(claim, 1, { ...end, outcome: 'completed' }), true);
      // Aborted while its checks run.
      assert.equal(await metered.endAttempt(claim, 1, { ...end, outcome: 'cancelled' }), false);
      await meter.close();
      const counted = (await counters.all()).filter(({ name }) => name === 'ampa_attempts_total');
      assert.deepEqual(
        counted.map(({ labels, value }) => [labels, value]),
        [[{ outcome: 'completed' }, 1]],
      );
      assert.equal((await tasks.attemptsOf(claim.taskId))[0]!.outcome, 'completed');
    });

    it('count the interruption when a turn was under way', async () => {
      const { board, tasks } = await open();
      await board.insert(task());
      const first = (await tasks.claimNext('a', 1, NEEDS))!;
      await tasks.apply(first, { type: 'advance', phase: 'agent' });
      const second = (await tasks.takeOver(first.taskId, first.token, 'b'))!;
      assert.equal((await tasks.get(first.taskId))!.turn_interruptions, 0, 'the prompt was not yet sent');
      await tasks.patch(second, { sent_at: 'now' });
      await tasks.takeOver(first.taskId, second.token, 'c');
      assert.equal((await tasks.get(first.taskId))!.turn_interruptions, 1);
    });
  });

  describe('decisions', () => {
    it('leave their event in the same statement, and an illegal one leaves nothing', async () => {
      const { board, tasks } = await open();
      const { id } = await board.insert(task());
      const claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await assert.rejects(tasks.apply({ ...claim, token: 99 }, { type: 'succeed' }), code('lost_claim'));
      await tasks.apply(claim, { type: 'retry' }, { prompt: 'mend it' }, 'red');
      await assert.rejects(tasks.apply(claim, { type: 'succeed' }), code('illegal_transition'));
      const { events } = await board.detail(id);
      assert.deepEqual(
        events.map((event) => [event.status, event.phase, event.note]),
        [
          ['queued', null, null],
          ['running', 'preparing', null],
          ['retrying', 'agent', 'red'],
        ],
      );
    });

    it('turn an end into another turn while a message waits, but not an error', async () => {
      const { board, tasks } = await open();
      const { id } = await board.insert(task());
      const claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await tasks.beginAttempt(claim, { number: 1, prompt: 'Add a greeting', delivered: [] });
      await tasks.patch(claim, { sent_at: 'now' });
      await tasks.endAttempt(claim, 1, { outcome: 'completed', summary: null, error: null });
      assert.equal((await board.continueTask(id, 'one more thing')).as, 'message');
      const after = await tasks.apply(claim, { type: 'succeed' });
      assert.deepEqual([after.status, after.phase, after.prompt], ['retrying', 'agent', '']);
      const stopped = await tasks.apply(claim, { type: 'stop', reason: 'disk_full' });
      assert.equal(stopped.status, 'error');
      assert.equal((await board.detail(id)).messages[0]!.delivered_in, null, 'and the message is not lost');
    });

    it('keep words for the agent until a turn has heard them, however often the task stops before', async () => {
      const { board, tasks } = await open();
      const { id } = await board.insert(task());
      let claim = (await tasks.claimNext('a', 1, NEEDS))!;
      const turn = async (number: number, prompt: string): Promise<void> => {
        await tasks.beginAttempt(claim, { number, prompt, delivered: [] });
        await tasks.patch(claim, { sent_at: 'now' });
      };
      const end = { summary: null, error: null };
      await turn(1, 'Add a greeting');
      await tasks.endAttempt(claim, 1, { ...end, outcome: 'completed' });
      await tasks.apply(claim, { type: 'stop', reason: 'no_changes' });

      await board.continueTask(id, 'use the new API');
      claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await tasks.apply(claim, { type: 'stop', reason: 'agent_auth' });
      assert.equal((await board.continueTask(id, null)).task.prompt, 'use the new API');

      claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await turn(2, 'use the new API');
      await tasks.endAttempt(claim, 2, { ...end, outcome: 'completed' });
      await tasks.apply(claim, { type: 'retry' }, { prompt: 'FAIL: error 42' });
      await tasks.apply(claim, { type: 'abort' });
      assert.equal((await board.continueTask(id, null)).task.prompt, 'FAIL: error 42');

      claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await turn(3, 'FAIL: error 42');
      await tasks.endAttempt(claim, 3, { ...end, outcome: 'failed' });
      await tasks.apply(claim, { type: 'stop', reason: 'agent_auth' });
      assert.equal((await board.continueTask(id, 'now signed in')).task.prompt, 'FAIL: error 42\n\nnow signed in');

      claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await turn(4, 'FAIL: error 42\n\nnow signed in');
      await tasks.endAttempt(claim, 4, { ...end, outcome: 'completed' });
      await tasks.apply(claim, { type: 'stop', reason: 'no_changes' });
      assert.equal((await board.continueTask(id, null)).task.prompt, 'Go on with the task.');
      assert.equal((await board.continueTask(id, 'in English')).task.prompt, 'in English', 'while it is queued');
    });

    it('add a message to a failure that no turn has heard', async () => {
      const { board, tasks } = await open();
      const { id } = await board.insert(task());
      const claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await tasks.beginAttempt(claim, { number: 1, prompt: 'FAIL: error 42', delivered: [] });
      await tasks.endAttempt(claim, 1, { outcome: 'failed', summary: null, error: 'crash' });
      await board.continueTask(id, 'one more thing');
      const after = await tasks.apply(claim, { type: 'stop', reason: 'agent_failed' });
      assert.deepEqual([after.status, after.prompt], ['retrying', 'FAIL: error 42']);
    });

    it('leave a turn as it ended', async () => {
      const { board, tasks } = await open();
      const { id } = await board.insert(task());
      const claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await tasks.beginAttempt(claim, { number: 1, prompt: 'do it', delivered: [] });
      await tasks.endAttempt(claim, 1, { outcome: 'completed', summary: 'Done.', error: null });
      await tasks.endAttempt(claim, 1, { outcome: 'cancelled', summary: null, error: null });
      const [attempt] = (await board.detail(id)).attempts;
      assert.deepEqual([attempt?.outcome, attempt?.summary], ['completed', 'Done.']);
    });

    it('end an open turn together with its task, whoever ends that', async () => {
      const { board, tasks } = await open();
      const ends: [string, (claim: Claim) => Promise<unknown>][] = [
        ['interrupted', (claim) => tasks.apply(claim, { type: 'stop', reason: 'internal' })],
        ['cancelled', (claim) => tasks.apply(claim, { type: 'abort' })],
        ['cancelled', (claim) => board.abortUnowned(claim.taskId, claim.token)],
      ];
      for (const [outcome, end] of ends) {
        const { id } = await board.insert(task());
        const claim = (await tasks.claimNext('a', 1, NEEDS))!;
        await tasks.beginAttempt(claim, { number: 1, prompt: 'do it', delivered: [] });
        const rev = await board.revision();
        await end(claim);
        const { attempts, events } = await board.detail(id);
        assert.deepEqual([attempts[0]!.outcome, attempts[0]!.ended_at !== null], [outcome, true]);
        assert.deepEqual(
          (await board.changedSince(rev)).tasks.map((it) => it.id),
          [id],
        );
        assert.equal(events.length, 3, 'and nothing more is said of it');
      }
    });

    it('count the carriers that died since the task got on', async () => {
      const { board, tasks } = await open();
      const { id } = await board.insert(task());
      let claim = (await tasks.claimNext('a', 1, NEEDS))!;
      const die = async (): Promise<number> => {
        claim = (await tasks.takeOver(id, claim.token, 'b'))!;
        return (await tasks.get(id))!.takeovers;
      };
      assert.deepEqual([await die(), await die()], [1, 2]);
      await tasks.apply(claim, { type: 'advance', phase: 'checks' });
      assert.equal(await die(), 1);
      await tasks.apply(claim, { type: 'stop', reason: 'internal' });
      assert.equal((await board.continueTask(id, null)).task.takeovers, 0);
    });

    it('append to the prompt of a queued task and refuse a merged one', async () => {
      const { board } = await open();
      const { id } = await board.insert(task({ prompt: 'first' }));
      const appended = await board.continueTask(id, 'second');
      assert.deepEqual(
        [appended.as, appended.task.prompt, appended.task.request],
        ['appended', 'first\n\nsecond', 'Add a greeting'],
      );
      const merged = await board.insert(task({ status: 'success' }));
      await board.recordMerge(merged, 'now', 'merged');
      await assert.rejects(board.continueTask(merged.id, 'more'), /cannot continue a merged task/);
      await assert.rejects(board.requestAbort(merged.id), /cannot abort a merged task/);
    });

    it('keep a task that is merged from being continued, stopped or merged by another, until that is over', async () => {
      const { board } = await open();
      const ended = await board.insert(task({ status: 'success', head_sha: 'a' }));
      const { id } = ended;
      const later = Date.now() + 60_000;
      await board.holdForMerge(ended, 'one', later);
      await board.holdForMerge(ended, 'one', later);
      const busy = { code: 'illegal_transition', message: /is being merged at this moment/ };
      await assert.rejects(board.holdForMerge(ended, 'two', later), busy);
      await assert.rejects(board.continueTask(id, 'more'), busy);
      assert.equal(await board.abortUnowned(id, ended.token), false);
      await board.releaseMerge(id, 'two');
      await assert.rejects(board.continueTask(id, 'more'), busy);
      await board.holdForMerge(ended, 'one', 0);
      await board.holdForMerge(ended, 'two', later);
      await board.releaseMerge(id, 'two');
      await board.continueTask(id, 'more');
    });

    it('refuse to merge what has changed since a person has seen it', async () => {
      const { board, tasks } = await open();
      const seen = await board.insert(task({ status: 'success', head_sha: 'a' }));
      const changed = { code: 'merge', message: /has changed since its merge was asked for/ };
      await board.continueTask(seen.id, 'more');
      await assert.rejects(board.holdForMerge(seen, 'one', Date.now() + 60_000), changed);
      const claim = (await tasks.claimNext('a', 1, NEEDS))!;
      const ended = await tasks.apply(claim, { type: 'succeed' });
      await assert.rejects(board.recordMerge(seen, 'now', 'merged'), changed);
      assert.equal((await board.recordMerge(ended, 'now', 'merged')).merged_at, 'now');
      await assert.rejects(board.holdForMerge(ended, 'one', Date.now() + 60_000), /cannot merge a merged task/);
    });

    it('end at an empty budget although a message waits: it is delivered when the task goes on', async () => {
      const { board, tasks } = await open();
      const { id } = await board.insert(task());
      const claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await board.continueTask(id, 'one more thing');
      const stopped = await tasks.apply(claim, { type: 'stop', reason: 'budget_time' });
      assert.deepEqual([stopped.status, stopped.slot, stopped.owner], ['needs_review', false, null]);
      assert.equal((await board.detail(id)).messages[0]!.delivered_in, null);
    });

    it('grant the cost again on top of what the session has cost', async () => {
      const { board, tasks } = await open();
      const limits = { ...task().limits, costUsd: 2, costGrantUsd: 2 };
      const { id } = await board.insert(task({ limits }));
      const claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await tasks.apply(claim, { type: 'stop', reason: 'budget_cost' }, { cost_usd: 2.5 });
      assert.equal((await board.continueTask(id, null)).task.limits.costUsd, 4.5);
    });

    it('keep where the work stopped when a task is aborted before it went on', async () => {
      const { board, tasks } = await open();
      const { id } = await board.insert(task());
      const claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await tasks.apply(claim, { type: 'advance', phase: 'checks' });
      await tasks.apply(claim, { type: 'stop', reason: 'checks_timeout' });
      const queued = (await board.continueTask(id, null)).task;
      assert.equal(await board.abortUnowned(id, queued.token), true);
      assert.equal((await board.continueTask(id, null)).task.resume_phase, 'checks');
    });

    it('remember where a continue without words takes the work up', async () => {
      const { board, tasks } = await open();
      const { id } = await board.insert(task());
      const claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await tasks.apply(claim, { type: 'advance', phase: 'pushing' });
      await tasks.apply(claim, { type: 'stop', reason: 'remote_unreachable' });
      assert.equal((await board.continueTask(id, null)).task.resume_phase, 'pushing');
      const again = (await tasks.claimNext('a', 1, NEEDS))!;
      await tasks.apply(again, { type: 'advance', phase: 'pushing' }, { resume_phase: null });
      await tasks.apply(again, { type: 'stop', reason: 'remote_unreachable' });
      assert.equal(
        (await board.continueTask(id, 'do it differently')).task.resume_phase,
        null,
        'words go to the agent',
      );
    });

    it('number every visible change, so that a reader misses none and repeats none', async () => {
      const { board, tasks } = await open();
      const other = await open();
      const { id } = await board.insert(task());
      let { rev, tasks: seen } = await other.board.changedSince(0);
      assert.deepEqual(
        seen.map((it) => it.id),
        [id],
      );
      const claim = (await tasks.claimNext('a', 1, NEEDS))!;
      await tasks.renew(claim, 5);
      await tasks.saveCheck(claim, {
        task_id: id,
        attempt: 1,
        sha: 'x',
        name: 'test',
        provider: 'local',
        state: 'running',
        started_at: null,
        ended_at: null,
        url: null,
        excerpt: null,
        log_path: null,
      });
      ({ rev, tasks: seen } = await other.board.changedSince(rev));
      assert.deepEqual(
        seen.map((it) => it.id),
        [id],
      );
      await tasks.renew(claim, 5);
      assert.deepEqual((await other.board.changedSince(rev)).tasks, [], 'a renewed lease is nothing to show');
    });

    it('are all numbered, whoever writes them, and the history of a task holds its own remarks once each', async () => {
      const { board, tasks, prompts } = await open();
      const other = await board.insert(task());
      const { id } = await board.insert(task({ worktree: '/w' }));
      let claim = (await tasks.claimQueued(id, 'a', 2))!;
      const writes: (() => Promise<unknown>)[] = [
        () => tasks.patch(claim, { summary: 'so far' }),
        () => tasks.note(claim, 'offline'),
        () => tasks.note(claim, 'offline'),
        () => tasks.beginAttempt(claim, { number: 1, prompt: 'do it', delivered: [] }),
        () => tasks.endAttempt(claim, 1, { outcome: 'completed', summary: null, error: null }),
        () => board.continueTask(id, 'more'),
        () => board.requestAbort(id),
        () => prompts.insert(makePrompt({ id: 'P1', task_id: id }), { claim, attempt: 1 }, null),
        () => prompts.answer('P1', { id: 'a', response: 'allow', by: 'Ada', automatic: null }),
        () => prompts.withdraw(claim, 'P1'),
        async () => (claim = (await tasks.takeOver(id, claim.token, 'b'))!),
        () => tasks.apply(claim, { type: 'abort' }, {}, 'stopped'),
        async () => board.forgetWorktree((await board.detail(id)).task),
        () => board.continueTask(id, null),
        async () => assert.ok(await board.abortUnowned(id, claim.token)),
      ];
      for (const write of writes) {
        const rev = await board.revision();
        await write();
        const { tasks: changed, rev: latest } = await board.changedSince(rev);
        assert.deepEqual([changed.map((it) => it.id), latest > rev], [[id], true], String(write));
      }
      const { events } = await board.detail(id);
      assert.deepEqual(
        events.map((event) => event.note ?? event.status),
        [
          'queued',
          'running',
          'offline',
          'offline',
          'The process that carried this task had died; taken over.',
          'stopped',
          'Continued.',
          'aborted',
        ],
      );
      assert.deepEqual(
        (await board.detail(other.id)).events.map((event) => event.status),
        ['queued'],
      );
    });

    it('find a task by either end of its id and refuse what is not one', async () => {
      const { board } = await open();
      const a = await board.insert(task({ id: '01AAAAAAAAAAAAAAAAAAAAAAA1' }));
      await board.insert(task({ id: '01AAAAAAAAAAAAAAAAAAAAAAB2' }));
      assert.equal((await board.find('a1')).id, a.id);
      await assert.rejects(board.find('01a'), code('ambiguous'));
      await assert.rejects(board.find('zzz'), code('not_found'));
      await assert.rejects(board.find("%' or 1"), code('not_found'));
    });
  });

  describe('answers to a question', () => {
    it('count once: the first wins', async () => {
      const [a, b] = [await open(), await open()];
      await a.board.insert(task());
      const claim = (await a.tasks.claimNext('a', 1, NEEDS))!;
      await a.prompts.insert(makePrompt({ id: 'P1', task_id: claim.taskId }), { claim, attempt: 1 }, null);
      const by = (name: string, response: string) => ({ id: name, response, by: name, automatic: null });
      const won = await Promise.all([
        a.prompts.answer('P1', by('one', 'allow')),
        b.prompts.answer('P1', by('two', 'reject')),
        b.prompts.answer('P1', by('three', 'allow')),
      ]);
      assert.equal(won.filter(Boolean).length, 1);
      assert.equal((await b.prompts.get('P1'))!.state, 'answering');
    });
  });

  describe('the database file', () => {
    it('is migrated by whoever comes first, after a backup, and the others find it done', async () => {
      const { database } = await open(MIGRATIONS.slice(0, 1));
      await database.close();
      const longer = [...MIGRATIONS, 'create table later (id integer primary key)'];
      const stores = await Promise.all([open(longer), open(longer), open(longer)]);
      assert.equal(stores.length, 3);
      assert.notEqual(readdirSync(path.join(dir, 'backups')).length, 0);
    });

    it('of a newer version is refused and left as it is', async () => {
      const { database } = await open([...MIGRATIONS, 'create table later (id integer primary key)']);
      await database.close();
      await assert.rejects(open(), code('store_newer'));
      await open([...MIGRATIONS, 'create table later (id integer primary key)']);
    });

    it('is backed up once a day, and three backups are kept', async () => {
      const { database } = await open();
      assert.ok(await database.backupDaily());
      assert.equal(await database.backupDaily(), null);
      for (let day = 0; day < 5; day++) {
        clock += 25 * 3600_000;
        assert.ok(await database.backupDaily());
      }
      assert.equal(readdirSync(path.join(dir, 'backups')).length, 3);
    });

    it('that vanished is restored from the newest backup, and that is said', async () => {
      const { database, board } = await open();
      const { id } = await board.insert(task());
      await database.backupDaily();
      await database.close();
      for (const suffix of ['', '-wal', '-shm']) rmSync(file() + suffix, { force: true });
      const again = await open();
      assert.match(again.database.notices[0]!, /had disappeared; restored/);
      assert.equal((await again.board.find(id)).id, id);
    });

    it('that is removed while hosts use it is put back with everything in it', async () => {
      const [a, b] = [await open(), await open()];
      const { id } = await a.board.insert(task());
      for (const name of readdirSync(dir)) if (name.startsWith('ampa.db')) rmSync(path.join(dir, name));
      clock += 1000;
      await until('the file is back', async () => {
        await a.board.list({});
        await b.board.list({});
        return existsSync(file());
      });
      const second = await b.board.insert(task());
      const third = await open();
      assert.deepEqual((await third.board.list({})).tasks.map((it) => it.id).sort(), [id, second.id].sort());
      assert.deepEqual((await a.board.list({})).total, 2, 'all hosts are on the same file again');
    });

    it('that is damaged is set aside, never deleted, and the newest good backup restored', async () => {
      const { database, board } = await open();
      const { id } = await board.insert(task());
      const backup = (await database.backupDaily())!;
      clock += 25 * 3600_000;
      const newer = (await database.backupDaily())!;
      await database.close();
      for (const name of [newer, file()]) {
        const fd = openSync(name, 'r+');
        writeSync(fd, 'this is not a database at all, not any more', 0);
        closeSync(fd);
      }
      assert.ok(existsSync(backup));
      const again = await open();
      assert.match(again.database.notices[0]!, /damaged and is set aside/);
      assert.equal((await again.board.find(id)).id, id);
      assert.ok(readdirSync(dir).some((name) => name.includes('.damaged-')));
    });
  });
});
