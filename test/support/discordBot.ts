/** Bots of discord.js against one twin of Discord, which are all gone after each test. */
import assert from 'node:assert/strict';
import { startBot, type Bot, type BotState } from '../../src/adapters/discord/bot.ts';
import { wallClock } from '../../src/app/clock.ts';
import type { Click } from '../../src/notifications/clicks.ts';
import type { Button, Message } from '../../src/notifications/message.ts';
import type { LastSent, Sent } from '../../src/notifications/ports.ts';
import type { Clock } from '../../src/tasks/ports.ts';
import { startTwin, TOKEN, type Twin } from './discordTwin.ts';
import { until } from './until.ts';

export interface BotBenchOptions {
  token?: string;
  allowedIds?: string[];
  clock?: Clock;
  onClick?: (click: Click) => void;
  /** False: does not wait until it is. */
  ready?: boolean;
}

export interface BenchBot {
  bot: Bot;
  /** All that it went through. */
  states: BotState[];
  stop: AbortController;
  /** Under a key of its own where none is given. */
  say(
    message: Message,
    options?: { key?: string; repeat?: boolean; last?: LastSent; signal?: AbortSignal },
  ): Promise<Sent>;
}

export const message = (body: string, more: Partial<Message> = {}): Message => ({
  type: 'other',
  title: null,
  body,
  ...more,
});

export const button = (label: string, custom_id: string): Button => ({ type: 'button', label, custom_id });

/** Call it in a `describe`: it starts the twin before the tests and stops it after them. */
export function botBench() {
  const stops: AbortController[] = [];
  const bots: Bot[] = [];
  let keys = 0;
  const bench = {
    twin: undefined as unknown as Twin,
    /** What nobody expected; a test ends with none. */
    errors: [] as unknown[],
    async start(options: BotBenchOptions = {}): Promise<BenchBot> {
      const { twin } = bench;
      const states: BotState[] = [];
      const stop = new AbortController();
      const bot = startBot(
        {
          token: options.token ?? TOKEN,
          channelId: twin.channelId,
          api: twin.api,
          allowedIds: () => options.allowedIds ?? [],
          clock: options.clock ?? wallClock,
          onClick: options.onClick ?? (() => {}),
          onState: (state) => states.push(state),
          onError: (error) => bench.errors.push(error),
        },
        stop.signal,
      );
      stops.push(stop);
      bots.push(bot);
      if (options.ready !== false) await until('the bot is ready', () => bot.state().state === 'ready');
      return {
        bot,
        states,
        stop,
        say: (it, { key = `key-${++keys}`, repeat = false, last = null, signal = new AbortController().signal } = {}) =>
          bot.channel.send(it, { key, repeat, last, signal }),
      };
    },
  };
  before(async () => {
    bench.twin = await startTwin();
  });
  afterEach(async () => {
    const { twin } = bench;
    for (const stop of stops.splice(0)) stop.abort();
    await Promise.all(bots.splice(0).map((bot) => bot.ended));
    Object.assign(twin, { fail: null, down: false, forgetSessions: false, loseAnswers: false });
    await until('no connection is left', () => twin.connections() === 0);
    assert.deepEqual(bench.errors.splice(0), []);
  });
  after(() => bench.twin.stop());
  return bench;
}
