import assert from 'node:assert/strict';
import { AmpaError } from '../../src/errors.ts';
import type { Forge, ForgeCheck } from '../../src/tasks/forge.ts';
import type { Carry } from '../../src/tasks/phases/phase.ts';
import { forgeOnBase } from '../../src/tasks/phases/onBase.ts';
import { makeTask } from '../support/repo.ts';
import { ACME_FORGE } from '../support/waiting.ts';

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
