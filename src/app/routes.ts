/** The routes of the local server: HTTP to use cases. */
import * as z from 'zod';
import type { WebhookStore } from '../tasks/watchStore.ts';
import { isSigned, newsOf } from '../adapters/github/webhook.ts';
import type { HttpAnswer, HttpRequest, Route } from '../adapters/http/server.ts';
import type { Respond } from '../conversations/ports.ts';
import { AmpaError, usageError } from '../errors.ts';
import { MERGE_METHODS } from '../tasks/landing.ts';
import { STATUSES, type Task } from '../tasks/task.ts';
import type { App } from './api.ts';
import { taskJson } from './json.ts';
import type { ChangeListener } from './localServer.ts';

export interface RouteDeps {
  app: Pick<App, 'start' | 'list' | 'find' | 'continue' | 'abort' | 'merge' | 'readLog' | 'prompts' | 'health'>;
  metrics(): Promise<{ text: string; type: string }>;
  respond: Respond;
  /** Tasks that changed after a revision, oldest change first. */
  changedSince(rev: number): Promise<Task[]>;
  revision(): Promise<number>;
  onChange(listener: ChangeListener): () => void;
  /** Empty: webhooks are not taken. */
  webhookSecret(): string;
  webhooks: WebhookStore;
  /** A webhook has changed the store. */
  poke(): void;
}

const words = z.string().refine((text) => text.trim() !== '', 'is empty');
const BODIES = {
  start: z.strictObject({
    repo: z.string().optional(),
    prompt: words,
    base: z.string().optional(),
    agent: z.string().optional(),
    checks: z.string().optional(),
    max_attempts: z.int().min(1).max(50).optional(),
  }),
  patch: z.discriminatedUnion('action', [
    z.strictObject({ action: z.literal('continue'), prompt: words }),
    z.strictObject({ action: z.literal('abort') }),
    z.strictObject({
      action: z.literal('merge'),
      method: z.enum(MERGE_METHODS).optional(),
      delete_branch: z.boolean().optional(),
    }),
  ]),
  respond: z
    .strictObject({ prompt_id: words.optional(), session_id: words.optional(), response: words })
    .refine((it) => (it.prompt_id === undefined) !== (it.session_id === undefined), {
      message: 'give prompt_id or session_id',
    }),
};

const whole = (max: number) => z.coerce.number().int().min(1).max(max);
const QUERIES = {
  list: z.object({
    status: z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(z.enum(STATUSES)))
      .optional(),
    limit: whole(200).default(50),
    cursor: z.string().optional(),
  }),
  logs: z.object({ attempt: z.coerce.number().int().min(0).optional(), tail: whole(100_000).optional() }),
};

/** At most so much of a log comes in one answer, bytes from its end. */
const LOG_BYTES = 1024 * 1024;

export function serverRoutes(deps: RouteDeps): Route[] {
  const { app } = deps;
  return [
    {
      method: 'GET',
      path: '/metrics',
      access: 'open',
      handle: async () => ({ status: 200, ...(await deps.metrics()) }),
    },
    {
      method: 'GET',
      path: '/health',
      access: 'open',
      async handle() {
        const { ok, reasons } = await app.health();
        return { status: ok ? 200 : 503, json: { status: ok ? 'ok' : 'failing', reasons } };
      },
    },
    {
      method: 'POST',
      path: '/tasks',
      access: 'token',
      async handle({ body }) {
        const { max_attempts: maxAttempts, ...request } = jsonOf(BODIES.start, body);
        const { id, branch } = await app.start({ ...request, maxAttempts });
        return { status: 201, json: { id, branch }, headers: { location: `/tasks/${id}` } };
      },
    },
    {
      method: 'GET',
      path: '/tasks',
      access: 'token',
      async handle({ query }) {
        const { status, limit, cursor } = queryOf(QUERIES.list, query);
        const page = await app.list({ statuses: status, limit: limit + 1, before: cursor });
        const tasks = page.tasks.slice(0, limit);
        const next = page.tasks.length > limit ? tasks.at(-1)!.id : null;
        return { status: 200, json: { tasks: tasks.map(taskJson), total: page.total, cursor: next } };
      },
    },
    {
      method: 'GET',
      path: '/tasks/{id}',
      access: 'token',
      handle: async ({ params }) => ({ status: 200, json: taskJson(await app.find(params['id']!)) }),
    },
    {
      method: 'PATCH',
      path: '/tasks/{id}',
      access: 'token',
      async handle({ params, body }) {
        const change = jsonOf(BODIES.patch, body);
        const { id } = await app.find(params['id']!);
        if (change.action === 'continue') await app.continue(id, change.prompt);
        else if (change.action === 'abort') await app.abort(id);
        else await app.merge(id, { method: change.method ?? null, deleteBranch: change.delete_branch === true });
        return { status: 204 };
      },
    },
    {
      method: 'GET',
      path: '/tasks/{id}/logs',
      access: 'token',
      async handle({ params, query }) {
        const { attempt, tail } = queryOf(QUERIES.logs, query);
        const { id } = await app.find(params['id']!);
        const { text } = await app.readLog(id, { attempt, tailBytes: LOG_BYTES });
        const lines = text.replace(/\n$/, '').split('\n');
        return {
          status: 200,
          text: tail === undefined || lines.length <= tail ? text : `${lines.slice(-tail).join('\n')}\n`,
          type: 'text/plain; charset=utf-8',
        };
      },
    },
    { method: 'GET', path: '/events', access: 'token', handle: async (request) => events(deps, request) },
    {
      method: 'POST',
      path: '/respond',
      access: 'token',
      async handle({ body }) {
        const { prompt_id: promptId, session_id: session, response } = jsonOf(BODIES.respond, body);
        return { status: 200, json: await deps.respond({ promptId, session, response, by: 'HTTP' }) };
      },
    },
    { method: 'POST', path: '/webhooks/github', access: 'signed', handle: (request) => webhook(deps, request) },
  ];
}

/**
 * Every change of a task, under its revision; a client that comes again with the last one it saw gets
 * what it missed. That the open questions, or the schedule, have changed is told without a revision.
 */
function events(deps: RouteDeps, { headers }: HttpRequest): HttpAnswer {
  return {
    async events(stream) {
      let last = Infinity;
      let prompts = '';
      const early: Parameters<ChangeListener>[0][] = [];
      const sendTasks = (tasks: readonly Task[]): void => {
        for (const task of tasks) {
          if (task.rev <= last) continue;
          last = task.rev;
          stream.send({ id: task.rev, event: 'task', data: taskJson(task) });
        }
      };
      const send: ChangeListener = (change) => {
        if (change === 'schedule') return stream.send({ event: 'schedule', data: {} });
        sendTasks(change.tasks);
        const open = JSON.stringify(change.prompts);
        if (open !== prompts) stream.send({ event: 'prompts', data: { prompts: change.prompts } });
        prompts = open;
      };
      let listener: ChangeListener = (change) => void early.push(change);
      // Before what was missed is read, so that nothing falls in between.
      stream.closed.addEventListener(
        'abort',
        deps.onChange((change) => listener(change)),
        { once: true },
      );
      const seen = Number(headers['last-event-id'] ?? Number.NaN);
      const open = await deps.app.prompts();
      prompts = JSON.stringify(open);
      if (open.length > 0) stream.send({ event: 'prompts', data: { prompts: open } });
      const now = await deps.revision();
      // What a restored backup has not yet come to again cannot be gone on from.
      const resumes = Number.isInteger(seen) && seen >= 0 && seen <= now;
      last = resumes ? seen : now;
      // At the pace of the client: who was away for long has much to take.
      for (const task of resumes ? await deps.changedSince(seen) : []) {
        sendTasks([task]);
        await stream.taken();
      }
      stream.mark(last);
      for (const change of early) send(change);
      listener = send;
    },
  };
}

async function webhook(deps: RouteDeps, { headers, body }: HttpRequest): Promise<HttpAnswer> {
  const problem = (status: number, code: string, message: string): HttpAnswer => ({
    status,
    json: { error: { code, message } },
  });
  const of = (name: string): string => String(headers[name] ?? '');
  const secret = deps.webhookSecret();
  if (secret === '')
    return problem(404, 'not_found', 'webhooks are not accepted: AMPA_GITHUB_WEBHOOK_SECRET is not set');
  if (!isSigned(secret, body, of('x-hub-signature-256')))
    return problem(401, 'unauthorized', 'the signature is missing or wrong');
  const [id, event] = [of('x-github-delivery'), of('x-github-event')];
  if (!/^[\w-]{1,100}$/.test(id) || event === '') throw usageError('the headers are not those of a webhook', '');
  const form = of('content-type').startsWith('application/x-www-form-urlencoded');
  const text = form ? (new URLSearchParams(body.toString('utf8')).get('payload') ?? '') : body.toString('utf8');
  const news = newsOf(event, parseJson(text));
  const fresh = await deps.webhooks.take(id, news);
  if (fresh && news) deps.poke();
  return { status: 202, json: { accepted: fresh && news !== null } };
}

function jsonOf<T extends z.ZodType>(schema: T, body: Uint8Array): z.infer<T> {
  return checked(schema, parseJson(Buffer.from(body).toString('utf8')));
}

const queryOf = <T extends z.ZodType>(schema: T, query: URLSearchParams): z.infer<T> =>
  checked(schema, Object.fromEntries([...query].filter(([, value]) => value !== '')));

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new AmpaError('usage', 'the body is not JSON', '', error);
  }
}

function checked<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const said = parsed.error.issues.map(({ path, message }) =>
    path.length > 0 ? `${path.join('.')}: ${message}` : message,
  );
  throw usageError(said.join('; '), '');
}
