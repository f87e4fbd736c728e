import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { spawnDetachedCarrier } from '../../src/adapters/process/carrier.ts';
import { reap } from '../../src/adapters/process/end.ts';
import { childEnv } from '../../src/adapters/process/env.ts';
import { findOnPath } from '../../src/adapters/process/find.ts';
import { isAlive, processIdentity } from '../../src/adapters/process/identity.ts';
import { probe } from '../../src/adapters/process/probe.ts';
import { listProcesses, readProcess } from '../../src/adapters/process/table.ts';
import { createTaskProcesses } from '../../src/adapters/process/taskProcesses.ts';
import type { LedgerEntry } from '../../src/adapters/process/taskProcesses.ts';
import type { TaskProcesses } from '../../src/tasks/ports.ts';
import { until } from '../support/until.ts';

const hostEnv = process.env as Record<string, string>;

const runs = async (pid: number): Promise<boolean> => {
  const row = await readProcess(pid);
  return row !== null && !row.zombie;
};

describe('processes', () => {
  let folder: string;
  let ledger: Map<number, LedgerEntry>;
  let owner: string;
  let processes: TaskProcesses;

  const create = (more: Partial<Parameters<typeof createTaskProcesses>[0]> = {}): TaskProcesses =>
    createTaskProcesses({
      owner,
      baseEnv: hostEnv,
      ledger: {
        record: async (entry) => void ledger.set(entry.pid, entry),
        forget: async (pid) => void ledger.delete(pid),
      },
      graceMs: 300,
      pipeGraceMs: 300,
      ...more,
    });
  const pidIn = (name: string): Promise<number> =>
    until(`a pid in ${name}`, async () => {
      const text = await readFile(path.join(folder, name), 'utf8').catch(() => '');
      return text.endsWith('\n') ? Number(text) : null;
    });

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(path.join(tmpdir(), 'ampa-process-')));
    ledger = new Map();
    owner = `test-${randomUUID()}`;
    processes = create();
  });
  afterEach(async () => {
    await processes.endAll();
    await rm(folder, { recursive: true, force: true });
  });

  it('a program gets its stdin, and its output and exit code come back', async () => {
    let text = '';
    const result = await processes.run({
      kind: 'check',
      command: { shell: 'cat; echo err >&2; exit 3' },
      cwd: folder,
      stdin: 'in\n',
      onOutput: (chunk, stream) => void (text += `${stream}:${Buffer.from(chunk).toString()}`),
    });
    assert.deepEqual(result, { code: 3, signal: null, timedOut: false, aborted: false });
    assert.match(text, /stdout:in\n/);
    assert.match(text, /stderr:err\n/);
    assert.equal(ledger.size, 0);
  });

  it('arguments reach the program untouched by the gate', async () => {
    let text = '';
    const argv = [
      process.execPath,
      '-p',
      'JSON.stringify(process.argv.slice(1))',
      '--',
      'a b',
      '$HOME',
      '"\'`',
      '',
      'line\nbreak',
    ];
    await processes.run({
      kind: 'check',
      command: { argv },
      cwd: folder,
      onOutput: (chunk) => void (text += Buffer.from(chunk)),
    });
    assert.deepEqual(JSON.parse(text), argv.slice(4));
  });

  it('pid and start time are recorded before the program acts', async () => {
    const seen: boolean[] = [];
    const slow = create({
      ledger: {
        record: async (entry) => {
          const self = await readProcess(entry.pid);
          seen.push(self?.startTime === entry.startTime);
          // The gate stays closed meanwhile: nothing to wait for but the program's own mark.
          await new Promise((resolve) => setTimeout(resolve, 100));
          seen.push(existsSync(path.join(folder, 'acted')));
        },
        forget: async () => {},
      },
    });
    await slow.run({ kind: 'agent', command: { shell: 'touch acted' }, cwd: folder });
    assert.deepEqual(seen, [true, false]);
    assert.ok(existsSync(path.join(folder, 'acted')));
  });

  it('a record that fails keeps the program from acting', async () => {
    const broken = create({
      ledger: {
        record: async () => {
          throw new Error('disk full');
        },
        forget: async () => {},
      },
    });
    await assert.rejects(broken.run({ kind: 'agent', command: { shell: 'touch acted' }, cwd: folder }), /disk full/);
    assert.equal(existsSync(path.join(folder, 'acted')), false);
  });

  it('the gate closes when the parent is killed before it has recorded', async () => {
    const parent = spawn(process.execPath, [path.resolve('test/support/heldParent.ts'), folder], { stdio: 'ignore' });
    const entry = await until('the recording', async () => {
      const text = await readFile(path.join(folder, 'recording'), 'utf8').catch(() => '');
      return text ? (JSON.parse(text) as LedgerEntry) : null;
    });
    assert.ok(await runs(entry.pid), 'it waits at the gate');
    parent.kill('SIGKILL');
    await until('the end of the gate', async () => !(await runs(entry.pid)));
    assert.equal(existsSync(path.join(folder, 'acted')), false);
  });

  it('a program that is missing or may not be executed is an error with its code', async () => {
    await writeFile(path.join(folder, 'plain'), 'x', { mode: 0o644 });
    const run = (argv: string[], cwd = folder): Promise<unknown> =>
      processes.run({ kind: 'agent', command: { argv }, cwd });
    await assert.rejects(run(['no-such-program-at-all']), { code: 'ENOENT' });
    await assert.rejects(run([path.join(folder, 'plain')]), { code: 'EACCES' });
    await assert.rejects(run(['sh', '-c', 'true'], path.join(folder, 'gone')), { code: 'ENOENT', message: /folder/ });
  });

  it('an abort ends the whole tree, also what ignores SIGTERM', async () => {
    const abort = new AbortController();
    const running = processes.run({
      kind: 'agent',
      command: {
        shell: `trap "" TERM; sh -c 'trap "" TERM; echo $$ > child; while :; do sleep 0.05; done' & wait; while :; do sleep 0.05; done`,
      },
      cwd: folder,
      signal: abort.signal,
    });
    const child = await pidIn('child');
    abort.abort();
    const result = await running;
    assert.equal(result.aborted, true);
    assert.equal(result.signal, 'SIGKILL');
    assert.equal(await runs(child), false);
    assert.equal(ledger.size, 0);
  });

  it('a signal that was aborted before keeps the program from acting', async () => {
    const result = await processes.run({
      kind: 'agent',
      command: { shell: 'touch acted' },
      cwd: folder,
      signal: AbortSignal.abort(),
    });
    assert.equal(result.aborted, true);
    assert.equal(existsSync(path.join(folder, 'acted')), false);
  });

  it('an abort finds what the program sent into a session of its own, and spares its sibling', async () => {
    const abort = new AbortController();
    const sibling = await processes.start({ kind: 'setup', command: { argv: ['sleep', '60'] }, cwd: folder });
    const running = processes.run({
      kind: 'agent',
      command: { shell: `setsid sh -c 'sh -c "echo \\$\\$ > child; exec sleep 60" &' ; sleep 60` },
      cwd: folder,
      signal: abort.signal,
    });
    const child = await pidIn('child');
    abort.abort();
    await running;
    assert.equal(await runs(child), false);
    assert.equal(await runs(sibling.pid), true);
    await sibling.end();
    assert.equal(await runs(sibling.pid), false);
  });

  it('a timeout ends the tree and says so', async () => {
    const result = await processes.run({
      kind: 'check',
      command: { shell: 'sleep 60 & sleep 60' },
      cwd: folder,
      timeoutMs: 100,
    });
    assert.equal(result.timedOut, true);
    assert.equal(result.aborted, false);
    const left = (await listProcesses()).filter((row) => ledger.has(row.pgid));
    assert.deepEqual(left, []);
  });

  it('endAll finds a tool that called setsid and forked twice', async () => {
    const script = `setsid sh -c '(sh -c "echo \\$\\$ > daemon; exec sleep 60" >/dev/null 2>&1 &)' >/dev/null 2>&1`;
    const result = await processes.run({ kind: 'agent', command: { shell: script }, cwd: folder });
    assert.equal(result.code, 0);
    const daemon = await pidIn('daemon');
    const row = await readProcess(daemon);
    assert.ok(row);
    assert.equal(ledger.has(row.pgid), false, 'it left the recorded group');
    await processes.endAll();
    assert.equal(await runs(daemon), false);
  });

  it('an outer owner finds what a nested owner started', async () => {
    const inner = createTaskProcesses({
      owner: `inner-${randomUUID()}`,
      baseEnv: { ...hostEnv, AMPA_OWNER: owner },
      ledger: { record: async () => {}, forget: async () => {} },
    });
    const running = await inner.start({ kind: 'agent', command: { argv: ['sleep', '60'] }, cwd: folder });
    await processes.endAll();
    assert.equal(await runs(running.pid), false);
    await running.done;
  });

  it('a grandchild that holds the pipes does not keep a finished program open', async () => {
    let text = '';
    const result = await processes.run({
      kind: 'check',
      command: {
        shell: 'sh -c "echo \\$\\$ > child; exec sleep 60" & while [ ! -s child ]; do sleep 0.01; done; echo done',
      },
      cwd: folder,
      onOutput: (chunk) => void (text += Buffer.from(chunk)),
    });
    assert.equal(result.code, 0);
    assert.equal(text, 'done\n');
    assert.equal(await runs(await pidIn('child')), false);
  });

  it('a daemon that holds the pipes is left alone, and the pipes are closed', async () => {
    const result = await processes.run({
      kind: 'check',
      command: {
        shell: 'setsid sh -c "echo \\$\\$ > child; exec sleep 60" & while [ ! -s child ]; do sleep 0.01; done',
      },
      cwd: folder,
    });
    assert.equal(result.code, 0);
    const child = await pidIn('child');
    assert.equal(await runs(child), true, 'nobody has waited for its end');
    await processes.endAll();
    assert.equal(await runs(child), false);
  });

  it('output waits while its consumer does, and none of it is lost', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    let bytes = 0;
    let first = true;
    const running = processes.run({
      kind: 'agent',
      command: { shell: 'yes 0123456789abcde | head -c 8000000; touch written' },
      cwd: folder,
      onOutput: (chunk) => {
        bytes += chunk.length;
        if (!first) return;
        first = false;
        return held;
      },
    });
    await until('the first chunk', () => bytes > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(bytes <= 65_536 * 2, `${bytes} bytes were read while the consumer was busy`);
    assert.equal(existsSync(path.join(folder, 'written')), false);
    release();
    await running;
    assert.equal(bytes, 8_000_000);
  });

  it('a slow consumer gets everything although the program has ended', async () => {
    let bytes = 0;
    const result = await processes.run({
      kind: 'agent',
      command: { shell: 'head -c 200000 /dev/zero' },
      cwd: folder,
      onOutput: async (chunk) => {
        await new Promise((resolve) => setTimeout(resolve, 150));
        bytes += chunk.length;
      },
    });
    assert.equal(result.code, 0);
    assert.equal(bytes, 200_000);
  });

  it('a consumer that fails ends the program and is heard of', async () => {
    const running = processes.run({
      kind: 'agent',
      command: { shell: 'echo x; sleep 60' },
      cwd: folder,
      onOutput: () => {
        throw new Error('log is full');
      },
    });
    await assert.rejects(running, /log is full/);
  });

  it('writing to a program that closed its stdin is not an error', async () => {
    const running = await processes.start({ kind: 'agent', command: { shell: 'exec <&-; sleep 0.2' }, cwd: folder });
    for (let i = 0; i < 20; i++) {
      running.stdin.write('x'.repeat(10_000));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    running.stdin.end();
    assert.equal((await running.done).code, 0);
  });

  it('what a dead owner left is ended: recorded groups, and whatever carries the marker', async () => {
    const keep = create();
    await keep.start({
      kind: 'agent',
      command: { shell: 'sh -c "echo \\$\\$ > child; exec sleep 60" & wait' },
      cwd: folder,
    });
    await keep.run({
      kind: 'agent',
      command: { shell: 'setsid sh -c "echo \\$\\$ > daemon; exec sleep 60" >/dev/null 2>&1 &' },
      cwd: folder,
    });
    const [child, daemon] = await Promise.all([pidIn('child'), pidIn('daemon')]);
    await reap([...ledger.values()], [owner], { graceMs: 300 });
    assert.equal(await runs(child), false);
    assert.equal(await runs(daemon), false);
  });

  it('reaping spares a pid that was reused, another boot and another container', async () => {
    const running = await processes.start({ kind: 'agent', command: { argv: ['sleep', '60'] }, cwd: folder });
    const entry = ledger.get(running.pid)!;
    await reap([{ ...entry, startTime: '1' }], ['nobody'], { graceMs: 100 });
    await reap([{ ...entry, bootId: 'another' }], ['nobody'], { graceMs: 100 });
    await reap([{ ...entry, pidNamespace: 'pid:[1]' }], ['nobody'], { graceMs: 100 });
    assert.equal(await runs(running.pid), true);
    await reap([entry], ['nobody'], { graceMs: 100 });
    assert.equal(await runs(running.pid), false);
  });

  it('a process never ends itself or its ancestors', async () => {
    const self = await processIdentity();
    const parent = (await readProcess(process.ppid))!;
    await reap([self, { ...parent, bootId: self.bootId }], ['nobody'], { graceMs: 100 });
    assert.equal(await isAlive(self), 'alive');
  });

  it('liveness: alive, dead, reused, zombie, elsewhere', async () => {
    const self = await processIdentity();
    assert.equal(await isAlive(self), 'alive');
    assert.equal(await isAlive({ ...self, startTime: '1' }), 'dead');
    assert.equal(await isAlive({ ...self, bootId: 'another' }), 'elsewhere');
    assert.equal(await isAlive({ ...self, pidNamespace: 'pid:[1]' }), 'elsewhere');

    // A parent that never collects its child leaves a zombie.
    const running = await processes.start({
      kind: 'agent',
      command: { shell: 'sh -c "echo \\$\\$ > child" & exec sleep 60' },
      cwd: folder,
    });
    const child = await pidIn('child');
    const row = await until('the zombie', async () => {
      const found = await readProcess(child);
      return found?.zombie ? found : null;
    });
    assert.equal(await isAlive({ ...self, pid: child, startTime: row.startTime }), 'dead');
    await running.end();
    assert.equal(await isAlive({ ...self, pid: child, startTime: row.startTime }), 'dead');
  });

  it('children see the host environment without secrets and without what belongs to the editor', async () => {
    const env = childEnv(
      {
        ...hostEnv,
        AMPA_DISCORD_BOT_TOKEN: 'secret',
        AMPA_NTFY_TOKEN: 'secret',
        KEPT: 'yes',
        ELECTRON_RUN_AS_NODE: '1',
        VSCODE_IPC_HOOK_CLI: '/sock',
        VSCODE_GIT_ASKPASS_NODE: '/code',
        GIT_ASKPASS: '/code/askpass.sh',
        NODE_OPTIONS: '--require bootloader.js',
        AMPA_OWNER: 'outer',
        GIT_DIR: '/elsewhere/.git',
        GIT_INDEX_FILE: '/elsewhere/.git/index',
      },
      ['AMPA_DISCORD_BOT_TOKEN', 'AMPA_NTFY_TOKEN'],
      { ADDED: '1' },
    );
    assert.equal(
      env.GIT_DIR ?? env.GIT_INDEX_FILE,
      undefined,
      'a host started from a hook works on its own repository',
    );
    let text = '';
    await create({ baseEnv: env }).run({
      kind: 'agent',
      command: { shell: 'env' },
      cwd: folder,
      env: { AMPA_TASK_ID: 'T' },
      onOutput: (chunk) => void (text += Buffer.from(chunk)),
    });
    assert.doesNotMatch(text, /secret|ELECTRON|VSCODE|NODE_OPTIONS|GIT_ASKPASS/);
    assert.match(text, /^KEPT=yes$/m);
    assert.match(text, /^ADDED=1$/m);
    assert.match(text, /^AMPA_TASK_ID=T$/m);
    assert.match(text, new RegExp(`^AMPA_OWNER=outer,${owner},`, 'm'));
    assert.equal(childEnv({ NODE_OPTIONS: '--max-old-space-size=1' }, []).NODE_OPTIONS, '--max-old-space-size=1');
  });

  it('programs are found on PATH, never in the workspace and never through a relative entry', async () => {
    const bin = path.join(folder, 'bin');
    const workspace = path.join(folder, 'workspace');
    await mkdir(bin);
    await mkdir(path.join(workspace, 'node_modules/.bin'), { recursive: true });
    for (const file of [
      path.join(bin, 'tool'),
      path.join(workspace, 'node_modules/.bin/tool'),
      path.join(workspace, 'node_modules/.bin/own'),
    ]) {
      await writeFile(file, '#!/bin/sh\n');
      await chmod(file, 0o755);
    }
    await writeFile(path.join(bin, 'data'), 'x', { mode: 0o644 });
    await mkdir(path.join(bin, 'dir'));
    await symlink(path.join(workspace, 'node_modules/.bin'), path.join(folder, 'link'));
    const PATH = [`${workspace}/node_modules/.bin`, 'node_modules/.bin', '', `${folder}/link`, bin].join(':');
    const find = (name: string): Promise<string | null> => findOnPath(name, { PATH }, { notIn: [workspace] });
    assert.equal(await find('tool'), path.join(bin, 'tool'));
    assert.equal(await find('own'), null);
    assert.equal(await find('data'), null);
    assert.equal(await find('dir'), null);
    assert.equal(await find('./tool'), null);
    assert.equal(await find(path.join(bin, 'tool')), path.join(bin, 'tool'));
    assert.equal(await findOnPath('own', { PATH }), path.join(workspace, 'node_modules/.bin/own'));
  });

  it('a probe gives back what the program said, and ends one that hangs', async () => {
    const env = hostEnv;
    const said = await probe(['sh', '-c', 'echo 1.2.3; echo no >&2; exit 1'], { cwd: folder, env, timeoutMs: 60_000 });
    assert.equal(said.code, 1);
    assert.match(said.output, /1\.2\.3/);
    const hung = await probe(['sleep', '60'], { cwd: folder, env, timeoutMs: 100 });
    assert.equal(hung.timedOut, true);
  });

  it('a carrier gets its credentials on stdin, is detached, and appends to its log', async () => {
    const logFile = path.join(folder, 'carrier.log');
    const carrier = await spawnDetachedCarrier({
      execPath: '/bin/sh',
      args: ['-c', 'cat; echo; echo "env:$CARRIER"'],
      cwd: folder,
      env: { PATH: hostEnv.PATH!, CARRIER: 'c' },
      logFile,
      credentials: { token: 'x' },
    });
    assert.deepEqual(await carrier.exited, { code: 0, signal: null });
    assert.equal(await readFile(logFile, 'utf8'), '{"token":"x"}\n\nenv:c\n');
    assert.notEqual(carrier.startTime, '');
  });
});
