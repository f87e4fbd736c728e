import assert from 'node:assert/strict';
import { SendError, type Sent } from '../../src/notifications/ports.ts';
import { sayIn } from '../../src/adapters/sqlite/outbox.ts';
import { deliveryBench } from '../support/deliveryBench.ts';
import { makeTask, NEEDS } from '../support/repo.ts';
import { START } from '../support/movedClock.ts';
import { until } from '../support/until.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SENT: Sent = { sent: true, remoteId: null };

describe('the ends of tasks', () => {
  let bench: ReturnType<typeof deliveryBench>;
  beforeEach(() => (bench = deliveryBench()));
  afterEach(() => bench.remove());
  const titles = (): (string | null)[] => bench.taken.map((it) => it.message.title);

  it('are told once each, in order, by whichever host reads them first', async () => {
    const hosts = [await bench.host('a'), await bench.host('b'), await bench.host('c')] as const;
    const { tasks, board } = hosts[0];
    const wanted: string[] = [];
    for (let i = 0; i < 30; i++) {
      await board.insert(makeTask({ id: bench.newId(), repo: '/r', title: `Task ${i}` }));
      const claim = await tasks.claimNext('carrier', 1, NEEDS);
      if (i % 3 === 0) await tasks.apply(claim!, { type: 'succeed' });
      else await tasks.apply(claim!, { type: 'stop', reason: i % 3 === 1 ? 'agent_missing' : 'max_attempts' });
      wanted.push(
        [
          `[DONE] Task ${i} checks green`,
          `[NEEDS-HUMAN] Task ${i} needs a human`,
          `[FROZEN] Task ${i} frozen: budget exhausted`,
        ][i % 3]!,
      );
    }
    await Promise.all(hosts.map((host) => host.turn()));
    await Promise.all(hosts.map((host) => host.turn()));
    assert.deepEqual(titles(), wanted);
    await board.continueTask((await board.find((await board.list({})).tasks[0]!.id)).id, 'again');
    for (const host of hosts) await host.turn();
    assert.equal(bench.taken.length, 30, 'what a person does is told to nobody');
  });

  it('say that work has landed, whatever it was before, and name what it is called on the forge', async () => {
    const host = await bench.host('a');
    const { tasks, board } = host;
    const forge = {
      kind: 'github',
      host: 'github.com',
      owner: 'o',
      name: 'r',
      pullRequest: 'first',
      identity: 'gh',
      issue: null,
    } as const;
    for (const end of ['succeed', 'stop'] as const) {
      const { id } = await board.insert(makeTask({ id: bench.newId(), repo: '/r', forge }));
      const claim = await tasks.claimQueued(id, 'carrier', 1);
      await tasks.patch(claim!, { pr_number: 7, pr_url: 'https://github.com/o/r/pull/7', summary: 's3cr3t-value' });
      const ended = await tasks.apply(
        claim!,
        end === 'succeed' ? { type: 'succeed' } : { type: 'stop', reason: 'checks_missing' },
      );
      await host.turn();
      await board.recordMerge(ended, new Date(bench.clock.now()).toISOString(), 'Merged.');
      await host.turn();
    }
    assert.deepEqual(titles(), [
      '[DONE] o/r#7 checks green',
      '[DONE] o/r#7 landed',
      '[NEEDS-HUMAN] o/r#7 needs a human',
      '[DONE] o/r#7 landed',
    ]);
    assert.ok(!JSON.stringify(bench.taken).includes('s3cr3t-value'));
  });

  it('are told to nobody who comes later than an hour', async () => {
    bench.state.configured = [];
    const host = await bench.host('a');
    const end = async (): Promise<void> => {
      await host.board.insert(makeTask({ id: bench.newId(), repo: '/r', title: `At ${bench.clock.now() - START}` }));
      await host.tasks.apply((await host.tasks.claimNext('carrier', 1, NEEDS))!, { type: 'succeed' });
    };
    await end();
    bench.time.to(START + HOUR + 1);
    await end();
    await host.turn();
    bench.state.configured = ['slack'];
    await host.turn();
    assert.deepEqual(titles(), [`[DONE] At ${HOUR + 1} checks green`]);
  });
});

describe('what is to be said', () => {
  let bench: ReturnType<typeof deliveryBench>;
  beforeEach(() => (bench = deliveryBench()));
  afterEach(async () => {
    assert.deepEqual(bench.errors, []);
    await bench.remove();
  });
  const keys = (): string[] => bench.taken.map(({ key, repeat }) => (repeat ? `${key} (repeat)` : key));

  it('goes to every configured channel once, in order, whichever host is faster', async () => {
    bench.state.configured = ['slack', 'ntfy'];
    const [a, b] = [await bench.host('a'), await bench.host('b')];
    for (let i = 0; i < 20; i++) await a.say(`m${i}`);
    assert.equal(await b.say('m3'), false, 'the same key is said once');
    await Promise.all([a.turn(), b.turn()]);
    await Promise.all([a.turn(), b.turn()]);
    for (const channel of bench.state.configured) {
      const heard = bench.taken.filter((it) => it.channel === channel).map((it) => it.key);
      assert.deepEqual(
        heard,
        Array.from({ length: 20 }, (_, i) => `m${i}`),
      );
    }
  });

  it('costs an idle host nothing but a look an hour', async () => {
    const host = await bench.host('a');
    assert.equal(await host.turn(), START + HOUR);
    assert.equal(await host.pass(), START + HOUR);
  });

  it('waits for no channel but its own', async () => {
    bench.state.configured = ['slack', 'ntfy'];
    let release = (): void => {};
    const slow = new Promise<void>((resolve) => (release = resolve));
    bench.state.answer = async ({ channel }) => {
      if (channel === 'slack') await slow;
      return SENT;
    };
    const host = await bench.host('a');
    for (const key of ['one', 'two', 'three']) await host.say(key);
    await host.pass();
    await until('ntfy has it all', () => bench.taken.filter((it) => it.channel === 'ntfy').length === 3);
    assert.equal(bench.taken.filter((it) => it.channel === 'slack').length, 1);
    release();
    await host.settled();
    assert.equal(bench.taken.length, 6);
  });

  it('is tried again in its time, in order, and lets others pass when it fails for long', async () => {
    const fails = new Set(['bad']);
    bench.state.answer = async ({ key }) => {
      if (fails.has(key)) throw new SendError('HTTP 500');
      return SENT;
    };
    const host = await bench.host('a');
    await host.say('bad');
    await host.say('next');
    assert.equal(await host.turn(), START + 2000);
    assert.deepEqual(keys(), ['bad'], 'a passing trouble keeps the order');
    bench.time.to(START + 1999);
    await host.turn();
    assert.deepEqual(keys(), ['bad']);
    bench.time.to(START + 2000);
    assert.equal(await host.turn(), START + 6000);
    bench.time.to(START + 6000);
    await host.turn();
    assert.deepEqual(keys(), ['bad', 'bad', 'bad', 'next']);
    assert.deepEqual((await host.store.status('slack')).depth, 1);
    fails.clear();
    bench.time.to(START + 14_000);
    await host.turn();
    assert.deepEqual(keys().at(-1), 'bad');
    assert.deepEqual(await host.store.status('slack'), {
      state: 'ok',
      error: null,
      depth: 0,
      buried: 0,
      buriedAt: null,
    });
  });

  it('leaves a channel in peace for as long as it asks', async () => {
    let busy = true;
    bench.state.answer = async () => {
      if (busy) throw new SendError('HTTP 429', { retryAfterMs: 30_000 });
      return SENT;
    };
    const host = await bench.host('a');
    await host.say('one');
    assert.equal(await host.turn(), START + 30_000);
    busy = false;
    await host.say('two');
    bench.time.to(START + 29_999);
    await host.turn();
    assert.deepEqual(keys(), ['one']);
    bench.time.to(START + 30_000);
    await host.turn();
    assert.deepEqual(keys(), ['one', 'one', 'two']);
  });

  it('goes to the dead letter file after ten tries, or at once where it is refused for good, and every host says so', async () => {
    bench.state.answer = async ({ key }) => {
      throw new SendError(`no ${key} s3cr3t-value`, { permanent: key === 'refused' });
    };
    const [host, other] = [await bench.host('a'), await bench.host('b', [])];
    await other.turn();
    await host.say('tried', { body: 'words' });
    for (let at = START; bench.letters.length === 0; at += MINUTE) {
      bench.time.to(at);
      await host.turn();
    }
    assert.equal(bench.taken.length, 10);
    await host.say('refused');
    await host.turn();
    assert.equal(bench.taken.length, 11);
    assert.deepEqual(
      bench.letters.map(({ reason, channel, payload }) => [reason, channel, payload.key, payload.body]),
      [
        ['no tried ***', 'slack', 'tried', 'words'],
        ['no refused ***', 'slack', 'refused', null],
      ],
    );
    assert.equal(bench.letters[1]?.ts, new Date(bench.clock.now()).toISOString());
    await other.say('x');
    await other.pass();
    assert.deepEqual(bench.notices, ['slack: no tried ***', 'slack: no refused ***', 'slack: no refused ***']);
    assert.equal((await host.store.status('slack')).buried, 2);
  });

  it('says that a channel is stopped where its address is gone', async () => {
    bench.state.answer = async () => {
      throw new SendError('HTTP 404', { stopped: true });
    };
    const host = await bench.host('a');
    await host.say('x');
    await host.turn();
    assert.equal((await host.store.status('slack')).state, 'stopped');
    bench.state.answer = async () => SENT;
    await host.say('y');
    await host.turn();
    assert.equal((await host.store.status('slack')).state, 'ok');
  });

  it('stays where the dead letter file cannot be written', async () => {
    bench.state.answer = async () => {
      throw new SendError('refused', { permanent: true });
    };
    const bury = bench.state.bury;
    bench.state.bury = async () => {
      throw new Error('the disk is full');
    };
    const host = await bench.host('a');
    await host.say('x');
    await host.turn();
    assert.equal(bench.errors.length, 1);
    bench.time.to(START + MINUTE);
    await host.turn();
    assert.equal(bench.taken.length, 2);
    assert.equal(bench.errors.length, 1, 'said once');
    bench.errors.length = 0;
    bench.state.bury = bury;
    bench.time.to(START + 2 * MINUTE);
    await host.turn();
    assert.equal(bench.letters.length, 1);
  });

  it('is sent again, and says so, after a death between sending and recording', async () => {
    const [a, b] = [await bench.host('a'), await bench.host('b')];
    await a.say('one');
    await a.say('two');
    const claimed = await a.store.claim('slack', 'a', { now: START, leaseUntil: START + MINUTE });
    assert.equal(await b.turn(), START + 5000, 'its holder lives');
    assert.deepEqual(keys(), []);
    bench.state.dead.add('a');
    await b.turn();
    assert.deepEqual(keys(), ['one (repeat)', 'two']);
    assert.equal(await a.store.sent(claimed!.delivery, SENT, START), false, 'a claim that was taken away says nothing');
  });

  it('is marked as a repeat after no answer came, and not after one that said no', async () => {
    const failures = [
      new SendError('HTTP 500'),
      new SendError('no answer', { unsure: true }),
      new Error('a bug of ours'),
    ];
    bench.state.answer = async () => {
      const failure = failures.shift();
      if (failure) throw failure;
      return SENT;
    };
    const host = await bench.host('a');
    await host.say('x');
    for (let at = START; at < START + MINUTE; at += 1000) {
      bench.time.to(at);
      await host.turn();
    }
    assert.deepEqual(keys(), ['x', 'x', 'x (repeat)', 'x (repeat)']);
  });

  it('is given up by a channel that heeds no signal, after half a minute', async () => {
    bench.state.answer = () => new Promise<Sent>(() => undefined);
    const host = await bench.host('a');
    await host.say('x');
    await host.pass();
    await until('it is on its way', () => bench.taken.length === 1);
    bench.time.to(START + 30_000);
    await host.settled();
    const [fate] = await host.store.fate('x');
    assert.deepEqual([fate?.state, fate?.detail], ['waiting', 'it took too long']);
  });

  it('may finish on its way when its host ends, for three seconds', async () => {
    let answer = (_: Sent): void => {};
    bench.state.answer = () => new Promise<Sent>((resolve) => (answer = resolve));
    const host = await bench.host('a');
    await host.say('x');
    await host.say('y');
    await host.pass();
    await until('it is on its way', () => bench.taken.length === 1);
    host.stop.abort();
    answer(SENT);
    await host.settled();
    assert.deepEqual(
      [(await host.store.fate('x'))[0]?.state, (await host.store.fate('y'))[0]?.state],
      ['sent', 'waiting'],
    );

    const other = await bench.host('b');
    await other.pass();
    await until('the next is on its way', () => bench.taken.length === 2);
    other.stop.abort();
    bench.time.to(START + 3000);
    await other.settled();
    const row = await other.db.selectFrom('deliveries').selectAll().where('state', '=', 'waiting').executeTakeFirst();
    assert.equal(row?.repeat, 1);
  });

  it('waits for the host that serves its channel', async () => {
    bench.state.configured = ['discord-bot', 'slack'];
    const [plain, bot] = [await bench.host('plain', ['slack']), await bench.host('bot', ['slack', 'discord-bot'])];
    await plain.say('x');
    await plain.turn();
    assert.deepEqual(
      bench.taken.map((it) => it.channel),
      ['slack'],
    );
    await bot.turn();
    assert.deepEqual(
      bench.taken.map((it) => [it.channel, it.host]),
      [
        ['slack', 'plain'],
        ['discord-bot', 'bot'],
      ],
    );
  });

  it('goes to every channel that any host knows of, once, whichever of them is first', async () => {
    const [a, b] = [await bench.host('a', undefined, ['slack']), await bench.host('b', undefined, ['ntfy'])];
    await Promise.all([a.turn(), b.turn()]);
    const heard = (channel: string): string[] => bench.taken.filter((it) => it.channel === channel).map((it) => it.key);
    await a.say('by a');
    await b.say('by b');
    const message = { type: 'other', title: 'said', body: null } as const;
    await sayIn(a.db, { id: bench.newId(), key: 'by the store', message, now: START });
    await a.board.insert(makeTask({ id: bench.newId(), repo: '/r', title: 'Ended' }));
    await a.tasks.apply((await a.tasks.claimNext('carrier', 1, NEEDS))!, { type: 'succeed' });
    for (let i = 0; i < 3; i++) for (const host of [a, b]) await host.turn();
    const ended = bench.taken.find((it) => it.message.type === 'doorbell')?.key;
    assert.deepEqual(heard('slack').toSorted(), ['by a', 'by b', 'by the store', ended]);
    assert.deepEqual(heard('ntfy').toSorted(), heard('slack').toSorted());
    assert.deepEqual([heard('slack')[0], heard('ntfy')[0]], ['by a', 'by b']);
    await a.say('for slack', { only: ['slack'] });
    for (const host of [a, b]) await host.turn();
    assert.equal(heard('slack').at(-1), 'for slack');
    assert.ok(!heard('ntfy').includes('for slack'), 'it is nobody else’s');
    assert.equal(await a.pass(), START + HOUR, 'and then nothing is news any more');

    const late = await bench.host('c', undefined, ['discord-webhook']);
    await late.turn();
    assert.deepEqual(heard('discord-webhook'), [], 'a new channel is not told what others have heard');
    bench.time.to(START + 30 * MINUTE);
    await a.say('at half past');
    bench.time.to(START + 91 * MINUTE);
    await a.say('after that');
    await late.turn();
    assert.deepEqual(heard('discord-webhook'), ['after that'], 'nobody is told old stories');
  });

  it('tells a channel what it was told last', async () => {
    bench.state.answer = async ({ key }) =>
      key === 'quiet' ? { sent: false, why: 'somebody has spoken' } : { sent: true, remoteId: `id of ${key}` };
    const host = await bench.host('a');
    for (const key of ['one', 'quiet', 'two']) await host.say(key);
    await host.turn();
    const one = { type: 'other', remoteId: 'id of one', at: START };
    assert.deepEqual(
      bench.taken.map((it) => it.last),
      [null, one, one],
    );
    assert.deepEqual(await host.store.fate('quiet'), [
      { channel: 'slack', state: 'skipped', tries: 1, detail: 'somebody has spoken' },
    ]);
  });

  it('is the newest heartbeat only, on Discord only', async () => {
    bench.state.configured = ['discord-webhook', 'ntfy', 'slack'];
    const host = await bench.host('a');
    for (const key of ['h1', 'h2', 'h3']) await host.say(key, { type: 'heartbeat' });
    await host.turn();
    assert.deepEqual(
      bench.taken.map((it) => [it.key, it.channel]),
      [['h3', 'discord-webhook']],
    );
    assert.equal((await host.store.fate('h1'))[0]?.state, 'dropped');
  });

  it('is told by a transaction of the store, masked, and by a later host where none was there', async () => {
    const host = await bench.host('a');
    const message = { type: 'other', title: 'said', body: 's3cr3t-value' } as const;
    await sayIn(host.db, { id: bench.newId(), key: 'said', message, now: START });
    bench.time.to(START + 59 * MINUTE);
    await host.turn();
    assert.deepEqual(
      bench.taken.map((it) => it.message.body),
      ['***'],
    );
  });

  it('is dropped where nobody wanted to hear it for an hour, and piles up nowhere', async () => {
    bench.state.configured = [];
    const host = await bench.host('a');
    const rows = async (): Promise<number> => (await host.db.selectFrom('outbox').select('id').execute()).length;
    for (let i = 0; i < 10; i++)
      await sayIn(host.db, {
        id: bench.newId(),
        key: `k${i}`,
        message: { type: 'other', title: 'x', body: null },
        now: START,
      });
    await host.turn();
    assert.equal(await rows(), 10, 'a channel may be configured in a moment');
    bench.time.to(START + HOUR + 1);
    bench.state.configured = ['slack'];
    await host.turn();
    assert.deepEqual([await rows(), keys()], [0, []], 'nobody is told old stories');
  });

  it('is forgotten a week after it was said, a heartbeat after an hour', async () => {
    bench.state.configured = ['discord-webhook'];
    const host = await bench.host('a');
    await host.say('beat', { type: 'heartbeat' });
    await host.say('said');
    await host.turn();
    const left = async (): Promise<string[]> =>
      (await host.db.selectFrom('outbox').select('key').execute()).map((row) => row.key);
    bench.time.to(START + 2 * HOUR);
    await host.turn();
    assert.deepEqual(await left(), ['said']);
    bench.time.to(START + 8 * 24 * HOUR);
    await host.turn();
    assert.deepEqual(await left(), []);
  });

  it('is given up where it could not be sent for a week', async () => {
    bench.state.configured = ['discord-bot'];
    const host = await bench.host('a', []);
    await host.say('x');
    bench.time.to(START + 8 * 24 * HOUR);
    await host.turn();
    assert.deepEqual(
      bench.letters.map((it) => it.reason),
      ['it could not be sent for a week'],
    );
  });

  it('is given up after a week also where a dead process was sending it on a channel that is off by now', async () => {
    bench.state.configured = ['discord-webhook'];
    const host = await bench.host('a', []);
    await host.say('x');
    await host.store.claim('discord-webhook', 'b', { now: START, leaseUntil: START + MINUTE });
    bench.state.configured = [];
    bench.time.to(START + 8 * 24 * HOUR);
    await host.turn();
    assert.equal(bench.letters.length, 0, 'its holder lives');
    bench.state.dead.add('b');
    bench.time.to(START + 8 * 24 * HOUR + HOUR);
    await host.turn();
    assert.deepEqual(
      bench.letters.map((it) => it.reason),
      ['it could not be sent for a week'],
    );
  });

  it('is no repeat where it was only to be given up, and could not be written down', async () => {
    bench.state.configured = ['discord-bot'];
    const host = await bench.host('a', []);
    await host.say('x');
    bench.state.bury = async () => {
      throw new Error('the disk is full');
    };
    bench.time.to(START + 8 * 24 * HOUR);
    await host.turn();
    assert.deepEqual(
      (await host.store.fate('x')).map(({ state, tries }) => [state, tries]),
      [['waiting', 0]],
    );
    const claimed = await host.store.claim('discord-bot', 'a', { now: bench.clock.now(), leaseUntil: Infinity });
    assert.equal(claimed?.delivery.repeat, false);
    bench.errors.length = 0;
  });

  it('goes by the settings of its time, also in the middle of what waits', async () => {
    const host = await bench.host('a');
    for (const key of ['x', 'y']) await host.say(key);
    bench.state.answer = async () => {
      bench.state.configured = [];
      return SENT;
    };
    await host.turn();
    assert.deepEqual(keys(), ['x']);
    bench.state.configured = ['slack'];
    await host.turn();
    assert.deepEqual(keys(), ['x', 'y']);
  });

  it('is not said within so long of one like it, by any clock of the wall', async () => {
    const { store } = await bench.open();
    const say = (at: number): Promise<boolean> =>
      store.say(
        `startup:${at}`,
        { type: 'startup', title: 'started', body: null },
        { channels: ['slack'], now: at, newId: bench.newId, unless: { prefix: 'startup:', ms: 10 * MINUTE } },
      );
    const edge = 10 * MINUTE * 3_000_000;
    assert.deepEqual(
      [await say(edge - 1), await say(edge), await say(edge + 9 * MINUTE), await say(edge + 10 * MINUTE)],
      [true, false, false, true],
    );
    assert.equal(await say(edge - 24 * HOUR), true, 'the clock was set back');
  });

  it('waits for no time that a clock has written which was set back', async () => {
    let fails = true;
    bench.state.answer = async () => {
      if (fails) throw new SendError('HTTP 500');
      return SENT;
    };
    const host = await bench.host('a');
    await host.say('x');
    await host.turn();
    fails = false;
    bench.time.to(START - 24 * HOUR);
    await host.turn();
    assert.equal((await host.store.fate('x'))[0]?.state, 'sent');
  });
});
