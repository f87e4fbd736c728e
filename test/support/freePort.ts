/** Ports for programs that have to be told one. */
import { createServer } from 'node:net';

/**
 * A port of 127.0.0.1 that nobody listens at, below those that the system gives out by itself: until the
 * program is there, no connection and no listener that asked for any port comes to have it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
