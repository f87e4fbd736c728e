import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createApp } from '../../src/app/createApp.ts';
import { fileSettings } from '../../src/config/sources.ts';
import { createSandbox, type Sandbox } from '../support/repo.ts';

/** Only a superuser in a mount namespace of their own may mount; elsewhere there is no small disk to fill. */
function mountSmallDisk(dir: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('a full disk', () => {
  let dir: string;
  let box: Sandbox;
  let mounted = false;
  before(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'ampa-disk-'));
    mounted = mountSmallDisk(dir);
    box = createSandbox('ampa-disk-home-');
  });
  after(() => {
    if (mounted) execFileSync('umount', ['-l', dir]);
    rmSync(dir, { recursive: true, force: true });
    box.remove();
  });

  it('stops the task with disk_full, and continue takes it up when there is space (skipped where nothing can be mounted)', async function () {
    if (!mounted) return this.skip();
    const repo = path.join(dir, 'project');
    mkdirSync(repo);
    box.git(repo, 'init', '-q');
    box.commit(repo, 'README.md', 'x');
    const filler = path.join(box.dir, 'fill');
    box.write(filler, '');
    const app = await createApp({
      folder: repo,
      kind: 'cli',
      env: {
        ...box.env,
        XDG_STATE_HOME: path.join(box.dir, 'state'),
        // The last of the disk is given back when the agent is ended, as a build's temporary files would be.
        AMPA_AGENT_COMMAND: `cat >/dev/null; if [ -e ${filler} ]; then trap 'rm -f big' TERM EXIT; head -c 8m /dev/zero > big; for i in $(seq 200); do head -c 20000 /dev/zero; sleep 0.05; done; fi; echo ok > small`,
      },
      settings: fileSettings,
      asks: false,
      carrier: { execPath: process.execPath, args: [], env: {} },
    });
    try {
      const started = await app.start({ prompt: 'Fill it', checks: 'true' });
      const task = await app.carryHere(started.id, new AbortController().signal);
      assert.equal(task.status, 'error');
      assert.equal(task.reason, 'disk_full');
      rmSync(filler);
      rmSync(path.join(task.worktree!, 'big'), { force: true });
      await app.continue(task.id, null);
      const after = await app.carryHere(task.id, new AbortController().signal);
      assert.equal(after.status, 'success', `${after.reason}: ${after.reason_detail}`);
    } finally {
      await app.close();
    }
  }).timeout(90_000);
});
