/** Two hosts of a workspace, in processes of their own, and one connection to Discord. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { startTwin, TOKEN, type Twin } from '../support/discordTwin.ts';
import { until } from '../support/until.ts';

interface Report {
  state?: string | null;
  channel?: boolean;
  notice?: string;
  error?: string;
  loaded: boolean;
}

describe('The hosts of a Discord bot', function () {
  this.timeout(60_000);
  let twin: Twin;
  const dir = mkdtempSync(path.join(tmpdir(), 'ampa-discord-hosts-'));
  const children: ChildProcess[] = [];

  before(async () => {
    twin = await startTwin();
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await twin.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  function host(folder: string, token = TOKEN) {
    const script = path.resolve(import.meta.dirname, '../support/discordHost.ts');
    const child = spawn(process.execPath, [script, folder, twin.api, twin.channelId, token], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    const reports: Report[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => reports.push(JSON.parse(line) as Report));
    return {
      child,
      reports,
      configure: () => child.stdin.write('configure\n'),
      stop: () => child.stdin.write('stop\n'),
      last: () => reports.findLast((it) => it.state !== undefined),
    };
  }

  it('are many, and one of them connects; when that is killed, another does', async () => {
    const hosts = [host(dir), host(dir)];
    await until('both are there', () => hosts.every(({ reports }) => reports.length > 0));
    for (const { configure } of hosts) configure();
    const first = await until('one is ready', () => hosts.find((it) => it.last()?.state === 'ready'));
    const second = hosts.find((it) => it !== first)!;
    assert.equal(first.last()!.channel, true);
    assert.deepEqual([second.last()!.state, second.last()!.channel], [null, false]);
    assert.deepEqual([twin.connections(), twin.logins()], [1, 1]);
    first.child.kill('SIGKILL');
    await until('the other one is ready', () => second.last()?.state === 'ready');
    assert.deepEqual([twin.connections(), twin.logins()], [1, 2]);
    second.stop();
    await once(second.child, 'close');
    await until('nobody is connected', () => twin.connections() === 0);
    assert.equal(second.last()!.state, null);
  });

  it('load discord.js when a bot is configured, and not before', async () => {
    const it = host(path.join(dir));
    await until('it is there', () => it.reports.length > 0);
    assert.equal(it.reports[0]!.loaded, false);
    it.configure();
    await until('it is ready', () => it.last()?.state === 'ready');
    assert.equal(it.last()!.loaded, true);
    it.stop();
    await once(it.child, 'close');
  });

  it('say why the bot has stopped, and then refuse what is to be said', async () => {
    const it = host(dir, 'wrong');
    await until('it is there', () => it.reports.length > 0);
    it.configure();
    const { notice } = await until('it says so', () => it.reports.find((one) => one.notice !== undefined));
    assert.match(notice!, /^The Discord bot has stopped: Discord does not know the token of AMPA_DISCORD_BOT_TOKEN\./);
    await until('it is stopped', () => it.last()?.state === 'stopped' && it.last()!.channel);
    it.stop();
    await once(it.child, 'close');
  });
});
