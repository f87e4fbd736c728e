/** What the bot says: the real discord.js against the twin of Discord. */
import assert from 'node:assert/strict';
import { wallClock } from '../../src/app/clock.ts';
import type { Message } from '../../src/notifications/message.ts';
import { SendError, type LastSent } from '../../src/notifications/ports.ts';
import { botBench, button, message } from '../support/discordBot.ts';

describe('The Discord bot', function () {
  this.timeout(90_000);
  const bench = botBench();
  const heartbeat = (body: string): Message => message(body, { type: 'heartbeat' });
  const beatOf = (sent: { sent: boolean; remoteId?: string | null }): LastSent => ({
    type: 'heartbeat',
    remoteId: sent.remoteId ?? null,
    at: 0,
  });
  const textOf = async (id: string | null | undefined) =>
    (await bench.twin.messages()).find((it) => it.id === id)?.content;
  const lastRequest = (method: string) => bench.twin.requests.findLast((it) => it.method === method)!;

  it('logs in, speaks, and leaves nothing when it is stopped', async () => {
    const { bot, say, states, stop } = await bench.start();
    const sent = await say(message('The first word', { title: 'Hello' }));
    assert.ok(sent.sent && sent.remoteId);
    assert.equal(await textOf(sent.remoteId), '# Hello\nThe first word');
    assert.equal(bench.twin.connections(), 1);
    stop.abort();
    await bot.ended;
    assert.deepEqual(
      states.map(({ state }) => state),
      ['ready'],
    );
  });

  it('sends a key of 25 characters with each message, the same for a repeat, which is there once', async () => {
    const { say } = await bench.start();
    await say(message('once'), { key: 'task:01J/done/with a long key that Discord would refuse' });
    const first = lastRequest('POST').body!;
    await say(message('once'), { key: 'task:01J/done/with a long key that Discord would refuse', repeat: true });
    const second = lastRequest('POST').body!;
    assert.equal(String(first['nonce']).length, 25);
    assert.equal(first['enforce_nonce'], true);
    assert.equal(second['nonce'], first['nonce']);
    assert.equal((await bench.twin.messages()).filter(({ content }) => content.includes('once')).length, 1);
    assert.match(String(second['content']), /^# \(repeat\)\nonce$/);
  });

  it('pings nobody, whatever an agent has written', async () => {
    const { say } = await bench.start();
    await say(message('@everyone, <@1> and <@&2>'));
    assert.deepEqual(lastRequest('POST').body!['allowed_mentions'], { parse: [] });
  });

  it('edits a heartbeat in place while nothing else was said', async () => {
    const clock = { ...wallClock, now: () => Date.now() + 6 * 60_000 };
    const { say } = await bench.start({ clock });
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
    const { say } = await bench.start({ clock: { ...wallClock, now: () => Date.now() + later } });
    later = 6 * 60_000;
    const first = await say(heartbeat('1 task'));
    const { id } = await bench.twin.discord
      .channel(bench.twin.channelId)
      .user(bench.twin.alice)
      .sendMessage({ content: 'How is it?' });
    later = 4 * 60_000;
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
    const { say } = await bench.start({ clock: { ...wallClock, now: () => Date.now() + 6 * 60_000 } });
    const first = await say(heartbeat('1 task'));
    assert.ok(first.sent);
    await bench.twin.discord.channel(bench.twin.channelId).bot().deleteMessage({ messageId: first.remoteId! });
    const second = await say(heartbeat('2 tasks'), { last: beatOf(first) });
    assert.ok(second.sent && second.remoteId !== first.remoteId);
  });

  it('puts up to five buttons in a row', async () => {
    const { say } = await bench.start();
    const components = Array.from({ length: 7 }, (_, i) => ({
      ...button(`B${i}`, `test_${i}`),
      style: 'danger' as const,
    }));
    const sent = await say(message('Pick', { components }));
    const rows = (await bench.twin.messages()).find((it) => sent.sent && it.id === sent.remoteId)!.components as {
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
    const { say } = await bench.start();
    const before = bench.twin.requests.length;
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
    assert.equal(bench.twin.requests.length, before);
  });

  it('leaves room for its own line in a message that fills 2,000 characters', async () => {
    const { say } = await bench.start();
    const sent = await say(message('x'.repeat(3000), { components: [button('Yes', 'prompt:1:yes')] }));
    const said = (await bench.twin.messages()).find((it) => sent.sent && it.id === sent.remoteId)!;
    assert.equal(said.content.length, 2000);
    assert.match(said.content, /AMPA_DISCORD_ALLOWED_IDS/);
    assert.deepEqual(said.components, []);
  });

  it('says when to come again where there is too much to say', async () => {
    const { say } = await bench.start();
    bench.twin.fail = ({ method }) =>
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
      const { say } = await bench.start();
      bench.twin.fail = ({ method }) => (method === 'POST' ? { status, body } : undefined);
      const tried = bench.twin.requests.length;
      await assert.rejects(
        say(message('x')),
        (error) =>
          error instanceof SendError &&
          error.permanent === permanent &&
          error.stopped === permanent &&
          error.message.includes(`${status}`),
      );
      assert.equal(bench.twin.requests.length, tried + 1, 'the outbox tries again, and nobody else');
    });
  }

  it('says that a message may have arrived where the answer is lost', async () => {
    const { say } = await bench.start();
    bench.twin.fail = ({ method }) => (method === 'POST' ? { status: 0, body: {} } : undefined);
    await assert.rejects(say(message('x')), (error) => error instanceof SendError && error.unsure && !error.permanent);
  });

  it('gives up a message when it is told to', async () => {
    const { say } = await bench.start();
    await assert.rejects(say(message('x'), { signal: AbortSignal.abort() }), /sending was stopped/);
  });
});
