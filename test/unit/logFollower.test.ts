import assert from 'node:assert/strict';
import type { App } from '../../src/app/api.ts';
import { followTask } from '../../src/vscode/followTask.ts';
import { createFollower, type ReadLog } from '../../src/vscode/logFollower.ts';
import type { Task } from '../../src/tasks/task.ts';
import { task } from '../support/taskPages.ts';
import { until } from '../support/until.ts';

/** Logs that grow in memory, read as the engine reads files: 256 KB at once, whole characters. */
function growing() {
  const logs = new Map<number, Buffer>();
  const reads: number[] = [];
  const read: ReadLog = async (from) => {
    const attempt = 'cursor' in from ? from.cursor.attempt : from.attempt;
    const all = logs.get(attempt) ?? Buffer.alloc(0);
    const start = 'cursor' in from ? from.cursor.offset : Math.max(0, all.length - from.tailBytes);
    const end = 'cursor' in from ? Math.min(all.length, start + 256 * 1024) : all.length;
    reads.push(end - start);
    return { text: all.toString('utf8', start, end), attempt, cursor: { attempt, offset: end } };
  };
  return {
    read,
    reads,
    print(text: string, attempt = 1) {
      logs.set(attempt, Buffer.concat([logs.get(attempt) ?? Buffer.alloc(0), Buffer.from(text)]));
    },
    size: (attempt = 1) => logs.get(attempt)?.length ?? 0,
  };
}

describe('Following a log', () => {
  it('begins with the last part and says what is missing before it', async () => {
    const log = growing();
    log.print('a'.repeat(3 * 1024 * 1024));
    log.print('tail');
    const follower = createFollower(log.read, { attempt: 1, tailBytes: 4 });
    assert.deepEqual(await follower.next(), { text: '\n… 3.0 MB left out\ntail', more: false });
    assert.deepEqual(await follower.next(), { text: '', more: false });
    log.print(' more');
    assert.deepEqual(await follower.next(), { text: ' more', more: false });
  });

  it('hands out small pieces and loses nothing while it keeps up', async () => {
    const log = growing();
    const follower = createFollower(log.read, { attempt: 1, tailBytes: 1024 * 1024 });
    let seen = '';
    let printed = '';
    for (let round = 0; round < 30; round++) {
      const text = `${round} ${'😀ü'.repeat(10_000)}\n`;
      printed += text;
      log.print(text);
      for (;;) {
        const { text: piece, more } = await follower.next();
        assert.ok(piece.length <= 64 * 1024);
        seen += piece;
        if (!more) break;
      }
    }
    assert.equal(seen, printed);
  });

  it('leaves out the middle of what it cannot keep up with, and says how much', async () => {
    const log = growing();
    const follower = createFollower(log.read, { attempt: 1, tailBytes: 1024 * 1024 });
    await follower.next();
    const line = `${'x'.repeat(1023)}\n`;
    let shown = 0;
    let said = 0;
    // A piece each round, ten times as much printed.
    for (let round = 0; round < 60; round++) {
      log.print(line.repeat(640));
      const { text, more } = await follower.next();
      assert.ok(text.length <= 64 * 1024 + 100);
      assert.equal(more, true);
      for (const [, amount] of text.matchAll(/… ([\d.]+) MB left out/g)) said += Number(amount);
      shown += text.length;
    }
    for (;;) {
      const { text, more } = await follower.next();
      for (const [, amount] of text.matchAll(/… ([\d.]+) MB left out/g)) said += Number(amount);
      shown += text.length;
      if (!more) break;
    }
    const missing = (log.size() - shown) / 1024 / 1024;
    assert.ok(said > 25, `${said} MB`);
    assert.ok(Math.abs(said - missing) < 2, `said ${said} MB, left out ${missing} MB`);
    assert.ok(Math.max(...log.reads) <= 1024 * 1024, 'no read is larger than the tail');
  });
});

describe('A terminal that follows a task', () => {
  function following(first: Task, only?: number) {
    const log = growing();
    let current = first;
    let tell: (task: Task) => void = () => undefined;
    let watching = true;
    const app: Pick<App, 'show' | 'readLog' | 'watch'> = {
      show: async () => ({
        task: current,
        attempts: [],
        checks: [],
        messages: [],
        events: [],
        prompts: [],
        answers: [],
      }),
      readLog: (_id, { cursor, attempt = 0, tailBytes = 0 }) => log.read(cursor ? { cursor } : { attempt, tailBytes }),
      watch(listener) {
        tell = (it) => listener({ tasks: [it], prompts: [] });
        return () => void (watching = false);
      },
    };
    let shown = '';
    const stop = new AbortController();
    const done = followTask({
      app,
      taskId: first.id,
      only,
      signal: stop.signal,
      pace: { pieceMs: 1, lookMs: 2 },
      write: (text) => void (shown += text),
    });
    return {
      log,
      done,
      stop,
      text: () => shown,
      isWatching: () => watching,
      becomes(change: Partial<Task>) {
        current = { ...current, ...change };
        tell(current);
      },
    };
  }

  it('shows the log, goes on with the next attempt, and ends with the result line', async () => {
    const it = following(task({ attempts: 1 }));
    it.log.print('first\n');
    await until('the first line', () => it.text().includes('first\r\n'));
    it.becomes({ attempts: 2, status: 'retrying' });
    it.log.print('last words of one\n');
    it.log.print('second\n', 2);
    await until('the second attempt', () => it.text().includes('second\r\n'));
    it.log.print('late line\n', 2);
    it.becomes({ status: 'needs_review', phase: null, reason: 'max_attempts' });
    await until('the result', () => it.text().includes('still red'));
    const order = [
      'Attempt 1 of 3',
      'first',
      'last words of one',
      'Attempt 2 of 3',
      'second',
      'late line',
      'still red after the last attempt',
    ];
    assert.deepEqual(
      order.map((part) => it.text().indexOf(part)),
      order.map((part) => it.text().indexOf(part)).toSorted((a, b) => a - b),
    );
    assert.ok(
      order.every((part) => it.text().includes(part)),
      it.text(),
    );
    it.becomes({ attempts: 3, status: 'running', phase: 'agent', reason: null });
    it.log.print('third\n', 3);
    await until('a continued task goes on', () => it.text().includes('third\r\n'));
    it.stop.abort();
    await it.done;
    assert.equal(it.isWatching(), false);
  });

  it('says the result once', async () => {
    const it = following(task({ status: 'success', phase: null }));
    await until('the result', () => it.text().includes('Success'));
    it.becomes({ summary: 'x' });
    it.becomes({ merged_at: new Date().toISOString() });
    await until('the merge', () => it.text().includes('Merged'));
    assert.equal(it.text().split('Success').length, 2);
    it.stop.abort();
    await it.done;
  });

  it('of one attempt ends with it', async () => {
    const it = following(task({ attempts: 2 }), 1);
    it.log.print('one\n');
    it.log.print('two\n', 2);
    await it.done;
    assert.match(it.text(), /one\r\n/);
    assert.match(it.text(), /End of the log of attempt 1/);
    assert.doesNotMatch(it.text(), /two/);
  });

  it('shows a title and a reason that hold escape sequences as text', async () => {
    const it = following(
      task({
        title: 'a\u001b]0;x\u0007b',
        status: 'error',
        phase: null,
        reason: 'internal',
        reason_detail: 'x\u001b[2Jy',
      }),
    );
    await until('the result', () => it.text().includes('xy'));
    assert.match(it.text(), /ab: Attempt/);
    it.stop.abort();
    await it.done;
  });
});
