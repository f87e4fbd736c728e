import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

export interface ServerSentEvent {
  /** What `Last-Event-ID` says when the client comes again. */
  id?: number;
  event: string;
  data: unknown;
}

/** One client of server-sent events. */
export interface EventStream {
  send(event: ServerSentEvent): void;
  /** Resolves when the client has taken what was sent so far, or has gone. */
  taken(): Promise<void>;
  /** Where the client is now: what it says when it comes again, without an event. */
  mark(id: number): void;
  /** Aborted when the client has gone or the server closes. */
  closed: AbortSignal;
}

/** What may wait for a client that does not read, bytes; then it is cut off, and comes again by its last id. */
const MAX_WAITING = 4 * 1024 * 1024;
const BEAT_MS = 15_000;

/** Turns an answer into a stream of events. A comment every 15 s keeps it alive through proxies. */
export function openEventStream(response: ServerResponse): EventStream & { end(): void } {
  const closed = new AbortController();
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    connection: 'keep-alive',
  });
  const write = (text: string): void => {
    if (closed.signal.aborted) return;
    response.write(text);
    if (response.writableLength > MAX_WAITING) response.destroy();
  };
  write('retry: 2000\n\n');
  const beat = setInterval(() => write(':\n\n'), BEAT_MS);
  beat.unref();
  response.once('close', () => {
    clearInterval(beat);
    closed.abort();
  });
  return {
    // JSON has no line breaks of its own.
    send: ({ id, event, data }) =>
      write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    async taken() {
      if (!response.writableNeedDrain || closed.signal.aborted) return;
      // It ends early when the client goes.
      await once(response, 'drain', { signal: closed.signal }).catch(() => undefined);
    },
    mark: (id) => write(`id: ${id}\n\n`),
    closed: closed.signal,
    end: () => void response.end(),
  };
}
