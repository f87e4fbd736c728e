/** The outbox and the bot together: what is said arrives in Discord, once, and the heartbeat stays one message. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monotonicFactory } from 'ulid';
import { createMeter } from '../../src/app/meter.ts';
import { createAnnouncements, type Announcements } from '../../src/app/announcements.ts';
import { createDiscord } from '../../src/app/discord.ts';
import { wallClock } from '../../src/app/clock.ts';
import { openEngineStore, type EngineStore } from '../../src/app/engineStore.ts';
import { announceHost } from '../../src/app/hosts.ts';
import { statePaths } from '../../src/app/state.ts';
import type { ConfigValues } from '../../src/config/knobs.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { Message } from '../../src/notifications/message.ts';
import { startTwin, TOKEN, type Twin } from '../support/discordTwin.ts';
import { fastClock } from '../support/fastClock.ts';
import { until } from '../support/until.ts';

describe('The outbox and the Discord bot', function () {
  this.timeout(90_000);
  let twin: Twin;
  const dir = mkdtempSync(path.join(tmpdir(), 'ampa-discord-outbox-'));
  const clock = { ...wallClock, sleep: fastClock(5).sleep };
  const newId = monotonicFactory();
  const notices: string[] = [];
  let config: ConfigValues;
  let store: EngineStore;
  let announcements: Announcements;
  const stop = new AbortController();
  let running: Promise<unknown>;

  before(async () => {
    twin = await startTwin();
    config = {
      ...resolveConfig([], true).values,
      discordBotToken: TOKEN,
      discordChannelId: twin.channelId,
      discordApiUrl: twin.api,
      backoffBaseSeconds: 0.01,
    };
    const workspace = { root: dir, stateDir: path.join(dir, '.worklog/ampa'), isGit: false };
    const env = { HOME: dir };
    const say = (notice: string): void => void notices.push(notice);
    store = await openEngineStore(workspace, statePaths(workspace, env), Date.now, newId, say, async () => null);
    const host = await announceHost(store.hosts, { id: newId(), kind: 'daemon', asks: false }, Date.now, assert.fail);
    const bot = createDiscord({
      config: () => config,
      clicks: {
        hasPrompt: async () => false,
        hasTask: async () => false,
        respond: () => Promise.reject(new Error('not asked')),
        taskActions: {},
      },
      clock,
      say,
      onError: (error) => notices.push(String(error)),
    });
    announcements = createAnnouncements({
      ...{ workspace, env, clock, config: () => config, secrets: [], bot, newId, say },
      onConfig: () => () => undefined,
      isTracked: async () => false,
      meter: createMeter((error) => notices.push(String(error))),
      place: { scheme: 'vscode', folder: 'file:///x' },
      existing: () => Promise.resolve(store),
      writable: () => Promise.resolve(store),
    });
    running = (async () => {
      await announcements.run(store, host.id, stop.signal);
      await host.stop();
    })();
  });
  after(async () => {
    stop.abort();
    await running;
    await store.close();
    await twin.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const message = (body: string, more: Partial<Message> = {}): Message => ({
    type: 'other',
    title: null,
    body,
    ...more,
  });
  const contents = async (): Promise<string[]> => (await twin.messages()).map(({ content }) => content);

  it('what was said before anybody was connected arrives, in its order', async () => {
    await announcements.outbox.say('a', message('first'));
    await announcements.outbox.say('b', message('second'));
    await announcements.outbox.say('a', message('first'));
    await until('both are there', async () => (await contents()).length >= 2);
    assert.deepEqual(await contents(), ['first', 'second']);
  });

  it('a message over the limit is cut, and its code is closed', async () => {
    await announcements.outbox.say('long', message(`\`\`\`\n${'x'.repeat(5000)}\n\`\`\``));
    const content = await until('it is there', async () => (await contents())[2]);
    assert.equal(content.length, 2000);
    assert.match(content, /x\.\.\.\n```$/);
  });

  it('mentions are none any more, nor are links under another name, and our own link is one', async () => {
    const links = [{ label: 'Pull request', url: 'https://github.com/o/r_x_/pull/1' }];
    const body = '@everyone <@1> [ok](https://evil.example)';
    await announcements.outbox.say('call', message(body, { title: '# ||x||', links }));
    const content = await until('it is there', async () => (await contents())[3]);
    assert.deepEqual(content.replaceAll('\u200b', '').split('\n'), [
      '# \\# \\|\\|x\\|\\|',
      '@everyone <@1> [ok]\\(https://evil.example)',
      'Pull request: https://github.com/o/r_x_/pull/1',
    ]);
    assert.ok(!content.includes('@everyone') && !content.includes('<@1>'), content);
  });

  it('a message whose answer was lost is sent again, and is there once', async () => {
    twin.loseAnswers = true;
    await announcements.outbox.say('lost', message('only once'));
    const posts = (): number =>
      twin.requests.filter(({ body }) => String(body?.['content']).includes('only once')).length;
    await until('it was tried twice', () => posts() > 1);
    twin.loseAnswers = false;
    await until('it is dealt with', async () => (await announcements.channels())[0]!.depth === 0);
    assert.deepEqual((await contents()).slice(4), ['only once']);
    const [first, second] = twin.requests.filter(({ body }) => String(body?.['content']).includes('only once'));
    assert.equal(second!.body!['nonce'], first!.body!['nonce']);
    assert.equal(second!.body!['content'], '# (repeat)\nonly once');
  });

  it('a heartbeat is silent after other words', async () => {
    const told = await announcements.announce(message('alive', { type: 'heartbeat' }));
    assert.deepEqual(
      told.map(({ channel, outcome }) => [channel, outcome]),
      [['discord-bot', 'skipped']],
    );
    assert.equal((await contents()).length, 5);
  });

  it('heartbeats are one message, edited in place, in a channel where nothing else is said', async () => {
    await twin.discord.prisma.channel.updateMany({ data: { lastMessageId: null } });
    for (const body of ['beat 1', 'beat 2', 'beat 3']) {
      const told = await announcements.announce(message(body, { type: 'heartbeat' }));
      assert.equal(told[0]?.outcome, 'sent', JSON.stringify(told));
    }
    assert.deepEqual((await contents()).slice(5), ['beat 3']);
  });

  it('a bot that is switched off leaves, and comes back when it is on again', async () => {
    config = { ...config, disableDiscord: true };
    await until('it is gone', () => twin.connections() === 0);
    config = { ...config, disableDiscord: false };
    await until('it is back', () => twin.connections() === 1);
    assert.deepEqual(notices, []);
  });

  it('what the bot cannot do is known of its channel', async () => {
    config = { ...config, discordBotToken: 'revoked' };
    const channel = async () => (await announcements.channels()).find(({ name }) => name === 'discord-bot')!;
    await until('it is known', async () => (await channel()).state === 'stopped');
    assert.equal((await channel()).error, 'Discord does not know the token of AMPA_DISCORD_BOT_TOKEN');
    const told = await announcements.announce(message('nobody hears this'));
    assert.equal(told[0]?.outcome, 'failed');
    assert.match(told[0].detail ?? '', /the bot has stopped: Discord does not know the token/);
  });
});
