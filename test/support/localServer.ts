/** Requests to the local server, whose every header the test decides. */
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

export interface Asked {
  method?: string;
  /** A header of undefined is not sent. */
  headers?: Record<string, string | undefined>;
  /** Text goes as it is, anything else as JSON. */
  body?: unknown;
  token?: string;
}

export interface Answered {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** Throws where it is no JSON. */
  json<T = Record<string, unknown>>(): T;
}

function open(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body, token }: Asked,
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(url);
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const all: Record<string, string | undefined> = {
    ...(text === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...headers,
  };
  const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path, headers: sent, agent: false }, resolve);
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

export async function ask(url: string, path: string, asked: Asked = {}): Promise<Answered> {
  const response = await open(url, path, asked);
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  return {
    status: response.statusCode!,
    headers: response.headers,
    text,
    json: <T>() => JSON.parse(text) as T,
  };
}

export interface ReceivedEvent {
  id: string | undefined;
  event: string;
  data: Record<string, unknown>;
}

/** Listens to server-sent events; they are added to `events` as they come. */
export async function listen(url: string, token: string, lastEventId?: string) {
  const response = await open(url, '/events', { token, headers: { 'last-event-id': lastEventId } });
  const events: ReceivedEvent[] = [];
  let id: string | undefined;
  let ended = false;
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    const parts = (rest + text).split('\n\n');
    rest = parts.pop()!;
    for (const part of parts) {
      const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1];
      id = field('id') ?? id;
      const data = field('data');
      if (data === undefined) continue;
      events.push({ id, event: field('event')!, data: JSON.parse(data) as Record<string, unknown> });
    }
  });
  response.on('close', () => (ended = true));
  response.on('error', () => (ended = true));
  return {
    status: response.statusCode!,
    events,
    /** The newest id, even of no event. */
    lastId: () => id,
    ended: () => ended,
    close: () => void response.destroy(),
  };
}
