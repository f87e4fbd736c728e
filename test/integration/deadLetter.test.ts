import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bury } from '../../src/app/deadLetter.ts';
import type { ChannelName } from '../../src/notifications/ports.ts';

describe('The dead letter file', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'ampa-dead-'));
  const file = path.join(dir, 'deadletter.log');
  after(() => rmSync(dir, { recursive: true }));
  const write = (key: string, channel: ChannelName = 'slack'): Promise<void> => {
    const payload = { type: 'other', title: 'ü'.repeat(300), body: '"key":"b"', key } as const;
    return bury(file, { ts: 'now', reason: 'no', channel, payload }, { stateDir: dir, isTracked: async () => false });
  };
  const lines = (): string[] =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => {
        const { channel, payload } = JSON.parse(line) as { channel: string; payload: { key: string } };
        return `${channel} ${payload.key}`;
      });

  it('has one line of a message and a channel, also where a death kept that from being recorded', async () => {
    for (const key of ['a', 'b', 'a', 'b']) await write(key);
    await write('a', 'ntfy');
    assert.deepEqual(lines(), ['slack a', 'slack b', 'ntfy a']);
    for (let i = 0; i < 200; i++) await write(`m${i}`);
    await write('m7');
    assert.equal(lines().length, 203);
  });

  it('begins a new line after one that a death has cut', async () => {
    const cut = '{"ts":"now","reason":"no","channel":"slack","payload":{"type":"other","key":"c"';
    appendFileSync(file, cut);
    await write('c');
    const text = readFileSync(file, 'utf8');
    assert.ok(text.includes(`${cut}\n{`));
    assert.equal(JSON.parse(text.trimEnd().split('\n').at(-1)!).payload.key, 'c');
  });
});
