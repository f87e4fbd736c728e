import assert from 'node:assert/strict';
import type { CounterChange, CounterStore } from '../../src/adapters/sqlite/counterStore.ts';
import { createMeter } from '../../src/app/meter.ts';

describe('the meter', () => {
  const problems: unknown[] = [];
  const make = () => createMeter((error) => problems.push(error));
  const storeInto = (written: (readonly CounterChange[])[], fail: () => boolean = () => false) =>
    ({
      async record(changes: readonly CounterChange[]) {
        if (fail()) throw new Error('locked');
        written.push(changes);
      },
    }) as CounterStore;
  beforeEach(() => {
    problems.length = 0;
  });

  it('writes what came together as one', async () => {
    const written: (readonly CounterChange[])[] = [];
    const meter = make();
    meter.count('a', { x: '1' });
    meter.attach(storeInto(written));
    meter.count('a', { x: '1' }, 2.5);
    meter.count('a', { x: '2' });
    meter.set('g', {}, 1);
    meter.set('g', {}, 7);
    await meter.flush();
    await meter.flush();
    assert.deepEqual(written, [
      [
        { name: 'a', labels: { x: '1' }, by: 3.5 },
        { name: 'a', labels: { x: '2' }, by: 1 },
        { name: 'g', labels: {}, value: 7 },
      ],
    ]);
  });

  it('keeps what could not be written, and loses nothing that came meanwhile', async () => {
    const written: (readonly CounterChange[])[] = [];
    let broken = true;
    const meter = make();
    meter.attach(storeInto(written, () => broken));
    meter.count('a');
    const first = meter.flush();
    meter.count('a');
    await assert.rejects(first, /locked/);
    broken = false;
    await meter.close();
    assert.deepEqual(written, [[{ name: 'a', labels: {}, by: 2 }]]);
    assert.deepEqual(problems, []);
  });

  it('says what is lost at the end', async () => {
    const meter = make();
    meter.attach(storeInto([], () => true));
    meter.count('a');
    await meter.close();
    assert.match(String(problems), /locked/);
  });

  it('is content where there is no store', async () => {
    const meter = make();
    meter.count('a');
    await meter.close();
    assert.deepEqual(problems, []);
  });
});
