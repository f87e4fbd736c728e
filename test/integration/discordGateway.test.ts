/** The connection of the bot: the real discord.js against the gateway of the twin. */
import assert from 'node:assert/strict';
import { wallClock } from '../../src/app/clock.ts';
import { SendError } from '../../src/notifications/ports.ts';
import { botBench, message } from '../support/discordBot.ts';
import { fastClock } from '../support/fastClock.ts';
import { until } from '../support/until.ts';

/** Its pauses are short; a connection may take as long as ever. */
const quickPauses = { ...wallClock, sleep: fastClock(60).sleep };
/** It gives up a connection after some seconds, enough for a busy machine. */
const impatient = { ...quickPauses, after: fastClock(6).after };

describe("The Discord bot's connection", function () {
  this.timeout(90_000);
  const bench = botBench();

  it('resumes its session after the network dropped the gateway', async () => {
    const { bot, states, say } = await bench.start();
    const [logins, resumed] = [bench.twin.logins(), bench.twin.resumed()];
    bench.twin.drop();
    await until('it notices', () => states.some(({ state }) => state === 'starting'));
    assert.ok((await say(message('spoken in between'))).sent);
    await until('it is back', () => bot.state().state === 'ready');
    assert.deepEqual([bench.twin.logins(), bench.twin.resumed()], [logins, resumed + 1]);
  });

  it('logs in anew where the gateway has forgotten its session', async () => {
    const { bot, states } = await bench.start();
    const logins = bench.twin.logins();
    bench.twin.forgetSessions = true;
    bench.twin.drop(4000);
    await until('it notices', () => states.some(({ state }) => state === 'starting'));
    await until('it is back', () => bot.state().state === 'ready');
    assert.equal(bench.twin.logins(), logins + 1);
    assert.equal(bench.twin.connections(), 1);
  });

  it('is back after an outage longer than three tries', async () => {
    const { bot, states } = await bench.start({ clock: impatient });
    const before = bench.twin.requests.length;
    bench.twin.forgetSessions = true;
    bench.twin.down = true;
    bench.twin.fail = () => ({ status: 503, body: {} });
    bench.twin.drop();
    await until('three tries have failed', () => bench.twin.requests.length > before + 4);
    assert.equal(bot.state().state, 'starting');
    assert.notEqual(bot.state().why, null);
    bench.twin.down = false;
    bench.twin.fail = null;
    await until('it is back', () => bot.state().state === 'ready');
    assert.ok(states.length > 2);
    assert.equal(bench.twin.connections(), 1);
  });

  it('can be stopped while it reconnects', async () => {
    const { bot, states, stop } = await bench.start();
    bench.twin.down = true;
    bench.twin.drop();
    await until('it notices', () => states.some(({ state }) => state === 'starting'));
    stop.abort();
    await bot.ended;
    bench.twin.down = false;
    const before = bench.twin.logins() + bench.twin.resumed();
    // The library pauses before it reconnects: the pause of this one ends after that of the other would have.
    const other = await bench.start();
    bench.twin.drop();
    await until('it notices', () => other.states.some(({ state }) => state === 'starting'));
    await until('another one is back', () => other.bot.state().state === 'ready');
    assert.deepEqual([bench.twin.logins() + bench.twin.resumed(), bench.twin.connections()], [before + 2, 1]);
  });

  it('can be stopped before it has begun', async () => {
    const { bot, stop } = await bench.start({ ready: false });
    stop.abort();
    await bot.ended;
  });

  it('stops at once with a token that Discord does not know, and says so', async () => {
    const { bot, say } = await bench.start({ token: 'wrong', ready: false });
    await bot.ended;
    assert.deepEqual(bot.state(), {
      state: 'stopped',
      why: 'Discord does not know the token of AMPA_DISCORD_BOT_TOKEN',
    });
    await assert.rejects(say(message('x')), (error) => error instanceof SendError && error.permanent);
  });

  it('stops when its token is revoked while it runs', async () => {
    const { bot } = await bench.start({ clock: quickPauses });
    bench.twin.drop(4004);
    await bot.ended;
    assert.equal(bot.state().state, 'stopped');
    assert.match(bot.state().why!, /does not know the token/);
  });

  it('stops after three starts in a row that failed, and says why', async () => {
    bench.twin.fail = () => ({ status: 503, body: {} });
    const before = bench.twin.requests.length;
    const { bot, say, states } = await bench.start({ clock: quickPauses, ready: false });
    await bot.ended;
    assert.equal(bench.twin.requests.length - before, 3);
    assert.equal(states.at(-1)!.state, 'stopped');
    assert.match(states.at(-1)!.why!, /^3 starts in a row have failed, the last one with: /);
    await assert.rejects(say(message('x')), (error) => error instanceof SendError && !error.permanent);
  });

  it('does not wait for ever for a gateway that is silent', async () => {
    bench.twin.down = true;
    const { bot } = await bench.start({ clock: fastClock(60), ready: false });
    await bot.ended;
    assert.match(bot.state().why!, /did not let the bot in within 30 s/);
  });
});
