/** A local server in the place of Discord, Slack or ntfy: it keeps what it was sent, and answers as it is told. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  method: string;
  url: string;
  headers: http.IncomingHttpHeaders;
  body: Record<string, unknown>;
}

/** `hang` never answers, `drop` reads the request and closes the connection. */
export type Reply = 'hang' | 'drop' | { status: number; body?: unknown; headers?: Record<string, string> };

export interface ChannelServer {
  url: string;
  received: Received[];
  /** Answers for the next requests, in order; after them `always`. */
  next: Reply[];
  always: (request: Received) => Reply;
  close(): Promise<void>;
}

export async function startChannelServer(always: (request: Received) => Reply): Promise<ChannelServer> {
  const it: ChannelServer = { url: '', received: [], next: [], always, close };
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>;
      const received = { method, url, headers, body };
      it.received.push(received);
      const reply = it.next.shift() ?? it.always(received);
      if (reply === 'hang') return;
      if (reply === 'drop') {
        request.socket.destroy();
        return;
      }
      const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? '');
      const type = typeof reply.body === 'string' ? 'text/plain' : 'application/json';
      response.writeHead(reply.status, { 'content-type': type, ...reply.headers });
      response.end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  it.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  async function close(): Promise<void> {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  return it;
}

let ids = 1_000_000_000_000;
/** As Discord answers a webhook with `wait`; without it, 204. */
export const discordTakes = ({ url, body }: Received): Reply =>
  url.includes('wait=true') || url.includes('/messages/')
    ? { status: 200, body: { id: String(ids++), content: body['content'], channel_id: '1' } }
    : { status: 204, body: '' };
export const slackTakes = (): Reply => ({ status: 200, body: 'ok' });
export const ntfyTakes = ({ body }: Received): Reply => ({
  status: 200,
  body: { id: `n${ids++}`, time: 1, expires: 2, event: 'message', topic: body['topic'], message: body['message'] },
});
