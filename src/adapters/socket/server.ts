/** A Unix socket, or a named pipe on Windows: a line comes, a line of JSON goes. */
import fs from 'node:fs';
import net from 'node:net';
import { AmpaError, codeOf } from '../../errors.ts';
import { createLines, type Line } from './lines.ts';

export interface SocketOptions {
  path: string;
  /** What a client says in one line. Rejects with an `AmpaError` whose message is the reply. */
  onLine(line: string): Promise<void>;
  /** What is nobody's fault out there. */
  onError(error: unknown): void;
}

/** Bytes of one line, without its end. */
const MAX_LINE = 64 * 1024;
const MAX_CLIENTS = 100;
/** How long clients have to read their last replies when the socket is closed, ms. */
const CLOSE_MS = 1000;
/** How long a probe waits for whoever may listen there, ms. */
const PROBE_MS = 1000;

/**
 * Listens at the path until `close`, which lets replies under way be given and removes the socket. What a
 * dead process left there is removed; where another one listens, or something else than a socket lies,
 * it rejects with `refused`.
 */
export async function openSocket(options: SocketOptions): Promise<{ close(): Promise<void> }> {
  const clients = new Map<net.Socket, () => Promise<void>>();
  // A client may end its side and still wait for the replies.
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    clients.set(client, converse(client, options));
    client.once('close', () => clients.delete(client));
  });
  server.maxConnections = MAX_CLIENTS;
  await listenAt(server, options.path);
  server.on('error', options.onError);
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const cut = setTimeout(() => {
        for (const client of clients.keys()) client.destroy();
      }, CLOSE_MS);
      await Promise.all([...clients.values()].map((settled) => settled()));
      for (const client of clients.keys()) client.destroySoon();
      await closed;
      clearTimeout(cut);
    },
  };
}

/** Answers one client, a line after the other; returns how to wait for the replies under way. */
function converse(client: net.Socket, options: SocketOptions): () => Promise<void> {
  const lines = createLines(MAX_LINE);
  let work = Promise.resolve();
  const answer = async (found: Line[]): Promise<void> => {
    for (const line of found) {
      const reply = await replyTo(line, options);
      if (!client.destroyed && !client.write(`${JSON.stringify(reply)}\n`)) await drained(client);
    }
  };
  const afterwards = (next: () => Promise<void>): void => {
    const before = work;
    work = (async () => {
      await before;
      await next().catch(options.onError);
    })();
  };
  // Whoever hangs up hears no reply; there is nobody to tell.
  client.on('error', () => client.destroy());
  client.on('data', (chunk: Buffer) => {
    client.pause();
    const found = lines.push(chunk);
    afterwards(async () => {
      await answer(found);
      client.resume();
    });
  });
  client.on('end', () =>
    afterwards(async () => {
      await answer(lines.end());
      client.end();
    }),
  );
  return () => work;
}

async function replyTo(line: Line, options: SocketOptions): Promise<{ ok: true } | { ok: false; error: string }> {
  if (line === 'too large') return { ok: false, error: 'message too large' };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(line);
  } catch {
    return { ok: false, error: 'invalid JSON: it is not UTF-8' };
  }
  try {
    await options.onLine(text);
    return { ok: true };
  } catch (error) {
    if (!(error instanceof AmpaError)) options.onError(error);
    return { ok: false, error: (error as Error).message };
  }
}

/** A client that does not read is waited for, until it is gone. */
const drained = (client: net.Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      client.off('drain', done);
      client.off('close', done);
      resolve();
    };
    client.on('drain', done);
    client.on('close', done);
  });

async function listenAt(server: net.Server, path: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await listen(server, path);
      break;
    } catch (error) {
      const code = codeOf(error);
      if (code !== 'EADDRINUSE' || tries > 2)
        throw new AmpaError(
          'external',
          `the socket ${path} cannot be opened (${code})`,
          'Set AMPA_BOT_SOCKET_PATH.',
          error,
        );
      await removeStale(path);
    }
  }
  // The folder is our own by default; one that the user names may be anybody's.
  if (process.platform !== 'win32') fs.chmodSync(path, 0o600);
}

const listen = (server: net.Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });

/** Only what is a socket and what nobody listens at is removed. A named pipe goes with its process. */
async function removeStale(path: string): Promise<void> {
  const inUse = new AmpaError('refused', `another process is listening on ${path}`, 'Set AMPA_BOT_SOCKET_PATH.');
  if (process.platform === 'win32') throw inUse;
  const there = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!there) return;
  if (!there.isSocket())
    throw new AmpaError('refused', `${path} is not a socket`, 'Set AMPA_BOT_SOCKET_PATH to a path that is free.');
  if (await answers(path)) throw inUse;
  // Its inode: whoever has put a new one there meanwhile lives.
  if (fs.lstatSync(path, { throwIfNoEntry: false })?.ino === there.ino) fs.rmSync(path, { force: true });
}

/** Whether anybody listens; what cannot be told counts as yes. */
const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = net.connect(path);
    const tell = (it: boolean): void => {
      probe.destroy();
      resolve(it);
    };
    probe.setTimeout(PROBE_MS, () => tell(true));
    probe.once('connect', () => tell(true));
    probe.once('error', (error: NodeJS.ErrnoException) =>
      tell(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
