import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sql, type Insertable } from 'kysely';
import { monotonicFactory } from 'ulid';
import { createPromptFiles } from '../../src/adapters/files/promptFiles.ts';
import { createHostStore } from '../../src/adapters/sqlite/hostStore.ts';
import { MIGRATIONS } from '../../src/adapters/sqlite/migrations.ts';
import { openDatabase, type OpenDatabase } from '../../src/adapters/sqlite/open.ts';
import { createPromptStore } from '../../src/adapters/sqlite/promptStore.ts';
import { encodeTask, type TaskRow } from '../../src/adapters/sqlite/schema.ts';
import { createTaskBoard } from '../../src/adapters/sqlite/taskBoard.ts';
import { createTaskQueue } from '../../src/adapters/sqlite/taskQueue.ts';
import { createTaskStore } from '../../src/adapters/sqlite/taskStore.ts';
import { createConversations } from '../../src/app/conversations.ts';
import { announceHost } from '../../src/app/hosts.ts';
import { watchStore } from '../../src/app/watcher.ts';
import { AmpaError } from '../../src/errors.ts';
import type { Claim } from '../../src/tasks/ports.ts';
import { makePrompt } from '../support/prompts.ts';
import { makeTask, NEEDS } from '../support/repo.ts';
import { movedClock } from '../support/movedClock.ts';
import { until } from '../support/until.ts';

const code = (wanted: AmpaError['code']) => (error: unknown) => error instanceof AmpaError && error.code === wanted;

describe('The store of questions', () => {
  let dir: string;
  let database: OpenDatabase;
  const newId = monotonicFactory();
  const time = movedClock();
  const { clock } = time;
  /** Somebody has begun to wait for time to pass. */
  const waits = (): Promise<true> => until('somebody waits', () => time.next() !== null);
  const now = (): number => clock.now();

  const open = async (migrations?: readonly string[]): Promise<OpenDatabase> =>
    (database = await openDatabase({
      file: path.join(dir, 'ampa.db'),
      backupDir: path.join(dir, 'backups'),
      now,
      ...(migrations ? { migrations } : {}),
    }));
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'ampa-prompt-store-'));
  });
  afterEach(async () => {
    await database.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const stores = () => ({
    prompts: createPromptStore(database.db, now, newId),
    tasks: { ...createTaskStore(database, now), ...createTaskQueue(database, now) },
    board: createTaskBoard(database.db, now),
    hosts: createHostStore(database.db),
  });
  const fresh = (over: Parameters<typeof makePrompt>[0] = {}) =>
    makePrompt({ expires_at: now() + 86_400_000, ...over });
  async function claimed(owner = 'a'): Promise<Claim> {
    const { board, tasks } = stores();
    await board.insert(makeTask({ id: newId(), repo: '/repo' }));
    return (await tasks.claimNext(owner, 9, NEEDS))!;
  }
  const answer = (by: string) => ({ id: newId(), response: 'allow', by, automatic: null });

  it('keeps the questions of an older version, and what they do to their task', async () => {
    const { db } = await open(
      MIGRATIONS.slice(
        0,
        MIGRATIONS.findIndex((it) => it.includes('prompts_new')),
      ),
    );
    const id = newId();
    await db.insertInto('tasks').values(rowBefore(id)).execute();
    await sql`update tasks set thread_id = 's-9', attempts = 2 where id = ${id}`.execute(db);
    for (const [prompt, state] of [
      ['P1', 'waiting'],
      ['P2', 'resumed'],
    ])
      await sql`insert into prompts values (${prompt}, ${id}, 'execute', 'Run it', 'make', '["allow","reject"]', ${state}, null, 'Ada', '2026-01-01T00:00:00.000Z', null)`.execute(
        db,
      );
    await database.close();
    await open();
    const { prompts, board } = stores();
    const [prompt, ...more] = await prompts.open();
    assert.deepEqual(more, []);
    assert.deepEqual(
      [prompt!.id, prompt!.session, prompt!.asks, prompt!.detail, prompt!.choices, prompt!.expires_at],
      ['P1', 's-9', 'permission', 'make', ['allow', 'reject'], Date.parse('2026-01-02T00:00:00Z')],
    );
    assert.equal((await prompts.get('P2'))!.answered_by, 'Ada');
    const rev = await board.revision();
    assert.deepEqual(await prompts.loseEarlier(id), [], 'nobody has held it under a claim of this version');
    await sql`update prompts set state = 'lost' where id = 'P1'`.execute(database.db);
    assert.ok((await board.revision()) > rev);
  });

  /** A row as the version before knows it. */
  const rowBefore = (id: string): Insertable<TaskRow> => {
    const { allowed: _later, waits_for: _last, rev: _assigned, ...task } = makeTask({ id, repo: '/repo' });
    return encodeTask(task) as unknown as Insertable<TaskRow>;
  };

  it('takes nothing from a holder that was taken over', async () => {
    await open();
    const { prompts, tasks } = stores();
    const old = await claimed();
    await prompts.insert(fresh({ id: 'P1', task_id: old.taskId }), { claim: old, attempt: 1 }, null);
    await tasks.takeOver(old.taskId, old.token, 'new');
    await assert.rejects(
      prompts.insert(fresh({ id: 'P2', task_id: old.taskId }), { claim: old, attempt: 1 }, null),
      code('lost_claim'),
    );
    await prompts.answer('P1', answer('Ada'));
    assert.equal(await prompts.deliver(old, 'P1', null), undefined);
    assert.equal(await prompts.withdraw(old, 'P1'), false);
    assert.equal(await prompts.delivered(old, 'P1'), undefined);
    await prompts.quoted(old, ['P1']);
    assert.deepEqual(await prompts.loseEarlier(old.taskId), ['P1']);
    const [lost] = await prompts.lostIn(old.taskId, 1);
    assert.deepEqual([lost?.state, lost?.response, lost?.answered_by], ['lost', 'allow', 'Ada']);
    assert.equal(await prompts.answer('P1', answer('Bob')), undefined);
    const claim = { ...old, token: old.token + 1, owner: 'new' };
    await prompts.quoted(claim, ['P1']);
    assert.deepEqual(await prompts.lostIn(old.taskId, 1), [], 'it was told');
  });

  it('takes neither a discussion nor an end from a carrier that was taken over', async () => {
    await open();
    const { prompts, tasks } = stores();
    const old = await claimed();
    const over = { id: 'P1', task_id: old.taskId, expires_at: 1, holder: null };
    await prompts.insert(fresh(over), { claim: null, attempt: 1 }, null);
    const claim = (await tasks.takeOver(old.taskId, old.token, 'new'))!;
    await tasks.beginAttempt(claim, { number: 1, prompt: 'Do it', delivered: [] });
    assert.deepEqual(await prompts.loseEarlier(old.taskId, old), [], 'its turn is another’s now');
    assert.equal(await prompts.refresh(old, 'P1', { context: [], choices: ['x'] }), false);
    assert.equal(await prompts.refresh(claim, 'P1', { context: [], choices: ['x'] }), true);
    assert.equal(await prompts.expire(old, 'P1'), false);
    assert.equal(await prompts.expire(claim, 'P1'), true);
  });

  it('remembers what was delivered, and tells the next holder what may not have arrived', async () => {
    await open();
    const { prompts, tasks } = stores();
    const claim = await claimed();
    for (const id of ['P1', 'P2']) {
      await prompts.insert(fresh({ id, task_id: claim.taskId, detail: id }), { claim, attempt: 1 }, null);
      await prompts.answer(id, { ...answer('Ada'), response: 'always' });
      const command = { kind: 'execute', command: 'npm test' };
      assert.equal((await prompts.deliver(claim, id, command))!.state, 'resumed');
    }
    await prompts.delivered(claim, 'P1');
    assert.deepEqual(
      (await prompts.lostIn(claim.taskId, 1)).map((it) => it.id),
      ['P2'],
    );
    assert.deepEqual((await tasks.get(claim.taskId))!.allowed, [{ kind: 'execute', command: 'npm test' }]);
  });

  it("says a question outside the editor in the same transaction, once, and a script's question needs no task", async () => {
    await open();
    const { prompts } = stores();
    const message = { type: 'waiting_for_input' as const, title: 'T', body: null };
    await prompts.insert(fresh({ id: 'P1', holder: null }), { claim: null, attempt: 0 }, message);
    await assert.rejects(prompts.insert(fresh({ id: 'P1' }), { claim: null, attempt: 0 }, message));
    const rows = await database.db.selectFrom('outbox').selectAll().execute();
    assert.deepEqual(
      rows.map((row) => row.key),
      ['prompt:P1'],
    );
    assert.equal((await prompts.answer('P1', answer('Ada')))!.state, 'resumed', 'nobody has to deliver it');
  });

  describe('with somebody who answers', () => {
    const talk = () => {
      const it = { ...stores(), watcher: watchStore(database) };
      const conversations = createConversations({
        it,
        clock,
        newId,
        files: () => createPromptFiles(path.join(dir, 'prompts')),
        timeoutMs: () => 86_400_000,
        fallbackMode: () => '',
        rules: async () => [],
        linkOf: (id) => `vscode://${id}`,
        remoteOf: async () => null,
        mask: (text) => text.replaceAll('hunter2', '***'),
        say: (notice) => assert.fail(notice),
      });
      return { it, conversations };
    };

    it('takes an answer back that its holder does not take within ten seconds, and the next one counts', async () => {
      await open();
      const { it, conversations } = talk();
      const claim = await claimed('holder');
      const host = await announceHost(it.hosts, { id: 'holder', kind: 'carrier', asks: false }, now, assert.fail);
      const task = (await it.tasks.get(claim.taskId))!;
      const prompt = await conversations.tasks.open(claim, task, { ...fresh(), session: 's', attempt: 1 });
      const late = conversations.respond({ promptId: prompt.id, response: 'allow', by: 'Ada' });
      await waits();
      await assert.rejects(conversations.respond({ session: 's', response: 'allow', by: 'Bob' }), /answered by Ada/);
      time.to(now() + 10_000);
      await assert.rejects(late, code('agent_error'));
      assert.equal((await it.prompts.get(prompt.id))!.state, 'waiting');
      const second = conversations.respond({ session: 's', response: 'reject', by: 'Bob' });
      for (let taken; !taken; taken = await conversations.tasks.deliver(claim, prompt.id, null));
      assert.equal((await second).response, 'reject');
      await host.stop();
    });

    it('takes over from an answerer who died before the holder took its answer', async () => {
      await open();
      const { it, conversations } = talk();
      const claim = await claimed('holder');
      const host = await announceHost(it.hosts, { id: 'holder', kind: 'carrier', asks: false }, now, assert.fail);
      const task = (await it.tasks.get(claim.taskId))!;
      const { id } = await conversations.tasks.open(claim, task, { ...fresh(), session: 's', attempt: 1 });
      await it.prompts.answer(id, answer('Ada'));
      await assert.rejects(conversations.respond({ promptId: id, response: 'allow', by: 'Bob' }), /by Ada/);
      await sql`update prompts set answered_at = ${new Date(now() - 21_000).toISOString()}`.execute(database.db);
      const second = conversations.respond({ promptId: id, response: 'reject', by: 'Bob' });
      for (let taken; taken?.answered_by !== 'Bob';) {
        if ((await it.prompts.get(id))?.answered_by === 'Bob')
          taken = await conversations.tasks.deliver(claim, id, null);
      }
      assert.equal((await second).response, 'reject');
      await host.stop();
    });

    it('keeps an answer whose holder has died for the agent that goes on', async () => {
      await open();
      const { it, conversations } = talk();
      // No such host is registered, and its lease is over: it is gone.
      const claim = await claimed('ghost');
      const task = (await it.tasks.get(claim.taskId))!;
      await sql`update tasks set lease_expires_at = 0`.execute(database.db);
      const prompt = await conversations.tasks.open(claim, task, { ...fresh(), session: 's', attempt: 1 });
      const answering = conversations.respond({ promptId: prompt.id, response: 'allow', by: 'Ada' });
      await waits();
      time.to(now() + 2_000);
      await assert.rejects(answering, /the process that asked has died/);
      assert.equal((await it.prompts.lostIn(claim.taskId, 1))[0]?.response, 'allow');
    });

    it('writes no secret down, in whatever text of a question', async () => {
      await open();
      const { conversations } = talk();
      const prompt = await conversations.start('s hunter2', 'Is hunter2 right?', {
        choices: ['hunter2', 'not hunter2'],
        context: [{ role: 'user', content: 'Use hunter2' }],
        work_item: 'WL hunter2',
        recommendation: 'hunter2',
        metadata: { deep: ['hunter2'] },
      });
      assert.equal(prompt.prompt_text, 'Is *** right?');
      assert.deepEqual(prompt.choices, ['***', 'not ***']);
      const row = await database.db.selectFrom('prompts').selectAll().executeTakeFirstOrThrow();
      const said = await database.db.selectFrom('outbox').selectAll().execute();
      assert.doesNotMatch(JSON.stringify([row, said]), /hunter2/);
      for (const name of readdirSync(path.join(dir, 'prompts')))
        assert.doesNotMatch(name + readFileSync(path.join(dir, 'prompts', name), 'utf8'), /hunter2/);
      const answered = await conversations.respond({ session: 's hunter2', response: 'NOT ***', by: 'Ada' });
      assert.equal(answered.response, 'not ***');
    });

    it('leaves the file of a question as it is that was answered as soon as it was recorded', async () => {
      await open();
      const { it, conversations } = talk();
      const { insert } = it.prompts;
      it.prompts.insert = async (...args) => {
        await insert(...args);
        await conversations.respond({ promptId: args[0].id, response: 'yes', by: 'Ada' });
      };
      const { prompt_file: file } = await conversations.start('s', 'Go?', {});
      const shown = JSON.parse(readFileSync(file!, 'utf8')) as { state: string; response: string };
      assert.deepEqual([shown.state, shown.response], ['resumed', 'yes']);
    });
  });
});
