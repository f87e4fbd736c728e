import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Clock } from '../../src/tasks/ports.ts';
import { startStallClock } from '../../src/tasks/stallClock.ts';

describe('the stall clock', () => {
  let timers: sinon.SinonFakeTimers;
  let stalled: number;
  const limits = { silentMs: 600_000, silentToolMs: 2_700_000 };
  const clock: Clock = {
    now: () => Date.now(),
    sleep: () => Promise.resolve(),
    after(ms, fn) {
      const timer = setTimeout(fn, ms);
      return () => clearTimeout(timer);
    },
  };
  const start = () => startStallClock(clock, limits, () => stalled++);
  beforeEach(() => {
    timers = sinon.useFakeTimers();
    stalled = 0;
  });
  afterEach(() => timers.restore());

  it('fires once after the silence, not before', () => {
    start();
    timers.tick(599_999);
    assert.equal(stalled, 0);
    timers.tick(1);
    assert.equal(stalled, 1);
    timers.tick(10_000_000);
    assert.equal(stalled, 1);
  });

  it('is put off by every sign of life', () => {
    const stall = start();
    for (let i = 0; i < 10; i++) {
      timers.tick(500_000);
      stall.alive();
    }
    assert.equal(stalled, 0);
    timers.tick(600_000);
    assert.equal(stalled, 1);
  });

  it('is more patient inside a tool call', () => {
    const stall = start();
    stall.tools(1);
    timers.tick(2_699_999);
    assert.equal(stalled, 0);
    timers.tick(1);
    assert.equal(stalled, 1);
  });

  it('stands still while a person is asked', () => {
    const stall = start();
    stall.pause(true);
    timers.tick(50_000_000);
    assert.equal(stalled, 0);
    stall.pause(false);
    timers.tick(600_000);
    assert.equal(stalled, 1);
  });

  it('holds no process once it was stopped, though a question is given up after that', () => {
    const stall = start();
    stall.pause(true);
    stall.stop();
    stall.pause(false);
    stall.tools(1);
    assert.equal(timers.countTimers(), 0);
  });
});
