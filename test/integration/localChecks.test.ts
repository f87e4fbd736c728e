import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLocalChecks } from '../../src/adapters/checks/local.ts';
import { AmpaError } from '../../src/errors.ts';
import type { LocalCheckResult } from '../../src/tasks/ports.ts';
import { makeTask } from '../support/repo.ts';

describe('a local check that gives no result', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'ampa-checks-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** Runs a check whose process ends like this before it begins. */
  const run = (problem: Error): Promise<LocalCheckResult> => {
    const fail = async (): Promise<never> => {
      throw problem;
    };
    const checks = createLocalChecks({ logDir: () => dir, secrets: ['s3cret-token'], now: () => 1 });
    const processes = { run: fail, start: fail, endAll: fail };
    return checks.run(makeTask({ repo: '/repo', worktree: dir }), 'npm test', processes, new AbortController().signal);
  };

  for (const code of ['ENOENT', 'EACCES']) {
    it(`could not be started (${code}), and no secret is in its words`, async () => {
      const result = await run(Object.assign(new Error('the folder /s3cret-token does not exist'), { code }));
      assert.equal(result.state, 'startup_failure');
      for (const text of [result.excerpt, readFileSync(result.logPath, 'utf8')]) {
        assert.match(text, /does not exist/);
        assert.doesNotMatch(text, /s3cret/);
      }
    });
  }

  it('is none of its own fault where we failed: that stays what it is', async () => {
    for (const error of [
      new AmpaError('store_busy', 'the task database stayed locked for 10 s'),
      new AmpaError('external', 'processes could not be ended: 12'),
      Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }),
    ])
      await assert.rejects(run(error), error);
  });
});
