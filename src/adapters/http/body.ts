import type { IncomingMessage } from 'node:http';

/** What is read beyond the limit, so that a client which sends all before it listens hears our answer. */
const PATIENCE = 1024 * 1024;

/** The whole body; null: it is larger than `limit` bytes. Rejects when the client goes away. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer | null> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limit + PATIENCE) return null;
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop early must leave the connection, which the refusal goes through.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    else if (size > limit + PATIENCE) return null;
  }
  return size > limit ? null : Buffer.concat(chunks);
}
