import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createSample, type Sample } from '../../scripts/demo/sample.ts';

describe('The demo agent in its sample repository', () => {
  let dir: string;
  let sample: Sample;
  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ampa-demo-test-'));
    sample = createSample(dir);
  });
  afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

  const agent = (prompt: string): void => {
    const env = { ...process.env, DEMO_PAUSE_MS: '0' };
    const command = sample.env['AMPA_AGENT_COMMAND'] ?? '';
    const result = spawnSync(command, { cwd: sample.folder, env, shell: true, input: prompt, encoding: 'utf8' });
    assert.equal(result.status, 0, result.stderr);
  };
  const test = (): { green: boolean; output: string } => {
    // A runner inside a runner reports to its parent instead of its own output.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const result = spawnSync(process.execPath, ['--test'], { cwd: sample.folder, env, encoding: 'utf8' });
    return { green: result.status === 0, output: result.stdout };
  };

  it('breaks a test with its first change, and mends it when it is shown the failing lines', () => {
    assert.equal(test().green, true, 'the sample starts green');
    agent('Give total a discount');
    const red = test();
    assert.equal(red.green, false);
    agent(`The check failed on attempt 1 of 3:\n${red.output.slice(-4000)}`);
    assert.equal(test().green, true);
  });

  it('changes something for any other prompt too, and breaks nothing', () => {
    agent('Give total a discount');
    agent('AssertionError');
    agent('Say hello');
    assert.match(fs.readFileSync(path.join(sample.folder, 'NOTES.md'), 'utf8'), /Say hello/);
    assert.equal(test().green, true);
  });
});
