import assert from 'node:assert/strict';
import type { HostInfo } from '../../src/app/hosts.ts';
import { engineStalled as stalled, stalledBeside } from '../../src/app/health.ts';
import { createPulse, type LoopState } from '../../src/app/pulse.ts';

const NOW = 1_000_000;
const host = (id: string, sinceBeat: number, more: Partial<HostInfo> = {}): HostInfo => ({
  id,
  kind: 'daemon',
  pid: 7,
  machine: 'm',
  asks: false,
  loops: [],
  startedAt: '',
  lastBeat: NOW - sinceBeat,
  live: sinceBeat < 45_000,
  alive: true,
  ...more,
});

const engineStalled = (hosts: HostInfo[], own: string | null, loops: LoopState[], now: number): string[] =>
  stalled({ hosts, own, loops, now });

describe('an engine that has stalled', () => {
  it('is one whose loop has not come round for 40 s', () => {
    const loop = (overdueMs: number) =>
      engineStalled([host('a', 1000)], 'a', [{ name: 'worker loop', overdueMs }], NOW);
    assert.deepEqual(loop(0), []);
    assert.deepEqual(loop(39_000), []);
    assert.deepEqual(loop(41_000), ['The worker loop of this process is 41 s late.']);
  });

  it('is one that cannot say any more that it is there', () => {
    assert.deepEqual(engineStalled([host('a', 44_000)], 'a', [], NOW), []);
    assert.match(
      engineStalled([host('a', 50_000)], 'a', [], NOW).join(),
      /This process has given no sign of life for 50 s/,
    );
  });

  it('is not another one, where this one works', () => {
    assert.deepEqual(engineStalled([host('a', 1000), host('b', 90_000)], 'a', [], NOW), []);
  });

  it('is another one whose loop hangs while it beats, whoever looks: it keeps what it holds', () => {
    const loops = [{ name: 'scheduler', overdueMs: 41_000 }];
    const hung = host('b', 1000, { pid: 8, loops });
    const words = ['The scheduler of the daemon 8 is 41 s late.'];
    for (const own of ['a', null]) assert.deepEqual(engineStalled([host('a', 1000), hung], own, [], NOW), words);
    assert.deepEqual(engineStalled([hung], 'b', [], NOW), [], 'of its own it knows better');
    assert.deepEqual(engineStalled([host('a', 1000), { ...hung, live: false }], 'a', [], NOW), [], 'it is gone');
    assert.deepEqual(stalledBeside({ hosts: [host('a', 1000), hung], own: 'a', loops: [], now: NOW }), words);
  });

  it('is any, for a process without an engine, unless one works', () => {
    assert.match(engineStalled([host('b', 90_000)], null, [], NOW).join(), /The daemon 7 has given no sign of life/);
    assert.deepEqual(engineStalled([host('b', 90_000), host('c', 1000, { kind: 'vscode' })], null, [], NOW), []);
    assert.deepEqual(engineStalled([host('b', 90_000, { alive: false })], null, [], NOW), [], 'it is gone, not stuck');
    assert.deepEqual(engineStalled([], null, [], NOW), []);
  });
});

describe('what a window that sees its own beat is told of beside', () => {
  const beside = (hosts: HostInfo[], loops: LoopState[] = []) => stalledBeside({ hosts, own: 'a', loops, now: NOW });

  it('is each loop that hangs alone', () => {
    const loops = ['worker loop', 'scheduler'].map((name, i) => ({ name, overdueMs: 41_000 + 1000 * i }));
    assert.deepEqual(beside([host('a', 1000)], loops), [
      'The worker loop of this process is 41 s late.',
      'The scheduler of this process is 42 s late.',
    ]);
    assert.deepEqual(beside([host('a', 1000)], [{ name: 'scheduler', overdueMs: 39_000 }]), []);
  });

  it('is another engine that is there and silent, which keeps what it holds', () => {
    assert.deepEqual(beside([host('a', 1000), host('b', 50_000, { pid: 8 })]), [
      'The daemon 8 has given no sign of life for 50 s.',
    ]);
    assert.deepEqual(beside([host('a', 1000), host('b', 44_000)]), []);
    assert.deepEqual(beside([host('a', 1000), host('b', 50_000, { alive: false })]), [], 'it is gone');
    assert.deepEqual(beside([host('a', 1000), host('b', 50_000, { kind: 'carrier' })]), [], 'its lease decides');
    assert.deepEqual(beside([host('a', 90_000)]), [], 'its own silence it sees by itself');
  });
});

describe('the pulse of a loop', () => {
  let now = 0;
  beforeEach(() => {
    now = 0;
  });

  it('is in time before the first pass, and until the next is due', () => {
    const pulse = createPulse(() => now);
    now = 1e9;
    assert.equal(pulse.overdueMs(), 0);
    pulse.begins();
    pulse.done(now + 5000);
    now += 5000;
    assert.equal(pulse.overdueMs(), 0);
    now += 60_000;
    assert.equal(pulse.overdueMs(), 60_000);
  });

  it('is late while a pass does not end', () => {
    const pulse = createPulse(() => now);
    pulse.begins();
    pulse.done(Infinity);
    now = 1000;
    pulse.begins();
    now = 51_000;
    assert.equal(pulse.overdueMs(), 50_000);
    pulse.done(Infinity);
    assert.equal(pulse.overdueMs(), 0);
  });

  it('is late while every pass fails', () => {
    const pulse = createPulse(() => now);
    for (; now <= 60_000; now += 5000) pulse.begins();
    assert.equal(pulse.overdueMs(), now);
  });
});
