/** GitHub's webhooks: whether one is signed with our secret, and what it is news of. Loads no client. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import type { ForgeNews } from '../../tasks/watchStore.ts';
import { AmpaError } from '../../errors.ts';

/** Whether `X-Hub-Signature-256` belongs to the body as it came. Takes as long for a wrong one as for the right one. */
export function isSigned(secret: string, body: Uint8Array, signature: string | undefined): boolean {
  const given = /^sha256=([0-9a-f]{64})$/i.exec(signature ?? '')?.[1];
  // HMAC with an empty key would be one that everybody knows.
  if (given === undefined || secret === '') return false;
  return timingSafeEqual(createHmac('sha256', secret).update(body).digest(), Buffer.from(given, 'hex'));
}

const numbers = z
  .array(z.object({ number: z.number() }))
  .default([])
  .transform((list) => list.map((it) => it.number));
const base = { action: z.string().optional(), repository: z.object({ html_url: z.string() }) };
const run = z.object({ head_sha: z.string(), status: z.string().nullish(), pull_requests: numbers });
const PAYLOADS = {
  workflow_run: z.object({ ...base, workflow_run: run }),
  check_run: z.object({ ...base, check_run: run }),
  status: z.object({ ...base, sha: z.string(), state: z.string() }),
  pull_request: z.object({
    ...base,
    pull_request: z.object({ number: z.number(), head: z.object({ sha: z.string() }) }),
  }),
};

/**
 * What an event is news of; null for events that say nothing of checks. Throws `usage` where the
 * payload is not what GitHub sends.
 */
export function newsOf(event: string, payload: unknown): ForgeNews | null {
  switch (event) {
    case 'workflow_run': {
      const { repository, workflow_run: it } = parse(event, PAYLOADS.workflow_run, payload);
      return news(repository, [it.head_sha], it.pull_requests, it.status === 'completed');
    }
    case 'check_run': {
      // One that another app records as done is never completed: it is created so.
      const { repository, check_run: it } = parse(event, PAYLOADS.check_run, payload);
      return news(repository, [it.head_sha], it.pull_requests, it.status === 'completed');
    }
    case 'status': {
      const { repository, sha, state } = parse(event, PAYLOADS.status, payload);
      return news(repository, [sha], [], state !== 'pending');
    }
    case 'pull_request': {
      const { action, repository, pull_request: it } = parse(event, PAYLOADS.pull_request, payload);
      return news(repository, [it.head.sha], [it.number], action === 'closed' || action === 'reopened');
    }
    default:
      return null;
  }
}

function parse<T extends z.ZodType>(event: string, schema: T, payload: unknown): z.infer<T> {
  const parsed = schema.safeParse(payload);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AmpaError('usage', `this is not a ${event} event: ${issue!.path.join('.')}: ${issue!.message}`);
}

/** `https://github.com/acme/widget` is `github.com/acme/widget`. */
function news(repository: { html_url: string }, shas: string[], pullRequests: number[], ended: boolean): ForgeNews {
  const url = URL.parse(repository.html_url);
  if (!url) throw new AmpaError('usage', `${JSON.stringify(repository.html_url)} is not the address of a repository`);
  return { repo: `${url.host}${url.pathname.replace(/\/$/, '')}`, shas, pullRequests, ended };
}
