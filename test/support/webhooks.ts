/** GitHub's webhooks as they really look, and the way to send them. */
import { createHmac, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import examples from '@octokit/webhooks-examples' with { type: 'json' };

type Payload = Record<string, unknown>;

const all = examples as unknown as { name: string; examples: Payload[] }[];

export const WEBHOOK_EVENTS = all.map(({ name }) => name);

/** Real payloads of an event. */
export const payloadsOf = (event: string): Payload[] =>
  structuredClone(all.find(({ name }) => name === event)!.examples);

export interface Delivered {
  event: string;
  /** Text goes as it is. */
  payload: unknown;
  secret: string;
  id?: string;
  headers?: Record<string, string>;
}

/** Sends one as GitHub does: through a tunnel, so by a name that is not ours. */
export function deliver(
  url: string,
  { event, payload, secret, id = randomUUID(), headers = {} }: Delivered,
): Promise<{ status: number; body: unknown }> {
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        method: 'POST',
        path: '/webhooks/github',
        headers: {
          host: 'smee.example',
          'user-agent': 'GitHub-Hookshot/044aadd',
          'content-type': 'application/json',
          'x-github-event': event,
          'x-github-delivery': id,
          'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode!, body: JSON.parse(Buffer.concat(chunks).toString()) as unknown }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
