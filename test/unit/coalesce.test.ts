import assert from 'node:assert/strict';
import { coalesce } from '../../src/tasks/coalesce.ts';

describe('calls that are served together', () => {
  /** Runs end when the test says so. */
  function held() {
    const runs: PromiseWithResolvers<void>[] = [];
    const call = coalesce(async () => {
      const run = Promise.withResolvers<void>();
      runs.push(run);
      await run.promise;
    });
    const begun = async (count: number): Promise<void> => {
      while (runs.length < count) await Promise.resolve();
      assert.equal(runs.length, count);
    };
    return { runs, call, begun };
  }

  it('are one more run, however many come during one, and end with it', async () => {
    const { runs, call, begun } = held();
    let ended = 0;
    const calls = [call(), call(), call()].map((it) => it.then(() => ended++));
    await begun(1);
    runs[0]!.resolve();
    await begun(2);
    assert.equal(ended, 0);
    runs[1]!.resolve();
    await Promise.all(calls);
    assert.equal(runs.length, 2);
    const last = call();
    await begun(3);
    runs[2]!.resolve();
    await last;
  });

  it('hear that a run has failed, and the next one is served', async () => {
    const { runs, call, begun } = held();
    const failed = call();
    runs[0]!.reject(new Error('no store'));
    await assert.rejects(failed, /no store/);
    const next = call();
    await begun(2);
    runs[1]!.resolve();
    await next;
  });

  it('are never lost between the end of one run and the next', async () => {
    let runs = 0;
    const call = coalesce(async () => {
      runs++;
    });
    for (let ticks = 0; ticks < 8; ticks++) {
      const first = call();
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      const before = runs;
      await call();
      assert.ok(runs > before, `a call ${ticks} moments later`);
      await first;
    }
  });
});
