/**
 * A campaign of kills against the outbox: hosts in processes of their own bring out a queue to two
 * channels that fail one time in five, and are ended with SIGKILL at random moments, many of them
 * between the sending of a message and the record of it.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monotonicFactory } from 'ulid';
import { createDeliveryStore } from '../../src/adapters/sqlite/deliveryStore.ts';
import { openDatabase } from '../../src/adapters/sqlite/open.ts';
import type { ChannelName, DeadLetter } from '../../src/notifications/ports.ts';
import { until } from './until.ts';

export interface CampaignOptions {
  messages: number;
  hosts: number;
  kills: number;
  timeoutMs: number;
}

export interface CampaignReport {
  sent: number;
  buried: number;
  repeats: number;
  killed: number;
  seconds: number;
}

interface Request {
  host: string;
  channel: ChannelName;
  title: string;
  repeat: boolean;
  /** It was told that its message is taken. */
  taken: boolean;
}

const HOST = path.resolve(import.meta.dirname, 'deliveryHost.ts');
const CHANNELS = ['slack', 'discord-webhook'] as const;
/** One in so many is refused for good. */
const REFUSED = 97;
const keyOf = (i: number): string => `message ${i}${i % REFUSED === 0 ? ' refused' : ''}`;

/** Runs it and asserts that nothing is lost, and nothing said twice without a death in between. */
export async function runDeliveryCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const begun = performance.now();
  const dir = mkdtempSync(path.join(tmpdir(), 'ampa-outbox-'));
  const database = await openDatabase({
    file: path.join(dir, 'ampa.db'),
    backupDir: path.join(dir, 'b'),
    now: Date.now,
  });
  const store = createDeliveryStore(database.db);
  const newId = monotonicFactory();
  for (let i = 0; i < options.messages; i++) {
    const message = { type: 'other', title: keyOf(i), body: 'Something has happened.' } as const;
    await store.say(keyOf(i), message, { channels: CHANNELS, now: Date.now(), newId });
  }

  const requests: Request[] = [];
  const children = new Map<string, ChildProcess>();
  const killed = new Set<string>();
  let born = 0;
  const startHost = (): void => {
    const name = `host-${born++}`;
    const child = spawn(process.execPath, [HOST, dir, name, url], { stdio: ['ignore', 'ignore', 'inherit'] });
    children.set(name, child);
  };
  const kill = (name: string): void => {
    const child = children.get(name);
    if (!child || killed.size >= options.kills) return;
    killed.add(name);
    children.delete(name);
    child.kill('SIGKILL');
    startHost();
  };
  /** Kills are spread over the whole of the work. */
  const pace = Math.max(1, Math.floor((options.messages * CHANNELS.length) / (options.kills + 1)));

  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { text?: string; content?: string };
      const line = (body.text ?? body.content ?? '').split('\n')[0]!.replace(/^# /, '');
      const it: Request = {
        host: String(request.headers['x-host']),
        channel: request.url?.startsWith('/slack') ? 'slack' : 'discord-webhook',
        title: line.replace(' (repeat)', ''),
        repeat: line.endsWith(' (repeat)'),
        taken: false,
      };
      requests.push(it);
      const isTime = requests.length % pace === 0 && killed.size < options.kills && children.has(it.host);
      const moment = isTime ? Math.floor(Math.random() * 3) : -1;
      // Before it is answered: the host never hears that its message was taken.
      if (moment === 0) {
        it.taken = true;
        kill(it.host);
        request.socket.destroy();
        return;
      }
      if (it.title.endsWith('refused')) response.writeHead(400).end('invalid_payload');
      else if (Math.random() < 0.2) {
        if (Math.random() < 0.5) response.writeHead(500).end('oops');
        else response.writeHead(429, { 'retry-after': '0' }).end('rate_limited');
      } else {
        it.taken = true;
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: '1' }));
      }
      // Just after the answer, and a little later.
      if (moment === 1) setImmediate(() => kill(it.host));
      if (moment === 2) setTimeout(() => kill(it.host), Math.random() * 20);
    });
  });
  // A connection that is closed just as it is used again looks like a death.
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  try {
    for (let i = 0; i < options.hosts; i++) startHost();
    await until('everything is dealt with', async () => (await store.next(Date.now())).size === 0, options.timeoutMs);
    for (const child of children.values()) child.kill('SIGTERM');
    await until('the hosts have ended', () => [...children.values()].every((it) => it.exitCode !== null));
    const letters = readLetters(path.join(dir, 'deadletter.log'));
    verify(options, requests, letters, killed);
    return {
      sent: requests.filter((it) => it.taken).length,
      buried: letters.length,
      repeats: new Set(requests.filter((it) => it.repeat).map((it) => `${it.channel} ${it.title}`)).size,
      killed: killed.size,
      seconds: (performance.now() - begun) / 1000,
    };
  } finally {
    for (const child of children.values()) child.kill('SIGKILL');
    server.closeAllConnections();
    server.close();
    await database.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

const readLetters = (file: string): DeadLetter[] =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as DeadLetter)
    : [];

function verify(
  options: CampaignOptions,
  requests: readonly Request[],
  letters: readonly DeadLetter[],
  killed: ReadonlySet<string>,
): void {
  assert.equal(killed.size, options.kills, 'every kill was made');
  for (const channel of CHANNELS) {
    const buried = new Set(letters.filter((it) => it.channel === channel).map((it) => it.payload.key));
    const byTitle = new Map<string, Request[]>();
    for (const it of requests)
      if (it.channel === channel) byTitle.set(it.title, [...(byTitle.get(it.title) ?? []), it]);
    /** The last request of each host in this channel: only that can have lacked its record. */
    const lastOf = new Map(requests.filter((it) => it.channel === channel).map((it) => [it.host, it]));
    for (let i = 0; i < options.messages; i++) {
      const key = keyOf(i);
      const tries = byTitle.get(key) ?? [];
      const taken = tries.filter((it) => it.taken);
      assert.ok(taken.length > 0 || buried.has(key), `${key} is lost on ${channel}`);
      if (key.endsWith('refused')) assert.ok(buried.has(key), `${key} is not in the dead letter file`);
      else assert.ok(!buried.has(key), `${key} was given up`);
      const marked = tries.findIndex((it) => it.repeat);
      // Said twice, it says so the second time.
      if (taken.length > 1)
        assert.ok(
          taken.slice(1).every((it) => it.repeat),
          `${key} was said twice on ${channel}`,
        );
      if (marked < 0) continue;
      const before = tries[marked - 1];
      // Its host died between its claim and its sending: what was tried before, if anything, was refused.
      if (!before?.taken) continue;
      assert.ok(killed.has(before.host), `${key} was said again, and ${before.host} was not killed`);
      assert.equal(lastOf.get(before.host), before, `${key} was not the last word of ${before.host}`);
    }
    const marked = [...byTitle.values()].filter((tries) => tries.some((it) => it.repeat)).length;
    assert.ok(marked <= killed.size, `${marked} repeats after ${killed.size} deaths`);
  }
}
