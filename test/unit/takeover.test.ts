import assert from 'node:assert/strict';
import type { Claim } from '../../src/tasks/ports.ts';
import { whyGivenUp } from '../../src/tasks/takeover.ts';
import { workOnce } from '../../src/tasks/worker.ts';
import { makeTask } from '../support/repo.ts';

describe('a task whose carriers die', () => {
  it('is taken over four times in a phase, and given up the fifth', () => {
    for (const takeovers of [0, 1, 2, 3]) assert.equal(whyGivenUp({ takeovers, phase: 'checks' }), null);
    assert.match(whyGivenUp({ takeovers: 4, phase: 'checks' })!, /died 5 times in a row in the phase checks/);
    assert.match(whyGivenUp({ takeovers: 9, phase: 'preparing' })!, /died 10 times/);
  });

  it('is given up by the loop instead of being carried again, and the others go on', async () => {
    const tasks = [4, 0].map((takeovers, i) =>
      makeTask({ id: `T${i}`, repo: '/repo', status: 'running', phase: 'preparing', owner: 'dead', takeovers }),
    );
    const did: string[] = [];
    await workOnce({
      queue: {
        running: () => Promise.resolve(tasks),
        takeOver: (taskId, token, owner) => Promise.resolve({ taskId, owner, token: token + 1 }),
        claimNext: () => Promise.resolve(undefined),
        claimQueued: () => Promise.resolve(undefined),
        queuedBeside: () => Promise.resolve([]),
        sayWaiting: () => Promise.reject(new Error('nothing waits here')),
      },
      capabilities: {
        able: () => [],
        missingFor: () => Promise.resolve(null),
        exchange: () => Promise.resolve([]),
        onChange: () => () => undefined,
      },
      clock: { now: () => 0, sleep: () => Promise.resolve(), after: () => () => undefined },
      newOwner: () => 'me',
      startCarrier: ({ taskId }: Claim) => Promise.resolve(void did.push(`start ${taskId}`)),
      giveUp: ({ taskId }: Claim, why) => Promise.resolve(void did.push(`give up ${taskId}: ${why.slice(0, 26)}`)),
      failed: () => Promise.reject(new Error('nothing fails here')),
      isDead: () => Promise.resolve(true),
      onChange: () => () => undefined,
      slots: () => 2,
      onError: () => undefined,
    });
    assert.deepEqual(did, ['give up T0: Its process died 5 times i', 'start T1']);
  });
});
