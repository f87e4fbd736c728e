/** Real sockets: what scripts say, and what they hear back. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeSocketDir, socketPath } from '../../src/adapters/socket/place.ts';
import { openSocket } from '../../src/adapters/socket/server.ts';
import { createHostStore } from '../../src/adapters/sqlite/hostStore.ts';
import { createLeaseStore } from '../../src/adapters/sqlite/leaseStore.ts';
import { openDatabase } from '../../src/adapters/sqlite/open.ts';
import { wallClock } from '../../src/app/clock.ts';
import { announceHost } from '../../src/app/hosts.ts';
import { runSocket } from '../../src/app/socket.ts';
import { AmpaError } from '../../src/errors.ts';
import type { Message } from '../../src/notifications/message.ts';
import { fastClock } from '../support/fastClock.ts';
import { until } from '../support/until.ts';

describe('The socket', function () {
  this.timeout(90_000);
  let dir: string;
  const closing: (() => Promise<unknown>)[] = [];

  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(tmpdir(), 'ampa-socket-'));
  });
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
    fs.rmSync(dir, { recursive: true, force: true });
  });

  async function open(onLine: (line: string) => Promise<void> = async () => {}) {
    const errors: unknown[] = [];
    const file = path.join(dir, 'it.sock');
    const socket = await openSocket({ path: file, onLine, onError: (error) => errors.push(error) });
    closing.push(() => socket.close());
    return { file, errors, socket };
  }

  /** Says it in those pieces, ends its side, and gives the replies. */
  async function talk(file: string, ...pieces: (string | Buffer)[]): Promise<unknown[]> {
    const client = net.connect({ path: file, allowHalfOpen: true });
    await once(client, 'connect');
    client.setNoDelay(true);
    for (const piece of pieces) await new Promise((resolve) => client.write(piece, resolve));
    client.end();
    let heard = '';
    for await (const chunk of client) heard += String(chunk);
    return heard
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as unknown);
  }

  it('answers each line in its order, however they are cut into packets', async () => {
    const heard: string[] = [];
    const { file } = await open(async (line) => void heard.push(line));
    assert.deepEqual(await talk(file, '{"a', '":1}\n{"b":2}\n{"c"', ':3}\n'), [
      { ok: true },
      { ok: true },
      { ok: true },
    ]);
    assert.deepEqual(heard, ['{"a":1}', '{"b":2}', '{"c":3}']);
  });

  it('hears a last line without an end', async () => {
    const { file } = await open();
    assert.deepEqual(await talk(file, '{"a":1}'), [{ ok: true }]);
  });

  it('refuses a line above 64 KiB and hears the next', async () => {
    const heard: number[] = [];
    const { file } = await open(async (line) => void heard.push(line.length));
    const replies = await talk(
      file,
      'x'.repeat(65_536),
      '\n',
      'x'.repeat(65_537),
      '\n',
      'y'.repeat(9_000_000),
      '\nok\n',
    );
    const large = { ok: false, error: 'message too large' };
    assert.deepEqual(replies, [{ ok: true }, large, large, { ok: true }]);
    assert.deepEqual(heard, [65_536, 2]);
  });

  it('refuses bytes that are not UTF-8', async () => {
    const { file } = await open();
    assert.deepEqual(await talk(file, Buffer.from([0x7b, 0xff, 0xfe, 0x0a]), '{}\n'), [
      { ok: false, error: 'invalid JSON: it is not UTF-8' },
      { ok: true },
    ]);
  });

  it('says why a line was refused, and goes on', async () => {
    const { file, errors } = await open(async (line) => {
      if (line === 'bug') throw new TypeError('oops');
      throw new AmpaError('usage', `no: ${line}`, 'A hint is for people.');
    });
    assert.deepEqual(await talk(file, 'a\nbug\nb\n'), [
      { ok: false, error: 'no: a' },
      { ok: false, error: 'oops' },
      { ok: false, error: 'no: b' },
    ]);
    assert.equal(errors.length, 1);
  });

  it('survives clients that hang up, or never read', async () => {
    const { file, errors, socket } = await open();
    const gone = net.connect(file);
    await once(gone, 'connect');
    gone.write('{"half');
    gone.destroy();
    const deaf = net.connect(file);
    await once(deaf, 'connect');
    deaf.on('error', () => {}).pause();
    for (let i = 0; i < 50; i++) deaf.write('\n'.repeat(10_000));
    assert.deepEqual(await talk(file, '{}\n'), [{ ok: true }]);
    assert.deepEqual(errors, []);
    await socket.close();
    deaf.destroy();
  });

  it('is for its user alone, and gone when it is closed', async () => {
    const { file, socket } = await open();
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    await socket.close();
    assert.ok(!fs.existsSync(file));
  });

  it('of a killed process is removed', async () => {
    const file = path.join(dir, 'it.sock');
    const child = spawn(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(file)})`]);
    await until('it listens', () => fs.existsSync(file));
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok(fs.existsSync(file));
    await open();
    assert.deepEqual(await talk(file, '{}\n'), [{ ok: true }]);
  });

  it('of a live process is left alone', async () => {
    const { file } = await open();
    await assert.rejects(open(), { code: 'refused', message: `another process is listening on ${file}` });
    assert.deepEqual(await talk(file, '{}\n'), [{ ok: true }]);
  });

  it('takes no place of a file', async () => {
    const file = path.join(dir, 'it.sock');
    fs.writeFileSync(file, 'mine');
    await assert.rejects(open(), { code: 'refused', message: `${file} is not a socket` });
    assert.equal(fs.readFileSync(file, 'utf8'), 'mine');
  });

  describe('lies', () => {
    const place = (more: Partial<Parameters<typeof socketPath>[0]> = {}) =>
      socketPath({ wanted: '', root: '/root', userDir: '/home/me/.local/state/ampa/workspaces/ab', env: {}, ...more });
    const deep = `/${'d'.repeat(90)}/workspaces/ab`;

    it("in the workspace's folder of the user's state", () => {
      assert.equal(place(), '/home/me/.local/state/ampa/workspaces/ab/ampa.sock');
    });
    it('where the user wants it, from the root of the workspace', () => {
      assert.equal(place({ wanted: '/run/me.sock' }), '/run/me.sock');
      assert.equal(place({ wanted: 'me.sock' }), '/root/me.sock');
      assert.throws(() => place({ wanted: `/${'d'.repeat(104)}` }), { code: 'usage' });
    });
    it('in a short place of its own where the folder is too deep for a socket', () => {
      const short = place({ userDir: deep, env: { XDG_RUNTIME_DIR: '/run/user/1000' } });
      assert.match(short, /^\/run\/user\/1000\/ampa-\d+\/[0-9a-f]{16}\.sock$/);
      assert.notEqual(short, place({ userDir: `${deep}c`, env: { XDG_RUNTIME_DIR: '/run/user/1000' } }));
      assert.ok(Buffer.byteLength(place({ userDir: deep, env: { XDG_RUNTIME_DIR: deep } })) <= 103);
    });
    it('in no folder that others may write to', () => {
      const file = path.join(dir, 'open', 'a.sock');
      fs.mkdirSync(path.dirname(file));
      fs.chmodSync(path.dirname(file), 0o777);
      assert.throws(() => makeSocketDir(file, ''), { code: 'refused' });
      const linked = path.join(dir, 'linked', 'a.sock');
      fs.symlinkSync(dir, path.dirname(linked));
      assert.throws(() => makeSocketDir(linked, ''), { code: 'refused' });
      const own = path.join(dir, 'own', 'a.sock');
      makeSocketDir(own, '');
      assert.equal(fs.statSync(path.dirname(own)).mode & 0o777, 0o700);
    });
  });

  it('is one for all hosts of a workspace, and says what it hears in the outbox', async () => {
    const clock = { ...wallClock, sleep: fastClock(20).sleep };
    const said: { host: string; key: string; message: Message }[] = [];
    const notices: string[] = [];
    const userDir = path.join(dir, 'state');
    let wanted = '';
    const listeners = new Set<() => void>();
    async function host(name: string) {
      const database = await openDatabase({ file: path.join(dir, 'ampa.db'), backupDir: dir, now: Date.now });
      const hosts = createHostStore(database.db);
      const presence = await announceHost(hosts, { id: name, kind: 'cli', asks: false }, Date.now, assert.fail);
      const stop = new AbortController();
      const onError = (error: unknown): never => assert.fail(String(error));
      let ids = 0;
      const running = runSocket(
        {
          place: () => ({ wanted, root: dir, userDir, env: {} }),
          onConfig(listener) {
            listeners.add(listener);
            return () => listeners.delete(listener);
          },
          outbox: { say: async (key, message) => said.push({ host: name, key, message }) > 0 },
          clock,
          newId: () => `${name}-${++ids}`,
          say: (notice) => notices.push(notice),
          onError,
        },
        { leases: createLeaseStore(database.db), hosts },
        name,
        stop.signal,
      );
      const end = async (): Promise<void> => {
        stop.abort();
        await running;
        await presence.stop();
        await database.close();
      };
      return { end };
    }
    const first = await host('first');
    const file = path.join(userDir, 'ampa.sock');
    await until('the first host listens', () => fs.existsSync(file));
    const second = await host('second');
    closing.push(second.end);
    assert.deepEqual(await talk(file, '{"content":"hi"}\n{"body":""}\n'), [
      { ok: true },
      { ok: false, error: "empty message: no 'content' or 'body' field" },
    ]);
    await first.end();
    await until('the second host listens', () => fs.existsSync(file));
    assert.deepEqual(await talk(file, '{"title":"T","body":"b","message_type":"error"}'), [{ ok: true }]);
    assert.deepEqual(said, [
      { host: 'first', key: 'socket:first-1', message: { type: 'other', title: null, body: 'hi' } },
      { host: 'second', key: 'socket:second-1', message: { type: 'error', title: 'T', body: 'b' } },
    ]);
    wanted = 'there.sock';
    for (const listener of listeners) listener();
    const there = path.join(dir, wanted);
    await until('it listens where it is wanted by now', () => fs.existsSync(there));
    assert.ok(!fs.existsSync(file));
    assert.deepEqual(await talk(there, '{"content":"moved"}'), [{ ok: true }]);
    assert.deepEqual([notices, listeners.size], [[], 1]);
  });
});
