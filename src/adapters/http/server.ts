/** The local server: node:http behind the guards, JSON in and out. It knows nothing of tasks. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AmpaError, codeOf } from '../../errors.ts';
import { readBody } from './body.ts';
import { openEventStream, type EventStream } from './eventStream.ts';
import { contentTypeRefusal, hostRefusal, originRefusal, tokenRefusal, tooLarge, type Refusal } from './guards.ts';
import { matchRoute, type RoutePattern } from './router.ts';

export interface HttpRequest {
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  /** As it came; empty where there is none. */
  body: Buffer;
}

export type HttpAnswer =
  | { status: number; json?: unknown; headers?: Readonly<Record<string, string>> }
  | { status: number; text: string; type: string }
  /** Server-sent events until the client goes or the server closes. */
  | { events(stream: EventStream): Promise<void> };

export interface Route extends RoutePattern {
  /**
   * `open`: anybody who reaches us by one of our names. `token`: who has the token, too. `signed`: the
   * route looks itself, at whatever comes by whatever name.
   */
  access: 'open' | 'token' | 'signed';
  handle(request: HttpRequest): Promise<HttpAnswer>;
}

export interface HttpServerOptions {
  /** An address or a name. */
  host: string;
  /** 0 picks a free one, and so does one that is in use. */
  port: number;
  token: string;
  routes: readonly Route[];
  /** What the caller is told of an error that a route threw. */
  explain(error: unknown): Refusal;
}

export interface HttpServer {
  port: number;
  /** Ends the streams, then what is under way; resolves when nothing is open any more. */
  close(): Promise<void>;
}

const BODY_LIMIT = 64 * 1024;
const SIGNED_BODY_LIMIT = 1024 * 1024;
const MAX_CONNECTIONS = 256;
const MAX_STREAMS = 64;
/** How long answers under way have when the server closes, ms. */
const GRACE_MS = 1000;

/** Rejects with `external` where the host is no address of this machine. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, token, routes } = options;
  const streams = new Set<{ end(): void }>();
  const underWay = new Set<ServerResponse>();
  let port = 0;
  let closing = false;

  async function answerTo(request: IncomingMessage): Promise<HttpAnswer | Refusal> {
    const { headers, method = 'GET' } = request;
    const url = URL.parse(request.url ?? '/', 'http://localhost');
    if (!url) return { status: 400, code: 'usage', message: 'the address cannot be read' };
    const match = matchRoute(routes, method, url.pathname);
    const route = 'route' in match ? match.route : null;
    const refused =
      route?.access === 'signed' ? null : (hostRefusal(headers, { host, port }) ?? originRefusal(headers));
    if (refused) return refused;
    if ('refusal' in match) return match.refusal;
    if (match.route.access === 'token') {
      const unknown = tokenRefusal(headers, token);
      if (unknown) return unknown;
    }
    let body: Buffer = Buffer.alloc(0);
    if (match.route.method !== 'GET') {
      const wrong = match.route.access === 'signed' ? null : contentTypeRefusal(headers);
      if (wrong) return wrong;
      const limit = match.route.access === 'signed' ? SIGNED_BODY_LIMIT : BODY_LIMIT;
      const read = await readBody(request, limit);
      if (read === null) return tooLarge(limit);
      body = read;
    }
    return match.route.handle({ params: match.params, query: url.searchParams, headers, body });
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: HttpAnswer | Refusal;
    try {
      answer = await answerTo(request);
    } catch (error) {
      if (request.destroyed && !request.complete) return;
      answer = options.explain(error);
    }
    if (!('events' in answer)) return write(request, response, answer);
    if (request.method === 'HEAD') return write(request, response, { status: 200 });
    if (streams.size >= MAX_STREAMS || closing)
      return write(request, response, { status: 503, code: 'busy', message: 'too many clients are listening already' });
    const stream = openEventStream(response);
    streams.add(stream);
    stream.closed.addEventListener('abort', () => streams.delete(stream), { once: true });
    try {
      await answer.events(stream);
    } catch (error) {
      const { code, message } = options.explain(error);
      stream.send({ event: 'error', data: { error: { code, message } } });
      stream.end();
    }
  }

  const server = createServer(
    // A client that says its request slowly, or nothing at all, must not keep others out.
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000, connectionsCheckingInterval: 5_000 },
    (request, response) => {
      // A client that has gone is no error of ours.
      response.on('error', () => undefined);
      underWay.add(response);
      response.once('close', () => {
        underWay.delete(response);
        if (closing && underWay.size === 0) server.closeAllConnections();
      });
      void handle(request, response);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  port = await listen(server, host, options.port);

  return {
    port,
    async close() {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const stream of streams) stream.end();
      if (underWay.size === 0) server.closeAllConnections();
      const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
      await closed;
      clearTimeout(cut);
    },
  };
}

function write(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Exclude<HttpAnswer, { events: unknown }> | Refusal,
): void {
  const headers: Record<string, string> = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...('headers' in answer ? answer.headers : {}),
  };
  // What is left of the request is not read.
  if (!request.complete) headers['connection'] = 'close';
  const send = (text: string, type: string): void => {
    headers['content-length'] = String(Buffer.byteLength(text));
    response.writeHead(answer.status, { ...headers, 'content-type': type }).end(text);
  };
  if ('text' in answer) return send(answer.text, answer.type);
  const body = 'code' in answer ? { error: { code: answer.code, message: answer.message } } : answer.json;
  if (body === undefined) response.writeHead(answer.status, headers).end();
  else send(`${JSON.stringify(body)}\n`, 'application/json; charset=utf-8');
}

/** A port that is in use, or is for the administrator only, means a free one. */
async function listen(server: ReturnType<typeof createServer>, host: string, port: number): Promise<number> {
  const attempt = (on: number): Promise<number> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(on, host, () => {
        server.off('error', reject);
        resolve((server.address() as AddressInfo).port);
      });
    });
  try {
    return await attempt(port);
  } catch (error) {
    const code = codeOf(error);
    if (port !== 0 && (code === 'EADDRINUSE' || code === 'EACCES')) return attempt(0);
    throw new AmpaError('external', `${host} cannot be used to listen on`, 'Check AMPA_HTTP_HOST.', error);
  }
}
