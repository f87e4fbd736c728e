/** One way to GitHub: octokit with its throttling and retry plugins, conditional requests, a count. */
import type { Fetch } from '../../tasks/ports.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { Octokit } from 'octokit';
import type { ForgeBudget } from '../../tasks/forge.ts';
import { limitEndsIn, statusOf } from './failures.ts';
import { graphqlUrlOf } from './remote.ts';

export interface ClientOptions {
  apiUrl: string;
  /** The value of the authorization header for each request. */
  authorize: () => Promise<string>;
  /** Called when GitHub does not know the credential any more; true when `authorize` has another one now. */
  renew?: () => boolean;
  fetch: Fetch;
  now: () => number;
  /** For one try of a request, ms; 30 s. */
  timeoutMs?: number;
  /** How long a second of waiting lasts, ms; tests shorten it, and writes are then not spaced out. */
  secondMs?: number;
  /** Told of each request once it is answered, or is not. */
  onRequest?: OnRequest;
}

export type RequestOutcome = 'ok' | 'not_modified' | 'refused' | 'limited' | 'server_error' | 'failed';
/** `budget` is what GitHub said of `resource` with it; null where it said nothing. */
export type OnRequest = (outcome: RequestOutcome, budget: { resource: string; remaining: number } | null) => void;

export interface GraphqlError {
  type?: string;
  message: string;
  path?: (string | number)[];
}

export interface Client {
  octokit: Octokit;
  apiUrl: string;
  /** Errors are given back beside what could be answered. Rejects when there is no answer at all. */
  graphql<T>(
    query: string,
    variables: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
  ): Promise<{ data: T | null; errors: GraphqlError[] }>;
  /** The text at an address outside of the API, without our credential. Rejects when it stays silent for a try's time. */
  download(url: string, signal: AbortSignal): AsyncGenerator<string>;
  /** The last known budget of `core` or `graphql`. */
  budget(resource: 'core' | 'graphql'): ForgeBudget | null;
  /** Requests that GitHub counts: all that it answered but for 304. */
  counted(): number;
}

/** A limit that ends later than this is an error; the caller has its own rhythm. */
const LONGEST_WAIT_S = 60;
const CACHED = 200;

type Answer = Awaited<ReturnType<Octokit['request']>>;

interface Cached {
  etag: string;
  status: Answer['status'];
  headers: Answer['headers'];
  data: unknown;
}

/** A client for one identity at one API. Nothing is asked before the first call. */
export function createClient(options: ClientOptions): Client {
  const { timeoutMs = 30_000, secondMs = 1000 } = options;
  const budgets = new Map<string, ForgeBudget>();
  const cache = new Map<string, Cached>();
  let counted = 0;

  const timed = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
    const response = await options.fetch(url, { ...init, signal }).catch((error: unknown) => {
      if (!init.signal?.aborted) options.onRequest?.('failed', null);
      throw error;
    });
    if (response.status !== 304) counted++;
    const resource = noteBudget(budgets, response.headers);
    const remaining = resource === null ? undefined : budgets.get(resource)?.remaining;
    options.onRequest?.(
      outcomeOf(response),
      resource === null || remaining === undefined ? null : { resource, remaining },
    );
    return response;
  };
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  const unspaced = {
    key: () => ({ schedule: (_o: object, run: (...args: unknown[]) => unknown, ...args: unknown[]) => run(...args) }),
  };
  const octokit = new Octokit({
    baseUrl: options.apiUrl,
    userAgent: 'ampa',
    log: quiet,
    request: { fetch: timed, log: quiet },
    // What GitHub has decided is not asked again; 429 is for the throttling plugin, which reads Retry-After.
    retry: {
      retries: 2,
      retryAfterBaseValue: secondMs,
      doNotRetry: [400, 401, 403, 404, 405, 409, 410, 422, 429, 451],
    },
    throttle: {
      // Limits belong to a credential at an API; two clients must not wait for one another.
      id: `${options.apiUrl}#${++clients}`,
      ...(secondMs < 1000 ? { write: unspaced, notifications: unspaced } : {}),
      // The plugin would wait whatever the signal says, and hold the process meanwhile: the hook below waits.
      onRateLimit: () => false,
      onSecondaryRateLimit: () => false,
    },
  });

  // The hook that is registered last is the outermost: what it gives up, the plugins do not retry.
  octokit.hook.wrap('request', async (ask, parameters) => {
    // The plugins answer later; the hook's type would allow them to answer at once.
    const request = async (it: typeof parameters): Promise<Answer> => ask(it);
    const signal = (parameters.request as { signal?: AbortSignal } | undefined)?.signal;
    signal?.throwIfAborted();
    const parsed = octokit.request.endpoint.parse(parameters);
    const key = parsed.method === 'GET' ? `${parsed.headers.accept ?? ''} ${parsed.url}` : null;
    const known = key === null ? undefined : cache.get(key);
    const send = async () => {
      parameters.headers.authorization = await options.authorize();
      if (known) parameters.headers['if-none-match'] = known.etag;
      return request(parameters);
    };
    const insist = async (tries = 0): Promise<Answer> => {
      try {
        return await send();
      } catch (error) {
        if (statusOf(error) === 401 && tries === 0 && options.renew?.()) return insist(1);
        const seconds = limitEndsIn(error, options.now());
        if (seconds === null || seconds > LONGEST_WAIT_S || tries >= 2) throw error;
        await sleep(seconds * secondMs, undefined, { signal });
        return insist(tries + 1);
      }
    };
    try {
      const response = await orAborted(insist(), signal);
      const { etag } = response.headers;
      if (key !== null && etag) remember(cache, key, { ...response, etag, data: structuredClone(response.data) });
      return response;
    } catch (error) {
      if (statusOf(error) !== 304 || !known) throw error;
      remember(cache, key!, known);
      // A copy: octokit's pagination takes answers apart.
      return { url: parsed.url, status: known.status, headers: known.headers, data: structuredClone(known.data) };
    }
  });

  const graphqlUrl = graphqlUrlOf(options.apiUrl);
  return {
    octokit,
    apiUrl: options.apiUrl,
    async graphql<T>(query: string, variables: Readonly<Record<string, unknown>>, signal?: AbortSignal) {
      const response = await octokit.request(`POST ${graphqlUrl}`, { query, variables, request: { signal } });
      const body = response.data as { data?: T | null; errors?: GraphqlError[] };
      return { data: body.data ?? null, errors: body.errors ?? [] };
    },
    async *download(url, signal) {
      const silence = new AbortController();
      const either = AbortSignal.any([signal, silence.signal]);
      const silent = (): void => silence.abort(new Error(`nothing came for ${timeoutMs / 1000} s`));
      let timer = setTimeout(silent, timeoutMs);
      try {
        const response = await options.fetch(url, { signal: either });
        if (!response.ok || !response.body) throw new Error(`the log's storage answered ${response.status}`);
        const decoder = new TextDecoder();
        for await (const chunk of response.body) {
          clearTimeout(timer);
          yield decoder.decode(chunk as Uint8Array, { stream: true });
          timer = setTimeout(silent, timeoutMs);
        }
        yield decoder.decode();
      } finally {
        clearTimeout(timer);
      }
    },
    budget: (resource) => budgets.get(resource) ?? null,
    counted: () => counted,
  };
}

let clients = 0;

function remember(cache: Map<string, Cached>, key: string, entry: Cached): void {
  cache.delete(key);
  cache.set(key, entry);
  if (cache.size > CACHED) cache.delete(cache.keys().next().value!);
}

function outcomeOf({ status, headers }: Response): RequestOutcome {
  if (status === 304) return 'not_modified';
  if (status < 400) return 'ok';
  const spent = headers.get('x-ratelimit-remaining') === '0' || headers.has('retry-after');
  if (status === 429 || (status === 403 && spent)) return 'limited';
  return status < 500 ? 'refused' : 'server_error';
}

/** The resource that the answer told the budget of; null: none. */
function noteBudget(budgets: Map<string, ForgeBudget>, headers: Headers): string | null {
  const limit = Number(headers.get('x-ratelimit-limit') ?? Number.NaN);
  const remaining = Number(headers.get('x-ratelimit-remaining') ?? Number.NaN);
  const reset = Number(headers.get('x-ratelimit-reset') ?? Number.NaN);
  if ([limit, remaining, reset].some(Number.isNaN)) return null;
  const resource = headers.get('x-ratelimit-resource') ?? 'core';
  budgets.set(resource, { limit, remaining, resetsAt: reset * 1000 });
  return resource;
}

/** The plugins wait between tries without looking at the signal: the caller does not wait with them. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
