import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createRunOutputs } from '../../src/adapters/files/runOutputs.ts';

describe('the output of a run', () => {
  it('is kept with head and tail, at most 1 MiB, whole characters', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'ampa-outputs-'));
    try {
      const outputs = createRunOutputs(dir, ['a-secret-value']);
      const output = await outputs.open('Job Ä', 'r1');
      output.write('first line with a-secret');
      output.write('-value\n');
      for (let i = 0; i < 40_000; i++) output.write(`line ${i} äöü ✓ ${'x'.repeat(40)}\n`);
      output.write('last line');
      await output.close();
      const text = await outputs.read('Job Ä', 'r1');
      assert.ok(text.startsWith('first line with ***\nline 0 äöü'));
      assert.ok(text.endsWith('last line'));
      assert.match(text, /\n\[ampa\] \d+ bytes are left out here\n/);
      assert.ok(!text.includes('\uFFFD'), 'no character is cut');
      const [folder] = readdirSync(dir);
      assert.ok(statSync(path.join(dir, folder!, 'r1.log')).size <= 1024 * 1024);
      outputs.save('Job Ä', 'r2', 'short');
      await outputs.prune('Job Ä', async () => ['r2']);
      assert.deepEqual([await outputs.read('Job Ä', 'r1'), await outputs.read('Job Ä', 'r2')], ['', 'short']);
      const other = createRunOutputs(dir, []);
      await (await other.open('job ä', 'r2')).close();
      assert.equal(
        await outputs.read('Job Ä', 'r2'),
        'short',
        'ids that differ in case only have folders of their own',
      );
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('of a run that begins while others are pruned stays', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'ampa-outputs-'));
    try {
      const outputs = createRunOutputs(dir, []);
      outputs.save('job', 'r1', 'one');
      outputs.save('job', 'r2', 'two');
      await outputs.prune('job', async () => {
        outputs.save('job', 'r3', 'three');
        return ['r2'];
      });
      const all = () => Promise.all(['r1', 'r2', 'r3'].map((run) => outputs.read('job', run)));
      assert.deepEqual(await all(), ['', 'two', 'three']);
      await outputs.prune('job', async () => {
        outputs.save('job', 'r4', 'four');
        return [];
      });
      assert.deepEqual([...(await all()), await outputs.read('job', 'r4')], ['', '', '', 'four']);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('is pruned where there is any, and says what stands in the way', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'ampa-outputs-'));
    try {
      const outputs = createRunOutputs(dir, []);
      const none = async () => [];
      await outputs.prune('never-ran', none);
      outputs.save('job', 'r1', 'one');
      outputs.save('job', 'r2', 'two');
      await outputs.prune('job', async () => ['r2']);
      assert.deepEqual([await outputs.read('job', 'r1'), await outputs.read('job', 'r2')], ['', 'two']);
      writeFileSync(path.join(dir, 'file'), '');
      await assert.rejects(outputs.prune('file', none), { code: 'ENOTDIR' });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
