import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createGit } from '../../src/adapters/git/git.ts';
import type { Git } from '../../src/adapters/git/git.ts';
import { withLock } from '../../src/adapters/git/lock.ts';
import { isAlive } from '../support/alive.ts';
import { createSandbox } from '../support/repo.ts';
import type { Sandbox } from '../support/repo.ts';
import { until } from '../support/until.ts';

describe('git: one call', () => {
  let box: Sandbox;
  let git: Git;
  let repo: string;
  beforeEach(() => {
    box = createSandbox('ampa git ü-');
    git = createGit({ env: { ...box.env, EDITOR: 'vi', GIT_DIR: '/nowhere', GIT_TRACE2_ENV_VARS: 'X' } });
    repo = box.repository();
  });
  afterEach(() => box.remove());

  it('an exit code is never lost, with or without a word on stderr', async () => {
    const silent = await git.run(repo, ['config', '--get', 'no.such']);
    assert.deepEqual([silent.code, silent.stdout, silent.stderr], [1, '', '']);
    const loud = await git.run(repo, ['rev-parse', '--verify', 'nothing']);
    assert.equal(loud.code, 128);
    assert.match(loud.stderr, /Needed a single revision/);
    assert.equal((await git.run(repo, ['no-such-command'])).code, 1);
    await assert.rejects(git.text(repo, ['rev-parse', '--verify', 'nothing']), {
      code: 'git',
      message: /git rev-parse failed: fatal: Needed a single revision/,
    });
  });

  it('a silent success takes no 50 ms more', async () => {
    const silent: number[] = [];
    const loud: number[] = [];
    const more = (): number => Math.min(...silent) - Math.min(...loud);
    // One that nothing else got in the way of is enough: all of them would be late.
    for (let round = 0; round < 60 && !(more() < 25); round++)
      for (const [times, args] of [
        [silent, ['update-index', '--refresh']],
        [loud, ['rev-parse', 'HEAD']],
      ] as const) {
        const begun = performance.now();
        await git.run(repo, args);
        times.push(performance.now() - begun);
      }
    assert.ok(more() < 25, `${silent.join(', ')}; ${loud.join(', ')}`);
  });

  it('bytes, large outputs and stdin pass unharmed', async () => {
    const content = Buffer.alloc(5_000_000, Buffer.from([0, 255, 10, 13, 195]));
    const sha = (await git.run(repo, ['hash-object', '-w', '--stdin'], { stdin: content })).stdout.trim();
    assert.ok((await git.run(repo, ['cat-file', 'blob', sha])).bytes.equals(content));
  });

  it('what runs too long is ended with everything it has started', async () => {
    box.git(repo, 'config', 'alias.slow', '!echo $$ > pid; sleep 600');
    const ended = await git.run(repo, ['slow'], { timeoutMs: 3000 });
    assert.deepEqual([ended.code, ended.timedOut], [-1, true]);
    assert.match(ended.stderr, /git slow timed out/);
    assert.equal(isAlive(Number(readFileSync(join(repo, 'pid'), 'utf8'))), false);
  });

  it('an abort ends it and is what the caller gets', async () => {
    box.git(repo, 'config', 'alias.slow', '!echo $$ > pid; sleep 600');
    const controller = new AbortController();
    const running = git.run(repo, ['slow'], { signal: controller.signal });
    const pid = await until(
      'a pid',
      () => existsSync(join(repo, 'pid')) && Number(readFileSync(join(repo, 'pid'), 'utf8')),
    );
    controller.abort(new Error('enough'));
    await assert.rejects(running, { message: 'enough' });
    assert.equal(isAlive(pid), false);
    await assert.rejects(git.run(repo, ['status'], { signal: controller.signal }), { message: 'enough' });
  });

  it('a lock of another git is waited for', async () => {
    const lock = join(repo, '.git', 'index.lock');
    writeFileSync(lock, '');
    const adding = git.run(repo, ['add', '-A']);
    const timer = setTimeout(() => rmSync(lock), 300);
    assert.equal((await adding).code, 0);
    clearTimeout(timer);
    writeFileSync(lock, '');
    const given = await git.run(repo, ['add', '-A'], { lockWaitMs: 100 });
    assert.equal(given.code, 128);
    assert.match(given.stderr, /index\.lock': File exists/);
  });

  it('hooks may abbreviate options, whatever simple-git thinks of it', async () => {
    box.git(repo, 'config', 'alias.short', '!git branch --show-c');
    const ended = await git.run(repo, ['short']);
    assert.equal(ended.code, 0, ended.stderr);
  });
});

describe('git: one fetch at a time', () => {
  let box: Sandbox;
  let lock: string;
  beforeEach(() => {
    box = createSandbox();
    lock = join(box.dir, 'some.lock');
  });
  afterEach(() => box.remove());

  const holder = async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'support', 'lockHolder.ts'), lock], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    return child;
  };

  it('across processes: who comes second waits', async () => {
    const child = await holder();
    let mine = false;
    const second = withLock(lock, async () => void (mine = true));
    await assert.rejects(
      withLock(lock, async () => {}, { signal: AbortSignal.timeout(200) }),
      { name: 'TimeoutError' },
    );
    assert.equal(mine, false);
    child.stdin.end();
    await second;
    assert.equal(mine, true);
    assert.equal(existsSync(lock), false);
  });

  it('a dead holder does not keep it, nor one whose number is another process now', async () => {
    const child = await holder();
    child.kill('SIGKILL');
    await once(child, 'close');
    assert.ok(existsSync(lock));
    assert.equal(await withLock(lock, async () => 'through'), 'through');
    writeFileSync(lock, JSON.stringify({ pid: process.pid, start: '1', host: hostname(), nonce: 'x' }));
    if (process.platform === 'linux') assert.equal(await withLock(lock, async () => 'through'), 'through');
  });

  it('a holder on another machine is waited for, but not for ever', async () => {
    writeFileSync(lock, JSON.stringify({ pid: 1, start: null, host: 'elsewhere', nonce: 'x' }));
    assert.equal(await withLock(lock, async () => 'without it', { patienceMs: 100 }), 'without it');
    assert.ok(existsSync(lock));
  });

  it('it is given back when the work fails', async () => {
    await assert.rejects(
      withLock(lock, () => Promise.reject(new Error('no'))),
      { message: 'no' },
    );
    assert.equal(existsSync(lock), false);
    let inside = 0;
    await Promise.all(
      Array.from({ length: 8 }, () =>
        withLock(lock, async () => {
          assert.equal(++inside, 1);
          await new Promise((resolve) => setImmediate(resolve));
          inside--;
        }),
      ),
    );
  });
});
