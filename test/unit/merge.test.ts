import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { mergeTask, type MergeDeps } from '../../src/app/merge.ts';
import type { Message } from '../../src/tasks/task.ts';
import { makeTask } from '../support/repo.ts';
import { ACME_FORGE } from '../support/checksPhase.ts';

describe('merging a task', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'] }));
  afterEach(() => mock.timers.reset());

  const MIN = 60_000;
  const task = makeTask({
    ...{
      repo: '/r',
      status: 'success',
      forge: ACME_FORGE,
      pr_number: 1,
      pr_url: 'https://github.com/acme/widget/pull/1',
    },
    ...{ head_sha: 'a', pushed_sha: 'a' },
  });
  const said: string[] = [];
  let messages: Pick<Message, 'delivered_in'>[] = [];
  /** A merge that GitHub makes after so many minutes; resolves to when it was recorded, min. */
  async function merged(minutes: number): Promise<number> {
    let at = '';
    let begun = (): void => {};
    const begins = new Promise<void>((resolve) => (begun = resolve));
    const deps = {
      board: {
        detail: async () => ({ task, messages }),
        async recordMerge(_task: unknown, time: string) {
          at = time;
          return task;
        },
        releaseMerge: async () => undefined,
        forgetWorktree: async () => undefined,
      },
      repository: { mergeBaseOf: async () => 'm', removeWorktree: async () => ({ removed: true }) },
      forges: {
        of: async () => ({
          merge: (...[, , , signal]: [unknown, unknown, unknown, AbortSignal]) =>
            new Promise((resolve, reject) => {
              setTimeout(() => resolve({ kind: 'merged', sha: 'b', head: 'a' }), minutes * MIN);
              signal.addEventListener('abort', () => reject(signal.reason as Error));
              begun();
            }),
        }),
      },
      clock: { now: Date.now },
      newId: () => 'merger',
      onChange: () => () => undefined,
      say: (notice: string) => said.push(notice),
    } as unknown as MergeDeps;
    const merging = mergeTask(deps, task.id, { method: null, deleteBranch: false });
    await begins;
    mock.timers.tick(minutes * MIN);
    await merging;
    return Date.parse(at) / MIN;
  }

  it('is recorded when it has landed, however long its checks took', async () => {
    assert.equal(await merged(5), 5);
  });

  it('leaves nothing behind where it is not even asked for', async () => {
    let listeners = 0;
    const deps = {
      board: { detail: async () => ({ task, messages: [] }), releaseMerge: async () => undefined },
      repository: { mergeBaseOf: () => Promise.reject(new Error('the repository is gone')) },
      forges: { of: async () => ({}) },
      clock: { now: Date.now },
      newId: () => 'merger',
      onChange() {
        listeners++;
        return () => listeners--;
      },
      say: () => undefined,
    } as unknown as MergeDeps;
    await assert.rejects(mergeTask(deps, task.id, { method: null, deleteBranch: false }), /the repository is gone/);
    assert.equal(listeners, 0);
  });

  it('says that words are left which its agent has not heard', async () => {
    messages = [{ delivered_in: 1 }];
    await merged(1);
    assert.deepEqual(said, []);
    messages = [{ delivered_in: null }];
    await merged(1);
    assert.match(said.join(), /a message had not reached the agent: start a new task with it/);
  });

  it('says that GitHub took too long', async () => {
    await assert.rejects(merged(9), { code: 'merge', message: /has not merged https:.* within 8 min/ });
  });
});
