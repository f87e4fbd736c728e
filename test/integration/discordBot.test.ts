/** The real discord.js against the twin of Discord. */
import assert from 'node:assert/strict';
import { startBot, type Bot, type BotState } from '../../src/adapters/discord/bot.ts';
import { selectedText } from '../../src/notifications/buttons.ts';
import { handleClick, type Click, type ClickDeps } from '../../src/notifications/clicks.ts';
import type { Message } from '../../src/notifications/message.ts';
import { SendError, type LastSent } from '../../src/notifications/ports.ts';
import { AmpaError } from '../../src/errors.ts';
import type { Clock } from '../../src/tasks/ports.ts';
import { wallClock } from '../../src/app/engine.ts';
import { fastClock } from '../support/fastClock.ts';
import { startTwin, TOKEN, type Twin } from '../support/discordTwin.ts';
import { until } from '../support/until.ts';

const message = (body: string, more: Partial<Message> = {}): Message => ({ type: 'other', title: null, body, ...more });
const button = (label: string, custom_id: string) => ({ type: 'button' as const, label, custom_id });

describe('The Discord bot', function () {
  this.timeout(30_000);
  let twin: Twin;
  const stops: AbortController[] = [];
  const bots: Bot[] = [];
  let errors: unknown[] = [];

  before(async () => {
    twin = await startTwin();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) stop.abort();
    await Promise.all(bots.splice(0).map((bot) => bot.ended));
    twin.fail = null;
    twin.down = false;
    twin.forgetSessions = false;
    await until('no connection is left', () => twin.connections() === 0);
    assert.deepEqual(errors, []);
  });
  after(() => twin.stop());

  interface Options {
    token?: string;
    channelId?: string;
    api?: string;
    allowedIds?: string[];
    clock?: Clock;
    onClick?: (click: Click) => void;
    ready?: boolean;
  }

  async function start(options: Options = {}) {
    errors = [];
    const states: BotState[] = [];
    const stop = new AbortController();
    const bot = startBot(
      {
        token: options.token ?? TOKEN,
        channelId: options.channelId ?? twin.channelId,
        api: options.api ?? twin.api,
        allowedIds: () => options.allowedIds ?? [],
        clock: options.clock ?? wallClock,
        onClick: options.onClick ?? (() => {}),
        onState: (state) => states.push(state),
        onError: (error) => errors.push(error),
      },
      stop.signal,
    );
    stops.push(stop);
    bots.push(bot);
    if (options.ready !== false) await until('the bot is ready', () => bot.state().state === 'ready');
    let keys = 0;
    return {
      bot,
      states,
      stop,
      say: (it: Message, more: { key?: string; repeat?: boolean; last?: LastSent; signal?: AbortSignal } = {}) =>
        bot.channel.send(it, {
          key: more.key ?? `key-${++keys}`,
          repeat: more.repeat ?? false,
          last: more.last ?? null,
          signal: more.signal ?? new AbortController().signal,
        }),
    };
  }
  const heartbeat = (body: string): Message => message(body, { type: 'heartbeat' });
  const beatOf = (sent: { sent: boolean; remoteId?: string | null }): LastSent => ({
    type: 'heartbeat',
    remoteId: sent.remoteId ?? null,
    at: 0,
  });
  const textOf = async (id: string | null | undefined) => (await twin.messages()).find((it) => it.id === id)?.content;
  const lastRequest = (method: string) => twin.requests.findLast((it) => it.method === method)!;

  it('logs in, speaks, and leaves nothing when it is stopped', async () => {
    const { bot, say, states, stop } = await start();
    const sent = await say(message('The first word', { title: 'Hello' }));
    assert.ok(sent.sent && sent.remoteId);
    assert.equal(await textOf(sent.remoteId), '# Hello\nThe first word');
    assert.equal(twin.connections(), 1);
    stop.abort();
    await bot.ended;
    assert.deepEqual(
      states.map(({ state }) => state),
      ['ready'],
    );
  });

  it('sends a key of 25 characters with each message, the same for a repeat', async () => {
    const { say } = await start();
    await say(message('once'), { key: 'task:01J/done/with a long key that Discord would refuse' });
    const first = lastRequest('POST').body!;
    await say(message('once'), { key: 'task:01J/done/with a long key that Discord would refuse', repeat: true });
    const second = lastRequest('POST').body!;
    assert.equal(String(first['nonce']).length, 25);
    assert.equal(first['enforce_nonce'], true);
    assert.equal(second['nonce'], first['nonce']);
    assert.match(String(second['content']), /^# \(repeat\)\nonce$/);
  });

  it('pings nobody, whatever an agent has written', async () => {
    const { say } = await start();
    await say(message('@everyone, <@1> and <@&2>'));
    assert.deepEqual(lastRequest('POST').body!['allowed_mentions'], { parse: [] });
  });

  it('edits a heartbeat in place while nothing else was said', async () => {
    const clock = { ...wallClock, now: () => Date.now() + 6 * 60_000 };
    const { say } = await start({ clock });
    const first = await say(heartbeat('1 task'));
    const second = await say(heartbeat('2 tasks'), { last: beatOf(first) });
    assert.deepEqual(second, first);
    assert.ok(second.sent);
    assert.equal(await textOf(second.remoteId), '2 tasks');
    const word = await say(message('a task is done'));
    const third = await say(heartbeat('0 tasks'), { last: { ...beatOf(word), type: 'other' } });
    assert.ok(third.sent && third.remoteId !== second.remoteId);
  });

  it('posts a heartbeat anew where a person has spoken since, once that is 5 minutes ago', async () => {
    let later = 0;
    const { say } = await start({ clock: { ...wallClock, now: () => Date.now() + later } });
    later = 6 * 60_000;
    const first = await say(heartbeat('1 task'));
    const { id } = await twin.discord.channel(twin.channelId).user(twin.alice).sendMessage({ content: 'How is it?' });
    later = 4.9 * 60_000;
    const second = await say(heartbeat('2 tasks'), { last: beatOf(first) });
    assert.deepEqual(second, { sent: false, why: 'another message was sent within the last 5 minutes' });
    later = 5.1 * 60_000;
    const third = await say(heartbeat('3 tasks'), { last: beatOf(first) });
    assert.ok(third.sent && first.sent && third.remoteId !== first.remoteId);
    assert.equal(await textOf(first.remoteId), '1 task');
    // The conversation is older than what we then said.
    assert.ok(BigInt(third.remoteId!) > BigInt(id));
  });

  it('posts a heartbeat anew where the last one was deleted', async () => {
    const { say } = await start({ clock: { ...wallClock, now: () => Date.now() + 6 * 60_000 } });
    const first = await say(heartbeat('1 task'));
    assert.ok(first.sent);
    await twin.discord.channel(twin.channelId).bot().deleteMessage({ messageId: first.remoteId! });
    const second = await say(heartbeat('2 tasks'), { last: beatOf(first) });
    assert.ok(second.sent && second.remoteId !== first.remoteId);
  });

  it('puts up to five buttons in a row', async () => {
    const { say } = await start();
    const components = Array.from({ length: 7 }, (_, i) => ({
      ...button(`B${i}`, `test_${i}`),
      style: 'danger' as const,
    }));
    const sent = await say(message('Pick', { components }));
    const rows = (await twin.messages()).find((it) => sent.sent && it.id === sent.remoteId)!.components as {
      components: { style: number; label: string }[];
    }[];
    assert.deepEqual(
      rows.map((row) => row.components.map(({ label }) => label)),
      [
        ['B0', 'B1', 'B2', 'B3', 'B4'],
        ['B5', 'B6'],
      ],
    );
    assert.equal(rows[0]!.components[0]!.style, 4);
  });

  it('lets nothing out that Discord would refuse', async () => {
    const { say } = await start();
    const before = twin.requests.length;
    const refused = async (it: Message, why: RegExp): Promise<void> => {
      await assert.rejects(
        say(it),
        (error) => error instanceof SendError && error.permanent && why.test(error.message),
      );
    };
    await refused(message('x', { components: [button('x'.repeat(81), 'test_a')] }), /label of 81 characters/);
    await refused(message('x', { components: [button('a', `test_${'x'.repeat(96)}`)] }), /custom_id of 101 characters/);
    await refused(
      message('x', { components: Array.from({ length: 26 }, (_, i) => button('a', `test_${i}`)) }),
      /at most 25 fit/,
    );
    await refused(message(''), /empty/);
    assert.equal(twin.requests.length, before);
  });

  it('leaves room for its own line in a message that fills 2,000 characters', async () => {
    const { say } = await start();
    const sent = await say(message('x'.repeat(3000), { components: [button('Yes', 'prompt:1:yes')] }));
    const said = (await twin.messages()).find((it) => sent.sent && it.id === sent.remoteId)!;
    assert.equal(said.content.length, 2000);
    assert.match(said.content, /AMPA_DISCORD_ALLOWED_IDS/);
    assert.deepEqual(said.components, []);
  });

  it('says when to come again where there is too much to say', async () => {
    const { say } = await start();
    twin.fail = ({ method }) =>
      method === 'POST'
        ? {
            status: 429,
            headers: { 'retry-after': '7', 'x-ratelimit-scope': 'user' },
            body: { message: 'You are being rate limited.', retry_after: 7, global: false },
          }
        : undefined;
    await assert.rejects(say(message('x')), (error) => {
      assert.ok(error instanceof SendError && !error.permanent);
      assert.ok(error.retryAfterMs! >= 7000 && error.retryAfterMs! < 8000, `${error.retryAfterMs}`);
      return true;
    });
  });

  const failures: [what: string, status: number, body: object, permanent: boolean][] = [
    ['an outage of Discord', 503, {}, false],
    ['a channel that is not there', 404, { message: 'Unknown Channel', code: 10003 }, true],
    ['a channel without the permission to speak', 403, { message: 'Missing Permissions', code: 50013 }, true],
  ];
  for (const [what, status, body, permanent] of failures) {
    it(`tells ${what} from what may be tried again`, async () => {
      const { say } = await start();
      twin.fail = ({ method }) => (method === 'POST' ? { status, body } : undefined);
      const tried = twin.requests.length;
      await assert.rejects(
        say(message('x')),
        (error) =>
          error instanceof SendError &&
          error.permanent === permanent &&
          error.stopped === permanent &&
          error.message.includes(`${status}`),
      );
      assert.equal(twin.requests.length, tried + 1, 'the outbox tries again, and nobody else');
    });
  }

  it('says that a message may have arrived where the answer is lost', async () => {
    const { say } = await start();
    twin.fail = ({ method }) => (method === 'POST' ? { status: 0, body: {} } : undefined);
    await assert.rejects(say(message('x')), (error) => error instanceof SendError && error.unsure && !error.permanent);
  });

  it('gives up a message when it is told to', async () => {
    const { say } = await start();
    await assert.rejects(say(message('x'), { signal: AbortSignal.abort() }), /sending was stopped/);
  });

  it('resumes its session after the network dropped the gateway', async () => {
    const { bot, states, say } = await start();
    const [logins, resumed] = [twin.logins(), twin.resumed()];
    twin.drop();
    await until('it notices', () => states.some(({ state }) => state === 'starting'));
    assert.ok((await say(message('spoken in between'))).sent);
    await until('it is back', () => bot.state().state === 'ready');
    assert.deepEqual([twin.logins(), twin.resumed()], [logins, resumed + 1]);
  });

  it('logs in anew where the gateway has forgotten its session', async () => {
    const { bot, states } = await start();
    const logins = twin.logins();
    twin.forgetSessions = true;
    twin.drop(4000);
    await until('it notices', () => states.some(({ state }) => state === 'starting'));
    await until('it is back', () => bot.state().state === 'ready');
    assert.equal(twin.logins(), logins + 1);
    assert.equal(twin.connections(), 1);
  });

  it('is back after an outage longer than three tries', async () => {
    const { bot, states } = await start({ clock: fastClock(60) });
    const before = twin.requests.length;
    twin.forgetSessions = true;
    twin.down = true;
    twin.fail = () => ({ status: 503, body: {} });
    twin.drop();
    await until('three tries have failed', () => twin.requests.length > before + 4);
    assert.equal(bot.state().state, 'starting');
    assert.notEqual(bot.state().why, null);
    twin.down = false;
    twin.fail = null;
    await until('it is back', () => bot.state().state === 'ready');
    assert.ok(states.length > 2);
    assert.equal(twin.connections(), 1);
  });

  it('can be stopped while it reconnects', async () => {
    const { bot, states, stop } = await start();
    twin.down = true;
    twin.drop();
    await until('it notices', () => states.some(({ state }) => state === 'starting'));
    stop.abort();
    await bot.ended;
    twin.down = false;
    const before = twin.logins() + twin.resumed();
    // The library pauses before it reconnects: the pause of this one ends after that of the other would have.
    const other = await start();
    twin.drop();
    await until('it notices', () => other.states.some(({ state }) => state === 'starting'));
    await until('another one is back', () => other.bot.state().state === 'ready');
    assert.deepEqual([twin.logins() + twin.resumed(), twin.connections()], [before + 2, 1]);
  });

  it('can be stopped before it has begun', async () => {
    const { bot, stop } = await start({ ready: false });
    stop.abort();
    await bot.ended;
  });

  it('stops at once with a token that Discord does not know, and says so', async () => {
    const { bot, say } = await start({ token: 'wrong', ready: false });
    await bot.ended;
    assert.deepEqual(bot.state(), {
      state: 'stopped',
      why: 'Discord does not know the token of AMPA_DISCORD_BOT_TOKEN',
    });
    await assert.rejects(say(message('x')), (error) => error instanceof SendError && error.permanent);
  });

  it('stops when its token is revoked while it runs', async () => {
    const { bot } = await start({ clock: fastClock(60) });
    twin.drop(4004);
    await bot.ended;
    assert.equal(bot.state().state, 'stopped');
    assert.match(bot.state().why!, /does not know the token/);
  });

  it('stops after three starts in a row that failed, and says why', async () => {
    twin.fail = () => ({ status: 503, body: {} });
    const before = twin.requests.length;
    const { bot, say, states } = await start({ clock: fastClock(60), ready: false });
    await bot.ended;
    assert.equal(twin.requests.length - before, 3);
    assert.equal(states.at(-1)!.state, 'stopped');
    assert.match(states.at(-1)!.why!, /^3 starts in a row have failed, the last one with: /);
    await assert.rejects(say(message('x')), (error) => error instanceof SendError && !error.permanent);
  });

  it('does not wait for ever for a gateway that is silent', async () => {
    twin.down = true;
    const { bot } = await start({ clock: fastClock(60), ready: false });
    await bot.ended;
    assert.match(bot.state().why!, /did not let the bot in within 30 s/);
  });

  describe('hears clicks:', () => {
    async function asked(more: Options & Partial<Pick<ClickDeps, 'respond'>> = {}) {
      const answers: { promptId?: string; response: string; by: string }[] = [];
      const acts: string[] = [];
      const deps: ClickDeps = {
        hasPrompt: async (id) => id === 'P1',
        hasTask: async (id) => id === 'T1',
        respond: async (answer) => {
          answers.push(answer);
          return {} as never;
        },
        taskActions: { abort: async (id) => void acts.push(`abort ${id}`) },
        allowedIds: () => more.allowedIds ?? [],
        onError: (error) => errors.push(error),
        ...(more.respond ? { respond: more.respond } : {}),
      };
      const handled: string[] = [];
      const it = await start({
        ...more,
        onClick: (click) => void handleClick(deps, click).then(() => handled.push(click.customId)),
      });
      const components = [
        button('Yes', 'prompt:P1:yes'),
        button('Foreign', 'prompt:P2:yes'),
        button('Abort', 'task:T1:abort'),
        button('Blue', 'test_blue'),
      ];
      const sent = await it.say(message('May I?', { components }));
      assert.ok(sent.sent);
      const id = sent.remoteId!;
      return {
        id,
        answers,
        acts,
        async click(user: string, customId: string) {
          const before = handled.length;
          const clicked = await twin.click(user, id, customId);
          await until('the click is handled', () => handled.length > before);
          const messages = await twin.messages();
          return {
            acknowledged: await clicked.acknowledged(),
            said: messages.slice(messages.findIndex((one) => one.id === id) + 1),
            buttons: messages.find((one) => one.id === id)!.components,
          };
        },
      };
    }
    const EPHEMERAL = 64;

    it('the answer of somebody who may is given, said, and the buttons go', async () => {
      const it = await asked({ allowedIds: [twin.alice] });
      const { acknowledged, said, buttons } = await it.click(twin.alice, 'prompt:P1:yes');
      assert.ok(acknowledged);
      assert.deepEqual(it.answers, [{ promptId: 'P1', response: 'yes', by: 'alice (Discord)' }]);
      assert.deepEqual(buttons, []);
      assert.equal(said.length, 1);
      assert.match(
        said[0]!.content,
        /^You selected Yes, good luck\. \(clicked by alice, \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\)$/,
      );
    });

    it('a task is acted on', async () => {
      const it = await asked({ allowedIds: [twin.alice] });
      await it.click(twin.alice, 'task:T1:abort');
      assert.deepEqual(it.acts, ['abort T1']);
    });

    it('a test button only answers', async () => {
      const it = await asked();
      const { said, buttons } = await it.click(twin.bob, 'test_blue');
      assert.match(said[0]!.content, /^You selected Blue, good luck\. \(clicked by bob, /);
      assert.equal(buttons.length, 1);
      assert.deepEqual([it.answers, it.acts], [[], []]);
    });

    it('nobody else may decide, and only they hear it', async () => {
      const it = await asked({ allowedIds: [twin.alice] });
      const { acknowledged, said, buttons } = await it.click(twin.bob, 'prompt:P1:yes');
      assert.ok(acknowledged);
      assert.deepEqual(it.answers, []);
      assert.equal(buttons.length, 1);
      assert.deepEqual(
        said.map(({ content, flags }) => [content, flags]),
        [['You may not decide this here.', EPHEMERAL]],
      );
    });

    it('a role may decide', async () => {
      await twin.discord.prisma.guildMember.updateMany({
        where: { userId: twin.bob },
        data: { roles: JSON.stringify(['role-7']) },
      });
      const it = await asked({ allowedIds: ['role-7'] });
      await it.click(twin.bob, 'prompt:P1:yes');
      assert.deepEqual(
        it.answers.map(({ by }) => by),
        ['bob (Discord)'],
      );
    });

    it('without allowed ids a click decides nothing, and says how to allow it', async () => {
      const it = await asked();
      const { said } = await it.click(twin.alice, 'prompt:P1:yes');
      assert.deepEqual(it.answers, []);
      assert.match(said[0]!.content, /set AMPA_DISCORD_ALLOWED_IDS/);
      assert.equal(said[0]!.flags, EPHEMERAL);
    });

    it('what is of another workspace is left alone', async () => {
      const it = await asked({ allowedIds: [twin.alice] });
      for (const customId of ['prompt:P2:yes', 'task:T2:abort', 'task:T1:explode', 'other']) {
        const { acknowledged, said } = await it.click(twin.alice, customId);
        assert.equal(acknowledged, false, customId);
        assert.deepEqual(said, []);
      }
    });

    it('a late click hears who answered', async () => {
      const it = await asked({
        allowedIds: [twin.alice],
        respond: () =>
          Promise.reject(new AmpaError('invalid_state', 'it was answered by HTTP at 2026-01-01T00:00:00Z')),
      });
      const { said, buttons } = await it.click(twin.alice, 'prompt:P1:yes');
      assert.deepEqual(
        said.map(({ content, flags }) => [content, flags]),
        [['it was answered by HTTP at 2026-01-01T00:00:00Z', EPHEMERAL]],
      );
      assert.deepEqual(buttons, []);
    });

    it('an answer that could not be delivered can be given again', async () => {
      const it = await asked({
        allowedIds: [twin.alice],
        respond: () => Promise.reject(new AmpaError('agent_error', 'the agent did not take it', 'Try again.')),
      });
      const { said, buttons } = await it.click(twin.alice, 'prompt:P1:yes');
      assert.equal(said[0]!.content, 'the agent did not take it. Try again.');
      assert.equal(buttons.length, 1);
    });

    it('a click is acknowledged before anything slow is done', async () => {
      const { promise: slow, resolve } = Promise.withResolvers<never>();
      const seen: string[] = [];
      const it = await start({
        allowedIds: [twin.alice],
        onClick: (click) =>
          void handleClick(
            {
              hasPrompt: async () => true,
              hasTask: async () => false,
              respond: () => slow,
              taskActions: {},
              allowedIds: () => [twin.alice],
              onError: (error) => errors.push(error),
            },
            click,
          ).then(() => seen.push('handled')),
      });
      const sent = await it.say(message('May I?', { components: [button('Yes', 'prompt:P1:yes')] }));
      assert.ok(sent.sent);
      const clicked = await twin.click(twin.alice, sent.remoteId!, 'prompt:P1:yes');
      await until('it is acknowledged', () => clicked.acknowledged());
      assert.deepEqual(seen, []);
      resolve({} as never);
      await until('it is handled', () => seen.length === 1);
    });

    it('says the time of the click as UTC', () => {
      assert.equal(
        selectedText('Blue', 'user', Date.UTC(2026, 0, 1)),
        'You selected Blue, good luck. (clicked by user, 2026-01-01T00:00:00Z)',
      );
    });
  });
});
