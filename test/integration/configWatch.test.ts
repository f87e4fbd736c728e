import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { watchFiles } from '../../src/app/configWatch.ts';
import { until } from '../support/until.ts';

describe('the files that settings come from', () => {
  let dir: string;
  let stop: AbortController;
  let changes: number;
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'ampa-config-'));
    stop = new AbortController();
    changes = 0;
  });
  afterEach(() => {
    stop.abort();
    rmSync(dir, { recursive: true, force: true });
  });
  const at = (...parts: string[]): string => path.join(dir, ...parts);
  /** What `act` does is seen. */
  async function seen(what: string, act: () => void): Promise<void> {
    const before = changes;
    act();
    await until(what, () => changes > before);
  }

  it('are seen to come, to change, to be replaced and to go', async () => {
    const file = at('deep', 'down', '.env');
    watchFiles([file, at('other')], stop.signal, () => changes++);
    await seen('it comes, with its folders', () => {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, 'A=1');
    });
    await seen('it changes', () => writeFileSync(file, 'A=22'));
    await seen('it is replaced', () => {
      writeFileSync(at('deep', 'down', 'new'), 'A=33');
      renameSync(at('deep', 'down', 'new'), file);
    });
    await seen('it goes', () => rmSync(file));
    await seen('it comes again', () => writeFileSync(file, 'A=4'));
    await seen('its folder is made anew', () => {
      rmSync(at('deep'), { recursive: true });
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, 'A=5');
    });
    await seen('it changes in there', () => writeFileSync(file, 'A=66'));
    await seen('the other comes', () => writeFileSync(at('other'), ''));
  });

  it('are left alone in the end', async () => {
    const last = new AbortController();
    let seenByLast = 0;
    watchFiles([at('.env')], stop.signal, () => changes++);
    watchFiles([at('.env')], last.signal, () => seenByLast++);
    stop.abort();
    writeFileSync(at('.env'), 'A=1');
    await until('the other sees it', () => seenByLast > 0);
    assert.equal(changes, 0);
    last.abort();
  });
});
