/** What a task that waits on acme/widget needs for the checks phase, and nothing else. */
import type { Forge } from '../../src/tasks/forge.ts';
import type { Carry, CarryDeps } from '../../src/tasks/phases/phase.ts';
import type { Claim } from '../../src/tasks/ports.ts';
import type { TaskForge } from '../../src/tasks/task.ts';

export const ACME_FORGE: TaskForge = {
  kind: 'github',
  host: 'github.com',
  owner: 'acme',
  name: 'widget',
  pullRequest: 'never',
  identity: 'environment',
  issue: null,
};

/** Carries the checks phase of a claim. */
export const carryOfChecks = (
  claim: Claim,
  forge: Forge,
  deps: Pick<CarryDeps, 'store' | 'watches' | 'onChange'> & { clock: Pick<CarryDeps['clock'], 'now' | 'sleep'> },
): Carry =>
  ({
    claim,
    deps: { ...deps, forge: async () => forge },
    signal: new AbortController().signal,
    log: async () => ({ note() {} }),
    mask: (text: string) => text,
  }) as unknown as Carry;
