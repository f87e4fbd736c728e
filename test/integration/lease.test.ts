import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monotonicFactory } from 'ulid';
import { createCounterStore } from '../../src/adapters/sqlite/counterStore.ts';
import { createHostStore } from '../../src/adapters/sqlite/hostStore.ts';
import { createLeaseStore } from '../../src/adapters/sqlite/leaseStore.ts';
import { openDatabase, type OpenDatabase } from '../../src/adapters/sqlite/open.ts';
import { sayIn } from '../../src/adapters/sqlite/outbox.ts';
import { processIdentity } from '../../src/adapters/process/identity.ts';
import { readProcess } from '../../src/adapters/process/table.ts';
import { announceHost, type HostPresence } from '../../src/app/hosts.ts';
import { withLease } from '../../src/app/lease.ts';
import { fastClock } from '../support/fastClock.ts';
import { until } from '../support/until.ts';

describe('what a workspace has one of', () => {
  const clock = fastClock(50);
  const newId = monotonicFactory();
  let dir: string;
  let databases: OpenDatabase[];
  let ended: AbortController[];
  let loops: Promise<void>[];

  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'ampa-lease-'));
    databases = [];
    ended = [];
    loops = [];
  });
  afterEach(async () => {
    for (const end of ended) end.abort();
    await Promise.all(loops);
    await Promise.all(databases.map((database) => database.close()));
    rmSync(dir, { recursive: true, force: true });
  });

  async function open() {
    const database = await openDatabase({
      file: path.join(dir, 'ampa.db'),
      backupDir: path.join(dir, 'backups'),
      now: () => clock.now(),
    });
    databases.push(database);
    return { db: database.db, hosts: createHostStore(database.db), leases: createLeaseStore(database.db) };
  }

  /** A host that does it while it may, and says in `holders` that it is at it. */
  async function host(holders: Set<string>) {
    const store = await open();
    const presence: HostPresence = await announceHost(
      store.hosts,
      { id: newId(), kind: 'daemon', asks: false },
      clock.now,
      (notice) => assert.fail(notice),
    );
    const stop = new AbortController();
    ended.push(stop);
    const deps = { ...store, clock, owner: presence.id, onError: (error: unknown) => assert.fail(String(error)) };
    loops.push(
      withLease(deps, 'it', stop.signal, async (held) => {
        holders.add(presence.id);
        if (!held.aborted) await once(held, 'abort');
        holders.delete(presence.id);
      }).then(() => presence.stop()),
    );
    return { ...store, id: presence.id, stop };
  }

  it('is done by one host, and by the next when that one stops', async () => {
    const holders = new Set<string>();
    const first = await host(holders);
    await until('the first host does it', () => holders.has(first.id));
    const second = await host(holders);
    const third = await host(holders);
    assert.deepEqual([...holders], [first.id]);
    first.stop.abort();
    await until('a successor does it', () => holders.has(second.id) || holders.has(third.id));
    assert.equal(holders.size, 1);
  });

  it('stays with a live process of this machine, however late it is', async () => {
    const { leases } = await open();
    const holders = new Set<string>();
    const first = await host(holders);
    await until('the first host does it', () => holders.has(first.id));
    // As if its event loop had hung past the end of its lease.
    await leases.takeFrom('it', first.id, first.id, 0);
    const second = await host(holders);
    await clock.sleep(12_000);
    assert.deepEqual([...holders], [first.id]);
    assert.notEqual((await leases.holder('it'))?.owner, second.id);
  });

  it('goes at once from a process that was killed', async () => {
    const { leases, hosts } = await open();
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const identity = {
      ...(await processIdentity()),
      pid: child.pid!,
      startTime: (await readProcess(child.pid!))!.startTime,
    };
    await hosts.register({
      id: 'killed',
      kind: 'daemon',
      asks: 0,
      pid: identity.pid,
      start_time: identity.startTime,
      boot_id: identity.bootId,
      pid_namespace: identity.pidNamespace,
      machine: identity.hostname,
      started_at: new Date(clock.now()).toISOString(),
      beat_at: clock.now(),
    });
    const far = clock.now() + 3600_000;
    await leases.take('it', 'killed', far);
    const holders = new Set<string>();
    const heir = await host(holders);
    assert.equal(holders.size, 0);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await until('the heir does it', () => holders.has(heir.id));
  });

  it('is lost where another machine has taken it', async () => {
    const { leases } = await open();
    const holders = new Set<string>();
    const first = await host(holders);
    await until('the first host does it', () => holders.has(first.id));
    await leases.takeFrom('it', first.id, 'elsewhere', clock.now() + 3600_000);
    await until('the first host has stopped', () => holders.size === 0);
    assert.equal((await leases.holder('it'))?.owner, 'elsewhere');
  });

  it('is given back where the store was busy for a moment, and ends no loop where it stays so', async () => {
    const store = await open();
    for (const [failures, left] of [
      [1, undefined],
      [99, 'me'],
    ] as const) {
      let fails = failures;
      const errors: unknown[] = [];
      const stop = new AbortController();
      const leases = {
        ...store.leases,
        async release(name: string, owner: string) {
          if (fails-- > 0) throw new Error('the database is locked');
          await store.leases.release(name, owner);
        },
      };
      const onError = (error: unknown): void => void errors.push(error);
      await withLease({ ...store, leases, clock, owner: 'me', onError }, 'other', stop.signal, async () =>
        stop.abort(),
      );
      assert.equal((await store.leases.holder('other'))?.owner, left);
      assert.ok(errors.length > 0 && errors.length <= 3, String(errors));
    }
  });

  it('counts together, whoever counts', async () => {
    const [a, b] = [createCounterStore((await open()).db), createCounterStore((await open()).db)];
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 ? a : b).add('runs', { result: 'ok', kind: 'shell' }, 0.5)),
    );
    await a.add('runs', { kind: 'shell', result: 'failed' });
    await b.set('budget', {}, 7);
    assert.deepEqual(await a.all(), [
      { name: 'budget', labels: {}, value: 7 },
      { name: 'runs', labels: { kind: 'shell', result: 'failed' }, value: 1 },
      { name: 'runs', labels: { kind: 'shell', result: 'ok' }, value: 20 },
    ]);
  });

  it('says the same thing once, whoever says it', async () => {
    const [a, b] = [await open(), await open()];
    const message = { type: 'other', title: 'Hello', body: null } as const;
    const said = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        sayIn((i % 2 ? a : b).db, { id: newId(), key: 'hello', message, now: clock.now() }),
      ),
    );
    assert.equal(said.filter(Boolean).length, 1);
  });
});
