import assert from 'node:assert/strict';
import type { HostStore } from '../../src/adapters/sqlite/hostStore.ts';
import { createCapabilities } from '../../src/app/capabilities.ts';
import type { QueuedTask } from '../../src/tasks/ports.ts';
import {
  missingOf,
  needsKey,
  needsOf,
  tryOrLeave,
  waitingFor,
  type Missing,
  type Reported,
} from '../../src/tasks/capabilities.ts';
import type { IdentityKind, Task, TaskForge } from '../../src/tasks/task.ts';
import { runWorker, workOnce, type Capabilities, type WorkerDeps } from '../../src/tasks/worker.ts';
import { makeTask } from '../support/repo.ts';
import { until } from '../support/until.ts';

const forge = (identity: IdentityKind, over: Partial<TaskForge> = {}): TaskForge => ({
  ...{ kind: 'github', host: 'github.com', owner: 'acme', name: 'widget' },
  ...{ pullRequest: 'first', identity, issue: null, ...over },
});
const task = (over: Partial<Task> = {}): Task => makeTask({ repo: '/repo', ...over });
const SESSION = "the editor's GitHub session";
const CLAUDE = 'claude on its PATH';
const EDITOR: Missing = { words: [SESSION], editor: true };
const PROGRAM: Missing = { words: [CLAUDE], editor: false };

describe('the capabilities that a task needs of its host', () => {
  it('are the same for tasks that need the same, whatever else they are', () => {
    const one = task({ forge: forge('gh'), request: 'a' });
    assert.equal(needsKey(one), needsKey(task({ forge: forge('gh', { issue: 7, name: 'gadget' }), request: 'b' })));
    for (const other of [
      task(),
      task({ forge: forge('editor') }),
      task({ forge: forge('gh', { host: 'ghe.corp.example' }) }),
      task({ forge: forge('gh'), agent_spec: { ...one.agent_spec, argv: ['false'] } }),
    ])
      assert.notEqual(needsKey(one), needsKey(other));
  });

  it('are somebody on the forge only where it is asked for anything', () => {
    const without = forge('editor', { pullRequest: 'never' });
    assert.equal(needsOf(task({ forge: without, checks: { provider: 'none' } })).identity, null);
    assert.equal(needsOf(task({ forge: without, checks: { provider: 'github' } })).identity?.kind, 'editor');
    assert.equal(needsOf(task({ forge: forge('editor') })).identity?.kind, 'editor');
    assert.equal(needsOf(task()).identity, null);
  });

  it('are named where they lack', () => {
    const needs = needsOf(task({ forge: forge('editor') }));
    assert.equal(missingOf(needs, null, true), null);
    assert.deepEqual(missingOf(needs, 'claude', true), PROGRAM);
    assert.deepEqual(missingOf(needs, null, false), EDITOR);
    assert.deepEqual(missingOf(needs, '/opt/claude', false), { words: ['/opt/claude', SESSION], editor: true });
    assert.equal(missingOf(needsOf(task({ forge: forge('gh') })), null, false)!.editor, false);
  });

  const cases: [string, Missing, Reported[], { begun?: boolean; unchangedMs?: number }, string | null][] = [
    ['tries alone what lacks its program', PROGRAM, [], {}, 'try'],
    ['waits alone for the editor', EDITOR, [], {}, SESSION],
    ['tries alone what has begun, for what it still can', EDITOR, [], { begun: true }, 'try'],
    ['tries what all others lack too', PROGRAM, [['gh signed in'], PROGRAM.words], {}, 'try'],
    ['waits for the editor that all others lack too', EDITOR, [EDITOR.words], {}, SESSION],
    ['leaves to one that has it what is its turn to say', PROGRAM, [PROGRAM.words, null], { unchangedMs: 1e9 }, null],
    ['leaves what has begun to one that has it', EDITOR, [null], { begun: true }, null],
    ['lets another have a look', PROGRAM, [undefined], { unchangedMs: 3_999 }, null],
    ['says what it waits for where another does not look', PROGRAM, [undefined], { unchangedMs: 4_000 }, CLAUDE],
    ['says what each of them lacks', EDITOR, [PROGRAM.words, [CLAUDE, SESSION]], {}, `${CLAUDE} and ${SESSION}`],
  ];
  for (const [what, missing, others, how, expected] of cases)
    it(`that a host has not: it ${what}`, () => {
      const it_ = tryOrLeave(missing, others, { begun: false, unchangedMs: 0, ...how });
      assert.deepEqual(it_, expected === 'try' ? { do: 'try' } : { do: 'leave', words: expected });
    });

  it('are said with the next step as long as the task waits', () => {
    const waits_for = SESSION;
    const waiting = waitingFor({ status: 'queued', waits_for })!;
    assert.equal(waiting.text, "waiting for a host with the editor's GitHub session");
    assert.match(waiting.hint, /VS Code/);
    assert.match(waitingFor({ status: 'queued', waits_for: CLAUDE })!.hint, /ampa daemon/);
    assert.equal(waitingFor({ status: 'aborted', waits_for }), null);
    assert.equal(waitingFor({ status: 'queued', waits_for: null }), null);
  });
});

describe('the capabilities of a host', () => {
  const HOSTS = { hosts: () => Promise.resolve([]) } as unknown as HostStore;
  let now: number;
  let asked: string[];
  let have: { program: boolean; account: boolean };
  let changed: () => void;
  const make = (): Capabilities =>
    createCapabilities(
      {
        now: () => now,
        async missingProgram(spec) {
          asked.push('program');
          return have.program ? null : spec.argv[0]!;
        },
        async signedIn() {
          asked.push('account');
          if (!have.account) throw new Error('its key is unusable');
          return true;
        },
        onConfig(listener) {
          changed = listener;
          return () => undefined;
        },
      },
      HOSTS,
      () => null,
    );
  const takeAsked = (): string[] => asked.splice(0);
  const it_ = task({ forge: forge('gh') });
  const key = needsKey(it_);
  beforeEach(() => {
    now = 1_000_000;
    asked = [];
    have = { program: true, account: true };
  });

  it('are looked up once for the same needs, an account for half a minute, and again when the settings change', async () => {
    const capabilities = make();
    assert.deepEqual(capabilities.able(), []);
    for (let i = 0; i < 5; i++) assert.equal(await capabilities.missingFor(key, it_), null);
    assert.deepEqual(takeAsked(), ['program', 'account']);
    assert.deepEqual(capabilities.able(), [key]);
    now += 29_999;
    assert.deepEqual(capabilities.able(), [key]);
    now += 1;
    assert.deepEqual(capabilities.able(), []);
    assert.equal(await capabilities.missingFor(key, it_), null);
    assert.deepEqual(takeAsked(), ['program', 'account']);
    let heard = 0;
    capabilities.onChange(() => heard++);
    changed();
    assert.equal(heard, 1);
    assert.deepEqual(capabilities.able(), []);
  });

  it('are looked up again after 5 s where a program lacks, after 30 s where it is an account', async () => {
    const capabilities = make();
    have = { program: false, account: true };
    assert.equal((await capabilities.missingFor(key, it_))!.words[0], 'true on its PATH');
    have = { program: true, account: false };
    now += 5_000;
    assert.equal((await capabilities.missingFor(key, it_))!.words[0], 'gh signed in');
    takeAsked();
    now += 5_000;
    assert.equal((await capabilities.missingFor(key, it_))!.words[0], 'gh signed in');
    assert.deepEqual(takeAsked(), []);
    have.account = true;
    now += 25_000;
    assert.equal(await capabilities.missingFor(key, it_), null);
  });
});

describe('the loop of a host that is not capable of a task', () => {
  let calls: string[];
  let queued: QueuedTask[];
  let running: Task[];
  let lacks: Missing | null;
  let others: Record<string, Reported>[];
  let now: number;
  let sleeping: { ms: number; end(): void } | undefined;
  let change: () => void;
  const TASK = task({ id: 'T1' });
  const KEY = needsKey(TASK);

  const deps = (): WorkerDeps => ({
    queue: {
      running: () => Promise.resolve(running),
      async claimNext(owner, _slots, needs) {
        calls.push('claim next');
        const found = queued.find((it) => needs.includes(it.needs));
        queued = queued.filter((it) => it !== found);
        return found && { taskId: found.id, owner, token: 1 };
      },
      async queuedBeside(needs) {
        calls.push('look');
        return queued.filter((it) => !needs.includes(it.needs));
      },
      async claimQueued(id, owner) {
        queued = queued.filter((it) => it.id !== id);
        return { taskId: id, owner, token: 1 };
      },
      async takeOver(taskId, token, owner) {
        running = [];
        return { taskId, owner, token: token + 1 };
      },
      async sayWaiting({ id }, words) {
        calls.push(`say ${id}: ${words}`);
        queued = queued.map((it) => (it.id === id ? { ...it, waits_for: words } : it));
      },
    },
    capabilities: {
      able: () => [],
      missingFor: () => Promise.resolve(lacks),
      exchange: () => Promise.resolve(others),
      onChange: () => () => undefined,
    },
    clock: {
      now: () => now,
      after: () => () => undefined,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          const end = (): void => {
            sleeping = undefined;
            resolve();
          };
          sleeping = { ms, end };
          signal!.addEventListener('abort', end);
        }),
    },
    newOwner: () => 'me',
    startCarrier: ({ taskId }) => Promise.resolve(void calls.push(`start ${taskId}`)),
    giveUp: () => Promise.reject(new Error('nothing is given up here')),
    failed: () => Promise.reject(new Error('nothing fails here')),
    isDead: () => Promise.resolve(true),
    onChange(listener) {
      change = listener;
      return () => undefined;
    },
    slots: () => 2,
    onError: (error) => calls.push(String(error)),
  });
  const pass = async (): Promise<string[]> => {
    await workOnce(deps());
    return calls.splice(0).filter((it) => it !== 'claim next' && it !== 'look');
  };

  beforeEach(() => {
    calls = [];
    running = [];
    others = [];
    lacks = EDITOR;
    now = Date.parse(TASK.updated_at);
    queued = [{ ...TASK, needs: KEY }];
    sleeping = undefined;
  });

  it('looks once each 5 s and says it once; at once when something has changed', async () => {
    const stop = new AbortController();
    const loop = runWorker(deps(), stop.signal);
    const once = [`say T1: ${SESSION}`];
    for (let i = 0; i < 4; i++) {
      const { ms, end } = await until('it sleeps', () => sleeping);
      assert.equal(ms, 5_000);
      assert.deepEqual(calls.splice(0), ['claim next', 'look', ...once.splice(0)]);
      now += ms;
      end();
    }
    await until('it sleeps', () => sleeping);
    calls = [];
    lacks = null;
    change();
    await until('it sleeps', () => sleeping);
    assert.deepEqual(calls, ['claim next', 'look', 'claim next', 'start T1', 'claim next', 'look']);
    stop.abort();
    await loop;
  });

  it('leaves it, and takes the next that it is capable of', async () => {
    const capabilities = {
      ...deps().capabilities,
      missingFor: (key: string) => Promise.resolve(key === KEY ? EDITOR : null),
    };
    queued.push({ ...task({ id: 'T2' }), needs: 'others' });
    await workOnce({ ...deps(), capabilities });
    assert.deepEqual(calls.slice(-4), ['start T2', 'claim next', 'look', `say T1: ${SESSION}`]);
  });

  it('leaves it to a host that has it, and tries it when that is gone', async () => {
    lacks = PROGRAM;
    others = [{ [KEY]: null }];
    assert.deepEqual(await pass(), []);
    others = [{}];
    assert.deepEqual(await pass(), []);
    now += 5_000;
    assert.deepEqual(await pass(), [`say T1: ${CLAUDE}`]);
    others = [{ [KEY]: PROGRAM.words }];
    assert.deepEqual(await pass(), ['start T1']);
  });

  it("leaves a dead carrier's task to a host that has it, and takes it over where none does", async () => {
    queued = [];
    running = [task({ id: 'T1', status: 'running', phase: 'checks', owner: 'dead' })];
    others = [{ [KEY]: null }];
    assert.deepEqual(await pass(), []);
    others = [{ [KEY]: EDITOR.words }];
    assert.deepEqual(await pass(), ['start T1']);
  });
});
