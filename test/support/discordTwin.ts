/**
 * A Discord to talk to: the digital twin, with what the real one does and the twin does not (resumed
 * sessions, intents, a nonce that is taken once, one click acknowledged by one), and a gate before its
 * REST API that records requests and can fail them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DigitalDiscord } from 'discord-digital-twin';
import { ChannelType } from 'discord.js';

export const TOKEN = 'twin-bot-token';
const GUILDS = 1;
const RESUME = 6;

interface Recorded {
  method: string;
  /** Below `/api/v10`. */
  path: string;
  body: Record<string, unknown> | null;
}

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

interface GatewayClient {
  ws: { on(event: 'message', listener: (raw: Buffer) => void): void; close(code: number): void; terminate(): void };
  sessionId: string;
  identified: boolean;
  intents: number;
}

/** As much of the twin's gateway as is not in its types. */
interface Gateway {
  clients: GatewayClient[];
  wss: { on(event: 'connection', listener: (ws: GatewayClient['ws']) => void): void };
  send(client: GatewayClient, payload: unknown): void;
  sendDispatch(client: GatewayClient, event: string, data: unknown): void;
  broadcast(event: string, data: unknown): void;
}

export interface Twin {
  discord: DigitalDiscord;
  /** Root of the REST API, behind the gate. */
  api: string;
  channelId: string;
  alice: string;
  bob: string;
  requests: Recorded[];
  /** Answers instead of the twin; status 0: hangs up; undefined: it may pass. */
  fail: ((request: Recorded) => { status: number; body: object; headers?: Record<string, string> } | undefined) | null;
  /** While true, messages are taken and their answers get lost. */
  loseAnswers: boolean;
  /** Identified connections to the gateway. */
  connections(): number;
  /** Logins since the beginning, resumed sessions not counted. */
  logins(): number;
  resumed(): number;
  /** Drops all connections: with a close code, or as a network does. */
  drop(code?: number): void;
  /** While true, the gateway does not know any session that is to be resumed. */
  forgetSessions: boolean;
  /** While true, the gateway takes no connection. */
  down: boolean;
  messages(): Promise<{ id: string; content: string; author: string; components: unknown[]; flags: number }[]>;
  click(userId: string, messageId: string, customId: string): Promise<{ id: string; acknowledged(): Promise<boolean> }>;
  stop(): Promise<void>;
}

export async function startTwin(): Promise<Twin> {
  const dir = mkdtempSync(path.join(tmpdir(), 'ampa-discord-'));
  const discord = new DigitalDiscord({
    botToken: TOKEN,
    channels: [{ name: 'general', type: ChannelType.GuildText }],
    users: [{ username: 'alice' }, { username: 'bob' }],
    dbUrl: `file:${path.join(dir, 'twin.db')}`,
  });
  await discord.start();
  const idOf = async (username: string): Promise<string> =>
    (await discord.prisma.user.findFirstOrThrow({ where: { username } })).id;
  const { gateway, httpServer } = (discord as unknown as { server: { gateway: Gateway; httpServer: http.Server } })
    .server;
  let logins = 0;
  let resumed = 0;
  const sessions = new Set<string>();
  const dispatch = gateway.sendDispatch.bind(gateway);
  gateway.sendDispatch = (client, event, data) => {
    if (event === 'READY') {
      logins++;
      sessions.add(client.sessionId);
    }
    if (event.startsWith('GUILD_') && !(client.intents & GUILDS)) return;
    dispatch(client, event, data);
  };
  gateway.wss.on('connection', (ws) => {
    ws.on('message', (raw) => {
      const { op, d } = JSON.parse(raw.toString()) as { op: number; d: { session_id: string } };
      const client = gateway.clients.find((it) => it.ws === ws);
      if (op !== RESUME || !client) return;
      if (twin.forgetSessions || !sessions.has(d.session_id)) return gateway.send(client, { op: 9, d: false });
      resumed++;
      client.identified = true;
      client.sessionId = d.session_id;
      dispatch(client, 'RESUMED', {});
    });
  });
  const upgrades = httpServer.listeners('upgrade') as ((...args: unknown[]) => void)[];
  httpServer.removeAllListeners('upgrade');
  httpServer.on('upgrade', (request, socket, head) => {
    if (twin.down) socket.destroy();
    else for (const upgrade of upgrades) upgrade(request, socket, head);
  });

  const gate = http.createServer((request, response) => {
    void pass(request).then(
      ({ status, headers, body }) =>
        status === 0 ? response.destroy() : response.writeHead(status, headers).end(body),
      (error: unknown) => response.destroy(error as Error),
    );
  });
  async function pass(request: http.IncomingMessage) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const recorded: Recorded = {
      method: request.method!,
      path: request.url!.replace('/api/v10', ''),
      body: text === '' ? null : (JSON.parse(text) as Recorded['body']),
    };
    twin.requests.push(recorded);
    const failure = twin.fail?.(recorded);
    if (failure) {
      const headers = { 'content-type': 'application/json', ...failure.headers };
      return { status: failure.status, headers, body: JSON.stringify(failure.body) };
    }
    if (request.headers.authorization !== undefined && request.headers.authorization !== `Bot ${TOKEN}`)
      return {
        status: 401,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ message: '401: Unauthorized', code: 0 }),
      };
    const answer = await (recorded.path.startsWith('/interactions/')
      ? inTurn(() => forward(request, text))
      : once(recorded, () => forward(request, text)));
    if (twin.loseAnswers && recorded.method === 'POST') return { ...answer, status: 0 };
    return answer;
  }
  /** Two acknowledgements at the same moment would both be taken by the twin. */
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined);
    return mine;
  }
  const taken = new Map<string, Promise<Answer>>();
  /** The same nonce again is answered with the message that it made. */
  function once({ body }: Recorded, work: () => Promise<Answer>): Promise<Answer> {
    if (body?.['enforce_nonce'] !== true) return work();
    const nonce = String(body['nonce']);
    const answer = taken.get(nonce) ?? work();
    taken.set(nonce, answer);
    return answer;
  }
  async function forward(request: http.IncomingMessage, text: string): Promise<Answer> {
    const answer = await fetch(`http://127.0.0.1:${discord.port}${request.url}`, {
      method: request.method!,
      headers: { 'content-type': 'application/json' },
      body: text === '' ? undefined : text,
    });
    // The twin's own limit headers claim a minute's budget of 50.
    const type = answer.headers.get('content-type');
    return { status: answer.status, headers: type === null ? {} : { 'content-type': type }, body: await answer.text() };
  }
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));

  const twin: Twin = {
    discord,
    api: `http://127.0.0.1:${(gate.address() as AddressInfo).port}/api`,
    channelId: (await discord.prisma.channel.findFirstOrThrow()).id,
    alice: await idOf('alice'),
    bob: await idOf('bob'),
    requests: [],
    fail: null,
    connections: () => gateway.clients.filter((client) => client.identified).length,
    logins: () => logins,
    resumed: () => resumed,
    drop(code) {
      for (const client of [...gateway.clients]) {
        if (code === undefined) client.ws.terminate();
        else client.ws.close(code);
      }
    },
    loseAnswers: false,
    forgetSessions: false,
    down: false,
    async messages() {
      const rows = await discord.prisma.message.findMany({
        where: { channelId: this.channelId },
        orderBy: { id: 'asc' },
      });
      return rows.map(({ id, content, authorId, components, flags }) => ({
        id,
        content,
        author: authorId,
        components: JSON.parse(components) as unknown[],
        flags,
      }));
    },
    async click(userId, messageId, customId) {
      const { id } = await discord.channel(this.channelId).user(userId).clickButton({ messageId, customId });
      return {
        id,
        acknowledged: async () =>
          (await discord.channel(this.channelId).getInteractionResponse(id))?.acknowledged ?? false,
      };
    },
    async stop() {
      this.drop();
      gate.closeAllConnections();
      await new Promise((resolve) => gate.close(resolve));
      httpServer.closeAllConnections();
      await discord.stop();
      await discord.prisma.$disconnect();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return twin;
}
