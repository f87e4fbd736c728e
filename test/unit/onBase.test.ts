import assert from 'node:assert/strict';
import { AmpaError } from '../../src/errors.ts';
import type { Forge, ForgeCheck } from '../../src/tasks/forge.ts';
import type { LocalCheckResult } from '../../src/tasks/ports.ts';
import type { Task } from '../../src/tasks/task.ts';
import type { Carry } from '../../src/tasks/phases/phase.ts';
import { forgeOnBase, localOnBase } from '../../src/tasks/phases/onBase.ts';
import { makeTask } from '../support/repo.ts';
import { ACME_FORGE } from '../support/checksPhase.ts';

const check = (name: string, state: ForgeCheck['state'], workflow: string | null): ForgeCheck => ({
  ...{ id: name, name, state, workflow, url: null, startedAt: null, endedAt: null },
  ...{ required: false, runId: null, jobId: null },
});

describe('a check that is red on the base, too', () => {
  const of = async (before: ForgeCheck[] | Error, red: ForgeCheck[]): Promise<string[]> => {
    const notes: string[] = [];
    const carry = {
      deps: { git: { baseOf: async () => 'b' } },
      signal: new AbortController().signal,
      mask: (text: string) => text,
      log: async () => ({ note: (text: string) => notes.push(text) }),
    } as unknown as Carry;
    const forge = {
      async snapshots() {
        if (before instanceof Error) throw before;
        return {
          snapshots: [{ sha: 'b', checks: before, mergeable: 'unknown', hidden: [] }],
          unknown: [],
          budget: null,
        };
      },
    } as unknown as Forge;
    const found = await forgeOnBase(carry, forge, makeTask({ repo: '/r', forge: ACME_FORGE }), 'h', red);
    return [...[...found].map((it) => it.name), ...notes];
  };

  it('is known by its name and workflow, whatever stands before or behind it there', async () => {
    const red = [check('build', 'failure', 'CI'), check('lint', 'timed_out', 'CI'), check('docs', 'failure', null)];
    const before = [
      check('CI / build (push)', 'timed_out', 'CI'),
      check('CI / lint', 'success', 'CI'),
      check('docs', 'failure', 'CI'),
    ];
    assert.deepEqual(await of(before, red), ['build']);
  });

  it('is none that is known where the forge does not tell, which is written down', async () => {
    const red = [check('build', 'failure', 'CI')];
    const said = await of(new AmpaError('external', 'Bad Gateway'), red);
    assert.deepEqual(said, ['whether it fails on the base, too, is not known: Bad Gateway']);
    await assert.rejects(of(new TypeError('a bug'), red), TypeError);
  });
});

describe('a local check that is tried on the base', () => {
  const MIN = 60_000;
  async function tried(checkMin: number, run: (task: Task) => Promise<LocalCheckResult['state']>) {
    const notes: string[] = [];
    const saved: boolean[] = [];
    const task = makeTask({ repo: '/r', worktree: '/w' });
    const carry = {
      deps: {
        git: {
          baseOf: async () => 'b',
          withBase: (_task: Task, _sha: string, _signal: AbortSignal, use: (dir: string) => Promise<unknown>) =>
            use('/b'),
          copyIgnored: async () => [],
        },
        store: {
          baseCheck: async () => undefined,
          saveBaseCheck: async (...args: unknown[]) => void saved.push(args.at(-1) as boolean),
        },
        checks: { run: async (there: Task) => ({ state: await run(there) }) },
      },
      signal: new AbortController().signal,
      mask: (text: string) => text,
      log: async () => ({ note: (text: string) => notes.push(text) }),
    } as unknown as Carry;
    const limited = { ...task, limits: { ...task.limits, checksMs: checkMin * MIN } };
    return { red: await localOnBase(carry, limited, 'check', 'h', MIN), saved, notes };
  }

  it('holds its slot for ten minutes at most, and what was cut short says nothing', async () => {
    let allowed = 0;
    const cut = await tried(60, async ({ limits }) => {
      allowed = limits.checksMs;
      return 'timed_out';
    });
    assert.equal(allowed, 10 * MIN);
    assert.deepEqual([cut.red, cut.saved], [false, []]);
    assert.match(cut.notes.join(), /is not known: there it ended as timed out/);
    const asLong = await tried(5, async () => 'timed_out');
    assert.deepEqual([asLong.red, asLong.saved], [true, [true]]);
  });

  it('ends no task for a trouble of the machine', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
      code: 'ENOSPC',
      syscall: 'write',
    });
    const { red, saved, notes } = await tried(60, () => Promise.reject(full));
    assert.deepEqual([red, saved], [false, []]);
    assert.match(notes.join(), /is not known: ENOSPC/);
  });
});
