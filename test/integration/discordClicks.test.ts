/** Clicks on the bot's buttons: the real discord.js against the twin of Discord. */
import assert from 'node:assert/strict';
import { AmpaError } from '../../src/errors.ts';
import { selectedText } from '../../src/notifications/buttons.ts';
import { handleClick, type ClickDeps } from '../../src/notifications/clicks.ts';
import { botBench, button, message, type BotBenchOptions } from '../support/discordBot.ts';
import { until } from '../support/until.ts';

describe("A click on the Discord bot's button", function () {
  this.timeout(90_000);
  const bench = botBench();

  async function asked(more: BotBenchOptions & Partial<Pick<ClickDeps, 'respond'>> = {}) {
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
      onError: (error) => bench.errors.push(error),
      ...(more.respond ? { respond: more.respond } : {}),
    };
    const handled: string[] = [];
    const it = await bench.start({
      ...more,
      onClick: (click) => void handleClick(deps, click).then(() => handled.push(click.customId)),
    });
    const components = [
      button('Yes', 'prompt:P1:yes'),
      button('Foreign', 'prompt:P2:yes'),
      button('Abort', 'task:T1:abort'),
      button('Blue', 'test_blue'),
      button('[Red](https://evil.example)', 'test_red'),
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
        const clicked = await bench.twin.click(user, id, customId);
        await until('the click is handled', () => handled.length > before);
        const messages = await bench.twin.messages();
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
    const it = await asked({ allowedIds: [bench.twin.alice] });
    const { acknowledged, said, buttons } = await it.click(bench.twin.alice, 'prompt:P1:yes');
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
    const it = await asked({ allowedIds: [bench.twin.alice] });
    await it.click(bench.twin.alice, 'task:T1:abort');
    assert.deepEqual(it.acts, ['abort T1']);
  });

  it('a test button only answers', async () => {
    const it = await asked();
    const { said, buttons } = await it.click(bench.twin.bob, 'test_blue');
    assert.match(said[0]!.content, /^You selected Blue, good luck\. \(clicked by bob, /);
    assert.equal(buttons.length, 1);
    assert.deepEqual([it.answers, it.acts], [[], []]);
  });

  it('whose label looks like a link makes none', async () => {
    const it = await asked();
    const { said } = await it.click(bench.twin.bob, 'test_red');
    assert.match(said[0]!.content, /^You selected \[Red\]\\\(https:\/\/evil\.example\), good luck\./);
  });

  it('nobody else may decide, and only they hear it', async () => {
    const it = await asked({ allowedIds: [bench.twin.alice] });
    const { acknowledged, said, buttons } = await it.click(bench.twin.bob, 'prompt:P1:yes');
    assert.ok(acknowledged);
    assert.deepEqual(it.answers, []);
    assert.equal(buttons.length, 1);
    assert.deepEqual(
      said.map(({ content, flags }) => [content, flags]),
      [['You may not decide this here.', EPHEMERAL]],
    );
  });

  it('a role may decide', async () => {
    await bench.twin.discord.prisma.guildMember.updateMany({
      where: { userId: bench.twin.bob },
      data: { roles: JSON.stringify(['role-7']) },
    });
    const it = await asked({ allowedIds: ['role-7'] });
    await it.click(bench.twin.bob, 'prompt:P1:yes');
    assert.deepEqual(
      it.answers.map(({ by }) => by),
      ['bob (Discord)'],
    );
  });

  it('without allowed ids a click decides nothing, and says how to allow it', async () => {
    const it = await asked();
    const { said } = await it.click(bench.twin.alice, 'prompt:P1:yes');
    assert.deepEqual(it.answers, []);
    assert.match(said[0]!.content, /Set AMPA_DISCORD_ALLOWED_IDS/);
    assert.equal(said[0]!.flags, EPHEMERAL);
  });

  it('what is of another workspace is left alone', async () => {
    const it = await asked({ allowedIds: [bench.twin.alice] });
    for (const customId of ['prompt:P2:yes', 'task:T2:abort', 'task:T1:explode', 'other']) {
      const { acknowledged, said } = await it.click(bench.twin.alice, customId);
      assert.equal(acknowledged, false, customId);
      assert.deepEqual(said, []);
    }
  });

  it('two workspaces share a bot, and each hears its own', async () => {
    const answered: string[] = [];
    const workspace = (name: string, prompt: string) =>
      bench.start({
        onClick: (click) =>
          void handleClick(
            {
              hasPrompt: async (id) => id === prompt,
              hasTask: async () => false,
              respond: async ({ response }) => {
                answered.push(`${name}: ${response}`);
                return {} as never;
              },
              taskActions: {},
              allowedIds: () => [bench.twin.alice],
              onError: (error) => bench.errors.push(error),
            },
            click,
          ).then(() => handled.push(name)),
      });
    const handled: string[] = [];
    const a = await workspace('a', 'P1');
    await workspace('b', 'P2');
    const components = [button('Yes', 'prompt:P2:yes'), button('Blue', 'test_blue')];
    const sent = await a.say(message('May I?', { components: components.slice(1) }));
    assert.ok(sent.sent);
    for (const { custom_id } of components) await bench.twin.click(bench.twin.alice, sent.remoteId!, custom_id);
    await until('both have handled both', () => handled.length === 4);
    assert.deepEqual(answered, ['b: yes']);
    const said = (await bench.twin.messages()).filter(({ content }) => content.startsWith('You selected'));
    const mine = said.filter(({ id }) => BigInt(id) > BigInt(sent.remoteId!));
    const words = new Set(mine.map(({ content }) => content.split(',')[0]));
    assert.deepEqual([mine.length, words], [2, new Set(['You selected Blue', 'You selected Yes'])]);
  });

  it('a late click hears who answered', async () => {
    const it = await asked({
      allowedIds: [bench.twin.alice],
      respond: () => Promise.reject(new AmpaError('invalid_state', 'it was answered by HTTP at 2026-01-01T00:00:00Z')),
    });
    const { said, buttons } = await it.click(bench.twin.alice, 'prompt:P1:yes');
    assert.deepEqual(
      said.map(({ content, flags }) => [content, flags]),
      [['it was answered by HTTP at 2026-01-01T00:00:00Z', EPHEMERAL]],
    );
    assert.deepEqual(buttons, []);
  });

  it('an answer that could not be delivered can be given again', async () => {
    const it = await asked({
      allowedIds: [bench.twin.alice],
      respond: () => Promise.reject(new AmpaError('agent_error', 'the agent did not take it', 'Try again.')),
    });
    const { said, buttons } = await it.click(bench.twin.alice, 'prompt:P1:yes');
    assert.equal(said[0]!.content, 'the agent did not take it. Try again.');
    assert.equal(buttons.length, 1);
  });

  it('a click is acknowledged before anything slow is done', async () => {
    const { promise: slow, resolve } = Promise.withResolvers<never>();
    const seen: string[] = [];
    const it = await bench.start({
      allowedIds: [bench.twin.alice],
      onClick: (click) =>
        void handleClick(
          {
            hasPrompt: async () => true,
            hasTask: async () => false,
            respond: () => slow,
            taskActions: {},
            allowedIds: () => [bench.twin.alice],
            onError: (error) => bench.errors.push(error),
          },
          click,
        ).then(() => seen.push('handled')),
    });
    const sent = await it.say(message('May I?', { components: [button('Yes', 'prompt:P1:yes')] }));
    assert.ok(sent.sent);
    const clicked = await bench.twin.click(bench.twin.alice, sent.remoteId!, 'prompt:P1:yes');
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
