import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readConversation } from '../../src/adapters/files/logReader.ts';
import { createTaskLogs } from '../../src/adapters/files/taskLogs.ts';
import type { ConversationEntry } from '../../src/tasks/ports.ts';

describe('A conversation that is read while it goes on', () => {
  let dir: string;
  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ampa-conversation-'));
  });
  afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

  const note = (text: string): ConversationEntry => ({ at: '2026-01-01T00:00:00.000Z', kind: 'note', text });

  it('is empty where there is none yet', async () => {
    assert.deepEqual(await readConversation(dir, 't', 1), { entries: [], next: 0 });
  });

  it('comes in parts, each step once, however long one is', async () => {
    const log = await createTaskLogs(dir, []).open('t', 1);
    const texts = ['ü'.repeat(700_000), ...Array.from({ length: 3000 }, (_, i) => `${i} ${'x'.repeat(i % 400)}`)];
    for (const text of texts) log.say(note(text));
    await log.close();
    const read: string[] = [];
    let parts = 0;
    for (let from = 0; ; parts++) {
      const { entries, next } = await readConversation(dir, 't', 1, from);
      if (entries.length === 0) break;
      assert.ok(next > from);
      read.push(...entries.map((it) => it.text));
      from = next;
    }
    assert.deepEqual(read, texts);
    assert.ok(parts >= 2, `${parts} parts`);
  });

  it('leaves a half-written line for the next time', async () => {
    fs.mkdirSync(path.join(dir, 't'));
    const file = path.join(dir, 't', '1.jsonl');
    const line = `${JSON.stringify(note('one'))}\n`;
    fs.writeFileSync(file, line + line.slice(0, 20));
    const { entries, next } = await readConversation(dir, 't', 1);
    assert.equal(entries.length, 1);
    assert.deepEqual(await readConversation(dir, 't', 1, next), { entries: [], next });
    fs.appendFileSync(file, line.slice(20));
    assert.equal((await readConversation(dir, 't', 1, next)).entries.length, 1);
  });

  it('passes over a line that a full disk has cut short, says so once, and goes on', async () => {
    fs.mkdirSync(path.join(dir, 't'));
    const file = path.join(dir, 't', '1.jsonl');
    const line = `${JSON.stringify(note('one'))}\n`;
    fs.writeFileSync(file, `${line}${line.slice(0, 40)}\n{"at"\n${line}${line.slice(0, 40)}`);
    const log = await createTaskLogs(dir, []).open('t', 1);
    log.say(note('after the disk had room again'));
    log.say(note('and more'));
    await log.close();
    const { entries, next } = await readConversation(dir, 't', 1);
    assert.equal(next, fs.statSync(file).size);
    assert.deepEqual(
      entries.map((it) => it.text.replace(/^Something is missing here: .*/, '…')),
      ['one', '…', 'one', 'after the disk had room again', 'and more'],
    );
    assert.deepEqual([...new Set(entries.map((it) => it.at))], [note('').at]);
  });
});
