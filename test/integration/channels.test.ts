import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createDiscordWebhook } from '../../src/adapters/discord/webhook.ts';
import { createNtfy } from '../../src/adapters/ntfy/ntfy.ts';
import { createSlackWebhook } from '../../src/adapters/slack/webhook.ts';
import { fetchOf } from '../../src/adapters/github/proxy.ts';
import { createPost } from '../../src/app/post.ts';
import type { Message } from '../../src/notifications/message.ts';
import { SendError, type Channel, type LastSent, type Sent } from '../../src/notifications/ports.ts';
import {
  discordTakes,
  ntfyTakes,
  slackTakes,
  startChannelServer,
  type ChannelServer,
} from '../support/channelServer.ts';

const NOW = Date.parse('2026-05-05T12:00:00Z');
const message = (over: Partial<Message> = {}): Message => ({ type: 'other', title: 'Hello', body: 'World', ...over });
const heartbeat = message({ type: 'heartbeat', title: 'AMPA heartbeat', body: null });
const links = [
  { label: 'Open the task', url: 'vscode://ampa.ampa/task/1?folder=file%3A%2F%2F%2Fw' },
  { label: 'Pull request', url: 'https://github.com/o/r/pull/1' },
];

const postWithin = (ms: number) =>
  createPost(
    () => fetchOf({}),
    () => NOW,
    ms,
  );
/** For a machine that stalls. */
const PATIENCE_MS = 60_000;
const post = postWithin(PATIENCE_MS);
const send = (channel: Channel, it: Message, over: { repeat?: boolean; last?: LastSent } = {}): Promise<Sent> =>
  channel.send(it, {
    key: 'k',
    repeat: over.repeat ?? false,
    last: over.last ?? null,
    signal: new AbortController().signal,
  });
async function failureOf(sending: Promise<Sent>): Promise<SendError> {
  try {
    await sending;
  } catch (error) {
    assert.ok(error instanceof SendError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'it was sent' });
}

describe('the channels', () => {
  let server: ChannelServer;
  beforeEach(async () => (server = await startChannelServer(discordTakes)));
  afterEach(() => server.close());

  const SECRET = '/api/webhooks/1/s3cr3t-t0ken';
  const discord = (by = post): Channel =>
    createDiscordWebhook({ url: `${server.url}${SECRET}`, post: by, now: () => NOW });
  const slack = (by = post): Channel => createSlackWebhook({ url: `${server.url}/services/T/B/s3cr3t`, post: by });
  const ntfy = (by = post, token = ''): Channel => createNtfy({ url: `${server.url}/my%20topic`, token, post: by });

  describe('what can go wrong with each', () => {
    const one: [name: string, make: (by?: typeof post) => Channel][] = [
      ['Discord', discord],
      ['Slack', slack],
      ['ntfy', ntfy],
    ];
    for (const [name, make] of one) {
      it(`${name} that is busy is heard out`, async () => {
        server.next.push({ status: 429, headers: { 'retry-after': '7' }, body: 'rate_limited' });
        const error = await failureOf(send(make(), message()));
        assert.deepEqual([error.retryAfterMs, error.permanent, error.unsure], [7000, false, false]);
        server.next.push({ status: 503, headers: { 'retry-after': new Date(NOW + 9000).toUTCString() }, body: '' });
        assert.equal((await failureOf(send(make(), message()))).retryAfterMs, 9000);
      });
      it(`${name} that fails is tried again, and an answer means that nothing was sent`, async () => {
        server.next.push({ status: 500, body: 'oops' }, { status: 504, body: '' });
        const error = await failureOf(send(make(), message()));
        assert.deepEqual([error.message, error.permanent, error.unsure], ['HTTP 500: oops', false, false]);
        assert.equal((await failureOf(send(make(), message()))).unsure, true, 'a gateway knows nothing');
      });
      it(`${name} that hangs or drops the connection may have taken it`, async () => {
        server.next.push('hang', 'drop');
        const slow = await failureOf(send(make(postWithin(400)), message()));
        assert.deepEqual([slow.message, slow.permanent, slow.unsure], ['no answer within 0.4 s', false, true]);
        const dropped = await failureOf(send(make(), message()));
        assert.deepEqual([dropped.permanent, dropped.unsure], [false, true]);
      });
      it(`${name} that is not there has surely not taken it`, async () => {
        const channel = make();
        await server.close();
        const error = await failureOf(send(channel, message()));
        assert.deepEqual(
          [error.message, error.permanent, error.unsure],
          ['it cannot be reached (ECONNREFUSED)', false, false],
        );
      });
      it(`${name} whose address or token is wrong is stopped, and a message it refuses is not tried again`, async () => {
        server.next.push(
          { status: 404, body: 'no_service' },
          { status: 403, body: '' },
          { status: 302 },
          { status: 400 },
        );
        for (const stopped of [true, true, true, false]) {
          const error = await failureOf(send(make(), message()));
          assert.deepEqual([error.permanent, error.stopped], [true, stopped], error.message);
        }
        assert.equal(server.received.length, 4, 'a redirect is not followed');
      });
    }
    it('never tells the address', async () => {
      for (const bad of ['no address s3cr3t', 'ftp://host/s3cr3t', 'http://s3cr3t.invalid./x']) {
        const error = await failureOf(send(createDiscordWebhook({ url: bad, post, now: () => NOW }), message()));
        assert.ok(!`${error.message}${String(error.cause)}`.includes('s3cr3t'), error.message);
      }
      server.next.push('drop', { status: 500, body: 'x' });
      for (let i = 0; i < 2; i++) {
        const error = await failureOf(send(discord(), message()));
        assert.ok(!`${error.stack}`.includes('t0ken'));
      }
    });
  });

  describe('a Discord webhook', () => {
    it('is told to wait, and to call nobody', async () => {
      const sent = await send(discord(), message({ body: 'hey @everyone' }), { repeat: true });
      const [{ method, url, body }] = server.received as [(typeof server.received)[number]];
      assert.deepEqual([method, url], ['POST', `${SECRET}?wait=true`]);
      assert.deepEqual(body, { content: '# Hello (repeat)\nhey @\u200beveryone', allowed_mentions: { parse: [] } });
      assert.ok(sent.sent && /^\d+$/.test(sent.remoteId ?? ''));
    });
    it('gets at most 2,000 characters, and never nothing', async () => {
      await send(discord(), message({ body: 'é'.repeat(3000) }));
      assert.equal(String(server.received[0]!.body['content']).length, 2000);
      assert.equal((await failureOf(send(discord(), message({ title: null, body: ' ' })))).permanent, true);
    });
    it('is given the time that the body names', async () => {
      const body = { message: 'You are being rate limited.', retry_after: 0.37, global: false };
      server.next.push({ status: 429, headers: { 'retry-after': '1' }, body });
      assert.equal((await failureOf(send(discord(), message()))).retryAfterMs, 370);
    });
    it('edits its heartbeat, posts it anew where that is gone, and is silent while others have spoken', async () => {
      const last: LastSent = { type: 'heartbeat', remoteId: '77', at: NOW - 60_000 };
      assert.equal((await send(discord(), heartbeat, { last })).sent, true);
      assert.deepEqual([server.received[0]?.method, server.received[0]?.url], ['PATCH', `${SECRET}/messages/77`]);
      server.next.push({ status: 404, body: { message: 'Unknown Message', code: 10008 } });
      assert.equal((await send(discord(), heartbeat, { last })).sent, true);
      assert.deepEqual(
        server.received.slice(1).map((it) => it.method),
        ['PATCH', 'POST'],
      );
      const silent = await send(discord(), heartbeat, { last: { type: 'error', remoteId: '8', at: NOW - 1000 } });
      assert.equal(silent.sent, false);
      server.next.push({ status: 404, body: { message: 'Unknown Webhook', code: 10015 } });
      assert.equal((await failureOf(send(discord(), heartbeat, { last }))).stopped, true);
    });
    it('keeps what its address asks for', async () => {
      const threaded = createDiscordWebhook({ url: `${server.url}${SECRET}/?thread_id=5`, post, now: () => NOW });
      await send(threaded, message());
      assert.equal(server.received[0]?.url, `${SECRET}?thread_id=5&wait=true`);
    });
  });

  describe('a Slack webhook', () => {
    beforeEach(() => (server.always = slackTakes));
    it('gets blocks, with links that a browser opens as links', async () => {
      const fields = [{ name: 'Took', value: '3 s' }];
      await send(slack(), message({ title: 'A <b> & c', body: 'x <!channel> & y', links, fields, output: 'a\n``` b' }));
      const { text, blocks } = server.received[0]!.body as {
        text: string;
        blocks: { type: string; text?: { text: string }; fields?: { text: string }[] }[];
      };
      assert.equal(text, 'A &lt;b&gt; &amp; c');
      assert.deepEqual(
        blocks.map((block) => [block.type, block.text?.text ?? block.fields?.map((field) => field.text)]),
        [
          ['header', 'A <b> & c'],
          [
            'section',
            '<https://github.com/o/r/pull/1|Pull request>   Open the task: vscode://ampa.ampa/task/1?folder=file%3A%2F%2F%2Fw',
          ],
          ['section', 'x &lt;\u200b!channel&gt; &amp; y'],
          ['section', ['*Took*\n3 s']],
          ['section', "```\na\n''' b\n```"],
        ],
      );
    });
    it('stays within the limits of blocks, whatever it is told', async () => {
      await send(
        slack(),
        message({
          title: '😀'.repeat(400),
          body: '<&>'.repeat(4000),
          output: '&'.repeat(9000),
          fields: Array.from({ length: 30 }, (_, i) => ({ name: `n${i}`.repeat(99), value: '<'.repeat(3000) })),
        }),
      );
      const { text, blocks } = server.received[0]!.body as {
        text: string;
        blocks: { type: string; text?: { text: string }; fields?: { text: string }[] }[];
      };
      assert.ok(text.length <= 4000 && blocks.length <= 50);
      for (const block of blocks) {
        const limit = block.type === 'header' ? 150 : 3000;
        assert.ok((block.text?.text.length ?? 0) <= limit, `${block.type}: ${block.text?.text.length}`);
        assert.ok((block.fields?.length ?? 0) <= 10);
        for (const field of block.fields ?? []) assert.ok(field.text.length <= 2000);
        assert.doesNotMatch(block.text?.text ?? '', /&(?!amp;|lt;|gt;)/u, 'an escape is not cut in two');
      }
    });
    it('hears no heartbeat', async () => {
      assert.equal((await send(slack(), heartbeat)).sent, false);
      assert.equal(server.received.length, 0);
    });
    it('is stopped by what Slack says of a webhook that is gone', async () => {
      server.next.push({ status: 410, body: 'channel_is_archived' }, { status: 500, body: 'no_team' });
      assert.equal((await failureOf(send(slack(), message()))).stopped, true);
      assert.equal((await failureOf(send(slack(), message()))).stopped, true);
      server.next.push({ status: 400, body: 'invalid_payload' });
      assert.equal((await failureOf(send(slack(), message()))).stopped, false);
    });
  });

  describe('an ntfy topic', () => {
    beforeEach(() => (server.always = ntfyTakes));
    it('gets title, priority, tags, the link and buttons', async () => {
      const sent = await send(
        ntfy(post, 'tk_1'),
        message({ title: 'Grüße 😀', links, priority: 'high', tags: ['ampa', 'done'] }),
      );
      const [{ url, headers, body }] = server.received as [(typeof server.received)[number]];
      assert.deepEqual([url, headers.authorization], ['/', 'Bearer tk_1']);
      assert.deepEqual(body, {
        topic: 'my topic',
        title: 'Grüße 😀',
        message: `World\nPull request: ${links[1]!.url}\nOpen the task: ${links[0]!.url}`,
        priority: 4,
        tags: ['ampa', 'done'],
        click: links[1]!.url,
        actions: [
          { action: 'view', label: 'Pull request', url: links[1]!.url },
          { action: 'view', label: 'Open the task', url: links[0]!.url },
        ],
      });
      assert.ok(sent.sent && sent.remoteId?.startsWith('n'));
    });
    it('gets no more bytes than make a message, and says low and default priorities', async () => {
      await send(ntfy(), message({ body: 'ü'.repeat(5000), priority: 'low' }));
      await send(ntfy(), message({ body: null, type: 'error' }));
      const [long, short] = server.received.map((it) => it.body);
      assert.ok(Buffer.byteLength(long?.['message'] as string) <= 4000);
      assert.deepEqual([long?.['priority'], short?.['priority'], short?.['message']], [2, 4, 'Hello']);
      assert.equal(server.received[0]?.headers.authorization, undefined);
      await send(ntfy(), message({ body: 'ü'.repeat(5000), links, fields: [{ name: 'Answer', value: 'here' }] }));
      const text = String(server.received[2]?.body['message']);
      assert.ok(
        Buffer.byteLength(text) <= 4000 && text.endsWith(`Open the task: ${links[0]!.url}\nAnswer: here`),
        text,
      );
    });
    it('never hears a heartbeat', async () => {
      assert.equal((await send(ntfy(), heartbeat)).sent, false);
      assert.equal(server.received.length, 0);
    });
    it('needs a topic in its address', async () => {
      const error = await failureOf(send(createNtfy({ url: server.url, token: '', post }), message()));
      assert.deepEqual([error.stopped, /names no topic/.test(error.message)], [true, true]);
    });
    it('may lie behind a path', async () => {
      await send(createNtfy({ url: `${server.url}/push/alerts`, token: '', post }), message());
      assert.deepEqual([server.received[0]?.url, server.received[0]?.body['topic']], ['/push/', 'alerts']);
      await send(createNtfy({ url: `${server.url.replace('//', '//me:p%40ss@')}/x`, token: '', post }), message());
      assert.equal(server.received[1]?.headers.authorization, `Basic ${btoa('me:p@ss')}`);
    });
  });

  it('go through the proxy that the environment names', async () => {
    const asked: (string | undefined)[] = [];
    const proxy = http.createServer().on('connect', (request: http.IncomingMessage, socket: Duplex) => {
      asked.push(request.url);
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const through = (env: Record<string, string>): Channel => {
      const url = `${server.url.replace('127.0.0.1', 'localhost')}/x`;
      return createSlackWebhook({
        url,
        post: createPost(
          () => fetchOf(env),
          () => NOW,
          PATIENCE_MS,
        ),
      });
    };
    try {
      server.always = slackTakes;
      await failureOf(send(through({ HTTP_PROXY: address }), message()));
      assert.equal(asked.length, 1);
      assert.equal((await send(through({ HTTP_PROXY: address, NO_PROXY: 'localhost' }), message())).sent, true);
      assert.equal(asked.length, 1);
    } finally {
      proxy.close();
    }
  });
});
