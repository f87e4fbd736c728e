import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createHostStore } from '../../src/adapters/sqlite/hostStore.ts';
import { openDatabase } from '../../src/adapters/sqlite/open.ts';
import type { App } from '../../src/app/api.ts';
import { announceHost } from '../../src/app/hosts.ts';
import { createProject, MENDING_AGENT, type Project } from '../support/project.ts';
import {
  discordTakes,
  ntfyTakes,
  slackTakes,
  startChannelServer,
  type ChannelServer,
} from '../support/channelServer.ts';
import { until } from '../support/until.ts';

const never = new AbortController().signal;
const GOOD = 'cat >/dev/null; echo good > state.txt; echo "I mended it"';

describe('notifications', () => {
  let project: Project;
  let server: ChannelServer;
  beforeEach(async () => {
    project = createProject('ampa-notify-');
    server = await startChannelServer((request) =>
      request.url.startsWith('/discord')
        ? discordTakes(request)
        : request.url === '/'
          ? ntfyTakes(request)
          : slackTakes(),
    );
  });
  afterEach(async () => {
    await project.remove();
    await server.close();
  });

  const FAST = { AMPA_BACKOFF_BASE_SECONDS: '0.01', AMPA_SCHEDULER_GLOBAL_MIN_INTERVAL_SECONDS: '0' };
  const slack = () => ({ ...FAST, AMPA_SLACK_WEBHOOK_URL: `${server.url}/slack/s3cr3t-part` });
  const discord = () => ({ ...FAST, AMPA_DISCORD_WEBHOOK: `${server.url}/discord` });
  /** The titles that a channel has heard. */
  const heard = (where: 'slack' | 'discord' = 'slack'): string[] =>
    server.received
      .filter((it) => it.url.startsWith(`/${where}`))
      .map(({ body }) => String(body['text'] ?? body['content']).split('\n')[0] ?? '');
  const hears = async (title: RegExp, where?: 'slack' | 'discord'): Promise<string> =>
    until(`a message ${title}`, () => heard(where).find((it) => title.test(it)));
  const storeMade = (): boolean => existsSync(path.join(project.repo, '.worklog'));

  describe('of tasks', () => {
    it('ring when one ends, again when it lands, and not when a person stops it', async () => {
      const app = await project.open(GOOD, { ...slack(), AMPA_NTFY_URL: `${server.url}/topic` }, { asks: true });
      await app.startEngine({ schedule: false });
      const { id } = await app.start({ prompt: 'Make it good', checks: 'true' });
      await hears(/^\[DONE\] Make it good checks green$/);
      await app.merge(id, { method: null, deleteBranch: false });
      await hears(/^\[DONE\] Make it good landed$/);
      const [push] = await until('the phone rings', () => {
        const found = server.received.filter((it) => it.url === '/');
        return found.length === 2 ? found : null;
      });
      assert.deepEqual(push?.body['tags'], ['ampa', 'done']);
      assert.match(String(push?.body['click']), new RegExp(`^vscode://ampa\\.ampa/task/${id}\\?folder=file%3A%2F%2F`));

      const waiting = await app.start({ prompt: 'Never mind', checks: 'true', agent: 'custom' });
      await app.abort(waiting.id);
      await app.notify({ type: 'other', title: 'the last one', body: null });
      assert.deepEqual(heard(), ['[DONE] Make it good checks green', '[DONE] Make it good landed', 'the last one']);
    }).timeout(90_000);

    it('are recorded by whoever carries it alone, and brought out by the next host', async () => {
      const app = await project.open('cat >/dev/null', slack());
      const task = await project.run(app);
      assert.equal(task.reason, 'no_changes');
      const frozen = await project.run(await project.open('cat >/dev/null; echo bad > state.txt', slack()), {
        maxAttempts: 1,
      });
      assert.equal(frozen.reason, 'max_attempts');
      assert.deepEqual(heard(), [], 'this process works on its task only');
      const host = await project.open(undefined, slack(), { asks: true });
      await host.startEngine({ schedule: false });
      await hears(/^\[FROZEN\] Make it good frozen: budget exhausted$/);
      assert.deepEqual(heard(), [
        '[NEEDS-HUMAN] Make it good needs a human',
        '[FROZEN] Make it good frozen: budget exhausted',
      ]);
    }).timeout(90_000);

    it('come from the process of the task itself where every window is closed', async () => {
      const app = await project.open(GOOD);
      const { id } = await app.start({ prompt: 'Go home', checks: 'true' });
      const carrier = project.spawnAmpa(['work', id], slack());
      await until('it has ended', () => carrier.exitCode !== null);
      assert.deepEqual(heard(), ['[DONE] Go home checks green']);
    }).timeout(90_000);

    it('come from the command line where nothing else runs, and mask what is secret', async () => {
      const token = `ghp_${'k'.repeat(36)}`;
      const app = await project.open(`cat >/dev/null; echo good > state.txt; echo "the key is ${token}"`, slack());
      const task = await project.run(app);
      const merged = await project.ampa(['merge', task.id], slack());
      assert.equal(merged.code, 0, merged.stderr);
      assert.deepEqual(heard(), ['[DONE] Make it good checks green', '[DONE] Make it good landed']);
      const words = JSON.stringify(server.received);
      assert.ok(!words.includes(token) && words.includes('the key is ***'), words);
    }).timeout(90_000);

    it('are left to a host that stays, which may know of other channels', async () => {
      const app = await project.open(GOOD, { ...FAST, AMPA_NTFY_URL: `${server.url}/topic` });
      const { id } = await app.start({ prompt: 'Make it good', checks: 'true' });
      const dir = path.join(project.repo, '.worklog/ampa');
      const database = await openDatabase({
        file: path.join(dir, 'ampa.db'),
        backupDir: path.join(dir, 'backups'),
        now: Date.now,
      });
      const of = { id: 'resident', kind: 'daemon', asks: false } as const;
      const resident = await announceHost(createHostStore(database.db), of, Date.now, assert.fail);
      await app.carryHere(id, never);
      const told = await app.notify({ type: 'other', title: 'of its own', body: null });
      assert.deepEqual(told, [{ channel: 'ntfy', outcome: 'sent', detail: null }]);
      await resident.stop();
      await database.close();
      assert.equal(server.received.length, 1);
      const host = await project.open(undefined, slack(), { asks: true });
      await host.startEngine({ schedule: false });
      await hears(/^\[DONE\] Make it good checks green$/);
    }).timeout(90_000);

    it('that a command says reach the channels of a host that stays, and the command waits for its own alone', async () => {
      const dead = 'http://127.0.0.1:1';
      const host = await project.open(undefined, { ...discord(), AMPA_NTFY_URL: `${dead}/topic` }, { asks: true });
      await host.schedule.add('job', { command: 'true', frequency_minutes: 60 });
      await host.startEngine({ schedule: false });
      const app = await project.open(undefined, slack());
      const told = await app.notify({ type: 'other', title: 'of its own', body: null });
      assert.deepEqual(told, [{ channel: 'slack', outcome: 'sent', detail: null }]);
      await hears(/of its own/, 'discord');
      assert.deepEqual(heard(), ['of its own']);
    });

    it('hold up no process that ends, where they wait for longer than it would', async () => {
      server.always = () => ({ status: 500, body: 'oops' });
      const app = await project.open(undefined, { ...slack(), AMPA_BACKOFF_BASE_SECONDS: '60' });
      await app.schedule.add('job', { command: 'true', frequency_minutes: 60 });
      assert.equal((await app.testNotification())[0]?.outcome, 'waiting');
      await app.schedule.run('job', { signal: never });
      assert.equal(server.received.length, 1);
    }).timeout(90_000);

    it('are nowhere where no channel is configured', async () => {
      const app = await project.open(MENDING_AGENT, FAST, { asks: true });
      await app.startEngine();
      const task = await project.run(app);
      assert.equal(task.status, 'success');
      assert.deepEqual(await app.notify({ type: 'other', title: 'x', body: null }), []);
      for (const channel of await app.channels())
        assert.deepEqual([channel.configured, channel.depth, channel.state], [false, 0, 'ok']);
    }).timeout(90_000);
  });

  describe('on the command line', () => {
    it('exit 1 where nobody would hear them, and leave the folder as it was', async () => {
      for (const args of [['heartbeat'], ['notify', '--title', 'x', '--body', 'y']]) {
        const { code, stderr } = await project.ampa(args, {
          AMPA_NTFY_URL: args[0] === 'heartbeat' ? 'http://x/y' : '',
        });
        assert.equal(code, 1);
        assert.match(stderr, /no (Discord )?channel is configured, so nothing is sent\. Set AMPA_DISCORD_WEBHOOK/);
      }
      assert.equal((await project.ampa(['notify'], slack())).code, 2);
      assert.ok(!storeMade());
    });

    it('leave a folder without a store as it was, also when they are sent', async () => {
      server.next.push({ status: 500, body: 'oops' });
      const sent = await project.ampa(['notify', '--title', 'Hello', '--json'], slack());
      assert.deepEqual(
        [sent.code, JSON.parse(sent.stdout)],
        [0, { sent: true, channels: [{ channel: 'slack', outcome: 'sent', detail: null }] }],
      );
      assert.deepEqual(heard(), ['Hello', 'Hello'], 'tried again');
      assert.equal((await project.ampa(['heartbeat'], discord())).stdout, 'discord-webhook: sent\n');
      server.always = () => ({ status: 404, body: 'no_service' });
      const bot = { AMPA_DISCORD_BOT_TOKEN: 't0ken-value', AMPA_DISCORD_CHANNEL_ID: '1' };
      const app = await project.open(undefined, { ...slack(), ...bot });
      assert.deepEqual(
        (await app.testNotification()).map((it) => [it.channel, it.outcome, it.detail]),
        [
          ['discord-bot', 'failed', 'it needs AMPA to be running in this folder'],
          ['slack', 'failed', 'HTTP 404: no_service'],
        ],
      );
      assert.ok(!storeMade());
    }).timeout(90_000);

    it('are sent at once, tried again, and told channel by channel', async () => {
      await project.ampa(['schedule', 'add', 'job', 'true', '--cron', '0 0 1 1 *']);
      server.next.push({ status: 500, body: 'oops' });
      const { code, stdout } = await project.ampa(['notify', '--title', 'Hello', '--body', 'World', '--json'], slack());
      assert.deepEqual(
        [code, JSON.parse(stdout)],
        [0, { sent: true, channels: [{ channel: 'slack', outcome: 'sent', detail: null }] }],
      );
      assert.deepEqual(heard(), ['Hello', 'Hello']);
      server.always = () => ({ status: 404, body: 'no_service' });
      const failed = await project.ampa(['notify', '--body', 'again', '--type', 'warning'], slack());
      assert.deepEqual([failed.code, /slack: failed \(HTTP 404: no_service\)/.test(failed.stderr)], [1, true]);
      assert.match(
        failed.stderr,
        /Slack did not take a message: HTTP 404: no_service\. It is kept in .*deadletter\.log/,
      );
      const line = JSON.parse(readFileSync(path.join(project.repo, '.worklog/ampa/deadletter.log'), 'utf8')) as {
        ts: string;
        reason: string;
        channel: string;
        payload: { body: string; type: string };
      };
      assert.deepEqual(
        [line.reason, line.channel, line.payload.body, line.payload.type],
        ['HTTP 404: no_service', 'slack', 'again', 'warning'],
      );
      assert.ok(Number.isFinite(Date.parse(line.ts)));

      const app = await project.open(undefined, slack());
      const channel = (await app.channels()).find((it) => it.name === 'slack');
      assert.deepEqual(
        [channel?.configured, channel?.state, channel?.error, channel?.depth, channel?.buried],
        [true, 'stopped', 'HTTP 404: no_service', 0, 1],
      );
      const check = (await app.doctor()).find((it) => it.name === 'Slack');
      assert.deepEqual([check?.ok, check?.detail.startsWith('stopped: HTTP 404: no_service, 1 in ')], [false, true]);
      assert.ok(!JSON.stringify([failed, check, line]).includes('s3cr3t-part'), 'the address is a secret');
    }).timeout(90_000);

    for (const [what, tracked, why] of [
      ['that is a link', false, 'is a link'],
      ['of the repository', true, 'came with the repository'],
    ] as const)
      it(`are written to no dead letter file ${what}, which is said`, async () => {
        await project.ampa(['schedule', 'add', 'job', 'true', '--cron', '0 0 1 1 *']);
        server.always = () => ({ status: 404, body: 'no_service' });
        const target = path.join(project.box.dir, 'profile');
        writeFileSync(target, '');
        const file = path.join(project.repo, '.worklog/ampa/deadletter.log');
        symlinkSync(target, file);
        if (tracked) project.box.git(project.repo, 'add', '-f', file);
        const app = await project.open(undefined, slack());
        const said = (): string[] => app.notices().filter((it) => it.includes(`deadletter.log ${why}. Move it away`));
        const stop = new AbortController();
        const notifying = app.notify({ type: 'other', title: 'x', body: null }, stop.signal);
        await until('it is said', () => said().length > 0);
        stop.abort();
        await notifying;
        assert.equal(said().length, 1, app.notices().join('\n'));
        assert.equal(readFileSync(target, 'utf8'), '');
      });

    it('beat on Discord in one message, counted, with the schedule opened', async () => {
      await project.ampa(['schedule', 'add', 'job', 'true', '--cron', '0 0 1 1 *']);
      const first = await project.ampa(['heartbeat', '--json'], discord());
      assert.deepEqual([first.code, JSON.parse(first.stdout).sent], [0, true]);
      const second = await project.ampa(['heartbeat'], discord());
      assert.deepEqual([second.code, second.stdout], [0, 'discord-webhook: sent\n']);
      assert.deepEqual(
        server.received.map((it) => it.method),
        ['POST', 'PATCH'],
      );
      await project.ampa(['notify', '--title', 'Hello'], discord());
      const quiet = await project.ampa(['heartbeat'], discord());
      assert.deepEqual([quiet.code, /skipped \(the channel was told something else/.test(quiet.stderr)], [0, true]);
      const silenced = await project.ampa(['heartbeat'], { ...discord(), AMPA_DISABLE_DISCORD: '1' });
      assert.equal(silenced.code, 1);
      const { stdout } = await project.ampa(['schedule', 'list', '--json'], discord());
      const [heartbeat] = (JSON.parse(stdout) as { commands: { id: string; waits_for: string | null }[] }).commands;
      assert.deepEqual([heartbeat?.id, heartbeat?.waits_for], ['heartbeat', null]);
    }).timeout(90_000);

    it('say what a test of the channels has come to', async () => {
      await project.ampa(['schedule', 'add', 'job', 'true', '--cron', '0 0 1 1 *']);
      server.always = ({ url }) =>
        url.startsWith('/slack') ? { status: 500, body: 'oops' } : { status: 200, body: {} };
      const app = await project.open(undefined, { ...slack(), ...discord(), AMPA_BACKOFF_BASE_SECONDS: '60' });
      assert.deepEqual(
        (await app.testNotification()).map((it) => [it.channel, it.outcome, it.detail]),
        [
          ['discord-webhook', 'sent', null],
          ['slack', 'waiting', 'HTTP 500: oops'],
        ],
      );
    });
  });

  describe('of the schedule', () => {
    const open = async (env: Record<string, string>): Promise<App> => {
      const app = await project.open('cat >/dev/null', env, { asks: true });
      return app;
    };

    it('tell a failure with the end of its output, and the first success after it', async () => {
      const app = await project.open(undefined, slack());
      const flag = path.join(project.box.dir, 'flag');
      await app.schedule.add('job', {
        title: 'The job',
        command: `echo trouble; test -e '${flag}'`,
        frequency_minutes: 60,
      });
      for (const good of [false, true, true]) {
        if (good) writeFileSync(flag, '');
        await app.schedule.run('job', { signal: never });
      }
      assert.deepEqual(heard(), ['The job failed (exit 1)', 'The job succeeded again']);
      assert.match(JSON.stringify(server.received[0]?.body), /trouble/);
    });

    it('tell a failure without the secrets that it printed, also where the end cuts them', async () => {
      const app = await project.open(undefined, slack());
      const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
        type: 'pkcs8',
        format: 'pem',
      });
      const file = path.join(project.box.dir, 'key');
      writeFileSync(file, key);
      await app.schedule.add('job', { title: 'The job', command: `cat '${file}'; exit 1`, frequency_minutes: 60 });
      await app.schedule.run('job', { signal: never });
      await hears(/^The job failed/);
      const said = JSON.stringify(server.received[0]?.body);
      for (const line of String(key)
        .split('\n')
        .filter((it) => it.length > 20 && !it.startsWith('-----')))
        assert.ok(!said.includes(line), said);
    });

    it('say once that the scheduler starts, however many windows there are', async () => {
      await project.ampa(['schedule', 'add', 'job', 'true', '--cron', '0 0 1 1 *']);
      const apps = [await open(slack()), await open(slack()), await open(slack())];
      for (const app of apps) await app.startEngine();
      await hears(/^AMPA scheduler started$/);
      await apps[0]?.notify({ type: 'other', title: 'after', body: null });
      assert.deepEqual(heard(), ['AMPA scheduler started', 'after']);
    });

    it('beat by themselves where Discord is configured, also when that comes later', async () => {
      const app = await open(FAST);
      await app.startEngine();
      const heartbeat = async () => (await app.schedule.list()).find((it) => it.id === 'heartbeat');
      await until('the heartbeat is registered', heartbeat);
      assert.deepEqual((await heartbeat())?.waits_for, 'a Discord channel');
      assert.equal((await heartbeat())?.last_run, null);
      const dotenv = path.join(project.repo, '.worklog/ampa/.env');
      mkdirSync(path.dirname(dotenv), { recursive: true });
      writeFileSync(dotenv, `AMPA_DISCORD_WEBHOOK=${server.url}/discord\nAMPA_HEARTBEAT_MINUTES=7\n`, { mode: 0o600 });
      // The watcher of the files may have been faster.
      await app.reloadConfig();
      assert.notEqual(app.config().values.discordWebhook, '');
      const run = await until('a beat', async () =>
        (await app.schedule.history('heartbeat', 5)).find((it) => it.finished_at !== null),
      );
      // It may follow the word that the scheduler has started, which is sign of life enough.
      assert.match(run.output, /^discord-webhook: (sent|skipped, the channel was told something else just now)\n$/);
      assert.equal((await heartbeat())?.frequency_minutes, 7);
    }).timeout(90_000);

    it('offer the test of buttons where a bot is configured, and respect what was edited and removed', async () => {
      const list = async (env: Record<string, string>): Promise<string[]> => {
        const { stdout } = await project.ampa(['schedule', 'list', '--json'], env);
        const { commands } = JSON.parse(stdout) as {
          commands: { id: string; frequency_minutes: number; enabled: boolean; waits_for: string | null }[];
        };
        return commands.map((it) => [it.id, it.frequency_minutes, it.enabled, it.waits_for].join(' '));
      };
      await project.ampa(['schedule', 'add', 'job', 'true', '--every', '60']);
      assert.deepEqual(await list({}), ['heartbeat 1 true a Discord channel', 'job 60 true ']);
      const bot = { AMPA_DISCORD_BOT_TOKEN: 't0ken-value', AMPA_DISCORD_CHANNEL_ID: '1', AMPA_HEARTBEAT_MINUTES: '5' };
      const listed = ['heartbeat 1 true ', 'job 60 true ', 'test-button 15 false '];
      assert.deepEqual(await list(bot), listed, 'a terminal is not who runs it');
      const app = await open({ ...FAST, AMPA_HEARTBEAT_MINUTES: '5' });
      await app.schedule.list();
      await app.startEngine();
      await until('it follows the host that runs it', async () => (await list({}))[0]?.startsWith('heartbeat 5 true'));
      await app.close();
      await project.ampa(['schedule', 'disable', 'heartbeat']);
      assert.match((await list({})).join(), /heartbeat 5 false/);
      await project.ampa(['schedule', 'update', 'heartbeat', '--every', '3']);
      await project.ampa(['schedule', 'remove', 'test-button']);
      assert.deepEqual(await list(bot), ['heartbeat 3 false ', 'job 60 true ']);
    }).timeout(90_000);

    it('neither wait for the global interval nor set it', async () => {
      const env = { ...discord(), AMPA_SCHEDULER_GLOBAL_MIN_INTERVAL_SECONDS: '3600', AMPA_HEARTBEAT_MINUTES: '0.1' };
      const app = await open(env);
      await app.schedule.add('job', { command: 'true', frequency_minutes: 60 });
      await app.startEngine();
      const ran = async (id: string): Promise<boolean> =>
        (await app.schedule.list()).some((it) => it.id === id && it.last_run !== null);
      await until('both have run', async () => (await ran('job')) && (await ran('heartbeat')));
      await until('it beats again', async () => (await app.schedule.history('heartbeat', 5)).length > 1);
    }).timeout(90_000);
  });
});
