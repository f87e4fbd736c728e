import assert from 'node:assert/strict';
import type { TaskDetail } from '../../src/tasks/board.ts';
import type { ConversationEntry } from '../../src/tasks/ports.ts';
import { createFeed } from '../../src/vscode/pageFeed.ts';
import { applyChanges, streamsOf, type State } from '../../src/webview/state.ts';
import type { HostMessage, Watch } from '../../src/webview/protocol.ts';
import { CASES, FILES, NOW } from '../support/taskPages.ts';
import { until } from '../support/until.ts';

const NONE: Watch = { conversations: [], logs: [] };

/** An engine with one task, a page that keeps what it is told, and a clock that only moves when asked. */
function setUp(start: TaskDetail = CASES['running']!.detail) {
  let detail = start;
  let log = '';
  const said: ConversationEntry[] = [];
  const calls = { show: 0, log: 0, conversation: 0, files: 0 };
  let failure: Error | null = null;
  const messages: HostMessage[] = [];
  let state: State | null = null;
  let seq = 0;
  const sleeping: { ms: number | null; wake: () => void }[] = [];
  const feed = createFeed({
    taskId: detail.task.id,
    now: () => NOW,
    app: {
      show: async () => {
        calls.show++;
        if (failure) throw failure;
        return detail;
      },
      readLog: async (_id, { cursor, tailBytes = 0, attempt = 0 }) => {
        calls.log++;
        const from = cursor?.offset ?? Math.max(0, log.length - tailBytes);
        const text = log.slice(from, from + 256 * 1024);
        return { text, attempt, cursor: { attempt, offset: from + text.length } };
      },
      conversation: async (_id, _attempt, from = 0) => {
        calls.conversation++;
        return { entries: said.slice(from), next: said.length };
      },
      changedFiles: async () => {
        calls.files++;
        return { base: 'a', head: 'b', repo: '/r', files: FILES };
      },
    },
    post: async (message) => {
      messages.push(message);
      if (message.type === 'snapshot') {
        state = { page: message.page, streams: new Map() };
        seq = 0;
      } else if (message.type === 'delta') {
        assert.equal(message.seq, ++seq, 'no number is left out');
        assert.ok(state);
        state = applyChanges(state, message.changes);
      }
    },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const entry = { ms, wake: resolve };
        sleeping.push(entry);
        signal.addEventListener('abort', () => {
          sleeping.splice(sleeping.indexOf(entry), 1);
          resolve();
        });
      }),
  });
  /** Lets the feed's clock run out once; resolves when it sleeps again. */
  const tick = async (): Promise<number | null> => {
    await until('the feed sleeps', () => sleeping.length > 0);
    const [entry] = sleeping.splice(0, 1);
    entry?.wake();
    await until('the feed sleeps again', () => sleeping.length > 0);
    return entry?.ms ?? null;
  };
  return {
    feed,
    calls,
    messages,
    said,
    tick,
    sleeping,
    state: () => {
      assert.ok(state);
      return state;
    },
    print: (text: string) => void (log += text),
    become(next: TaskDetail) {
      detail = next;
      feed.changed();
    },
    fail: (error: Error) => void (failure = error),
    asleep: () => until('the feed sleeps', () => sleeping.length > 0),
  };
}

describe('What a task page is told', () => {
  it('begins with a snapshot, and with nothing that is not open', async () => {
    const it = setUp();
    it.feed.start(NONE);
    await it.asleep();
    assert.deepEqual(
      it.messages.map((message) => message.type),
      ['snapshot', 'delta'],
    );
    assert.deepEqual(it.state().page.files.state, 'known');
    assert.deepEqual([it.calls.log, it.calls.conversation], [0, 0]);
    it.feed.stop();
  });

  it('streams what is open, in numbered deltas with a pace', async () => {
    const it = setUp();
    it.said.push({ at: '', kind: 'text', text: 'Hello' });
    it.print('\u001b[31mone\u001b[0m\n');
    it.feed.start({ conversations: [1], logs: [1] });
    await it.asleep();
    assert.equal(streamsOf(it.state(), 1).log?.blocks[0]?.text, 'one\n');
    assert.equal(streamsOf(it.state(), 1).conversation?.steps.length, 1);
    const before = it.messages.length;
    it.print('two\n');
    // Nothing is sent before the pace is over, however often the task changes.
    for (let i = 0; i < 50; i++) it.feed.changed();
    assert.equal(it.messages.length, before);
    assert.equal(it.sleeping[0]?.ms, 100);
    await it.tick();
    assert.equal(streamsOf(it.state(), 1).log?.blocks[0]?.text, 'one\ntwo\n');
    assert.equal(it.messages.length, before + 1, 'one delta for all of it');
    it.feed.stop();
  });

  it('sends a change of the task once, and only what changed', async () => {
    const it = setUp();
    it.feed.start(NONE);
    await it.asleep();
    const before = it.messages.length;
    it.become({ ...CASES['running']!.detail, task: { ...CASES['running']!.detail.task, cost_usd: 5 } });
    await it.tick();
    it.feed.changed();
    await it.tick();
    const news = it.messages.slice(before);
    assert.equal(news.length, 1);
    assert.deepEqual(news[0]?.type === 'delta' && news[0].changes.map((change) => change.kind), ['task']);
    assert.equal(it.state().page.task.costUsd, 5);
    assert.equal(it.calls.files, 1, 'the same commit has the same files');
    it.feed.stop();
  });

  it('waits without looking when everything is read and nothing can grow', async () => {
    const it = setUp(CASES['success']!.detail);
    it.print('done\n');
    it.feed.start({ conversations: [2], logs: [2] });
    const waits: (number | null)[] = [];
    for (let i = 0; i < 16; i++) {
      waits.push(await it.tick());
      if (it.sleeping[0]?.ms === null) break;
    }
    assert.equal(it.sleeping[0]?.ms, null, waits.join());
    const { log, conversation } = it.calls;
    // A closed log that is opened again is sent anew.
    it.feed.watch({ conversations: [2], logs: [] });
    await until('the log is closed', () => it.sleeping[0]?.ms === 100);
    await it.tick();
    assert.deepEqual([it.calls.log, it.calls.conversation], [log, conversation]);
    it.feed.watch({ conversations: [2], logs: [2] });
    await until('the log is read again', () => it.calls.log > log);
    it.feed.stop();
  });

  it('bounds what it takes of a log that is printed too fast', async () => {
    const it = setUp();
    it.feed.start({ conversations: [], logs: [1] });
    await it.asleep();
    for (let i = 0; i < 24; i++) {
      it.print(`${'x'.repeat(1023)}\n`.repeat(1024));
      const from = it.messages.length;
      await it.tick();
      for (const message of it.messages.slice(from)) assert.ok(JSON.stringify(message).length < 200 * 1024);
    }
    const { log } = streamsOf(it.state(), 1);
    assert.ok(log!.chars <= 1024 * 1024 && log!.cut);
    assert.match(log!.blocks.map((block) => block.text).join(''), /… [\d.]+ MB left out/);
    it.feed.stop();
  });

  it('stops reading when the page is hidden, and begins again with a snapshot', async () => {
    const it = setUp();
    it.feed.start({ conversations: [1], logs: [1] });
    await it.asleep();
    it.feed.stop();
    const { length } = it.messages;
    const calls = { ...it.calls };
    for (const entry of it.sleeping.splice(0)) entry.wake();
    it.feed.changed();
    it.feed.watch({ conversations: [1], logs: [1] });
    await new Promise(setImmediate);
    assert.deepEqual(it.calls, calls);
    it.feed.start(NONE);
    await it.asleep();
    assert.equal(it.messages.length, length + 2);
    assert.equal(it.messages[length]?.type, 'snapshot');
    it.feed.stop();
  });

  it('says why where the task cannot be read', async () => {
    const it = setUp();
    it.fail(new Error('no such task'));
    it.feed.start(NONE);
    await until('the page is told', () => it.messages.length > 0);
    assert.deepEqual(it.messages, [{ type: 'failed', error: 'no such task' }]);
  });
});
