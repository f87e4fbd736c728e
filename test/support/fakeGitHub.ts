/**
 * A GitHub on loopback: repositories that tests push to, workflow runs that tests start and end, both
 * of GitHub's APIs in front of them with its limits, ETags and permissions, and faults on demand.
 */
import { createHash, verify, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { answerGraphql } from './fakeGitHubGraphql.ts';
import { answerRest, permissionOf, type RestAnswer } from './fakeGitHubRest.ts';
import { createFakeRepo, type FakeRepo, type FakeRepoOptions } from './fakeGitHubState.ts';

export interface FakeToken {
  login: string;
  /** What it may; all where not given. A read or write level is not told apart. */
  permissions?: string[];
  /** ms since the epoch. */
  expiresAt?: number;
  scopes?: string;
}

export interface FakeApp {
  id: string;
  slug: string;
  key: KeyObject;
  /** Permissions of the installation of each repository, as `owner/name`. */
  installations: Record<string, Record<string, string>>;
  tokenLifeMs?: number;
}

/** What goes wrong with a request. */
export type GitHubFault =
  | { status: number; headers?: Record<string, string>; message: string }
  /** Closes the connection: before it is carried out, or after, so that only the answer is lost. */
  | 'drop'
  | 'drop answer'
  /** Carried out, and answered with this status. */
  | { answered: number }
  /** Answers nothing. */
  | 'hang';

export const secondaryLimit = (seconds: number): GitHubFault => ({
  status: 403,
  headers: { 'retry-after': String(seconds) },
  message: 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.',
});
export const badGateway: GitHubFault = { status: 502, message: 'Bad Gateway' };

export interface FakeRequest {
  method: string;
  path: string;
  count: number;
}

export interface FakeGitHub {
  url: string;
  /** Accepted as a user's token from the start. */
  token: string;
  tokens: Map<string, FakeToken>;
  app: FakeApp | null;
  /** As `GET /acme/widget`, all that came in; `counted` leaves out 304s. */
  requests: string[];
  counted: number;
  notModified: number;
  limits: Record<'core' | 'graphql', { limit: number; remaining: number }>;
  fault: (request: FakeRequest) => GitHubFault | null | undefined;
  /** Called when an answer has left. */
  answered: (request: FakeRequest) => void;
  /** GraphQL answers 403, as some proxies and old servers do. */
  graphqlOff: boolean;
  repo(slug: string, options?: FakeRepoOptions): FakeRepo;
  close(): Promise<void>;
}

export async function startFakeGitHub({ now = Date.now }: { now?: () => number } = {}): Promise<FakeGitHub> {
  const repos = new Map<string, FakeRepo>();
  const hanging = new Set<ServerResponse>();
  let count = 0;
  let minted = 0;
  const find = (owner: string, name: string): FakeRepo | undefined => repos.get(`${owner}/${name}`.toLowerCase());

  const fake: FakeGitHub = {
    url: '',
    token: 'gho_fakefakefakefakefakefake',
    tokens: new Map(),
    app: null,
    requests: [],
    counted: 0,
    notModified: 0,
    limits: { core: { limit: 5000, remaining: 5000 }, graphql: { limit: 5000, remaining: 5000 } },
    fault: () => null,
    answered: () => undefined,
    graphqlOff: false,
    repo(slug, options = {}) {
      const repo = createFakeRepo(repos.size + 1, slug, options, now);
      repos.set(slug.toLowerCase(), repo);
      return repo;
    },
    close: () =>
      new Promise((resolve, reject) => {
        for (const response of hanging) response.destroy();
        server.closeAllConnections();
        server.close((error) => (error ? reject(error) : resolve()));
      }),
  };
  fake.tokens.set(fake.token, { login: 'octocat', scopes: 'repo, workflow' });

  function send(request: IncomingMessage, response: ServerResponse, answer: RestAnswer, url: URL): void {
    let { body } = answer;
    const headers: Record<string, string> = { ...answer.headers };
    if (answer.list) {
      const size = Number(url.searchParams.get('per_page') ?? 30);
      const page = Number(url.searchParams.get('page') ?? 1);
      const { items, key } = answer.list;
      const slice = items.slice((page - 1) * size, page * size);
      body = key === null ? slice : { total_count: items.length, [key]: slice };
      if (page * size < items.length) {
        const next = new URL(url);
        next.searchParams.set('page', String(page + 1));
        headers['link'] = `<${next.href}>; rel="next"`;
      }
    }
    const json = body === undefined ? '' : JSON.stringify(body);
    const graphql = url.pathname.endsWith('/graphql');
    const limit = fake.limits[graphql ? 'graphql' : 'core'];
    if (request.method === 'GET' && answer.status === 200) {
      const etag = `W/"${createHash('sha1').update(json).digest('hex')}"`;
      headers['etag'] = etag;
      if (request.headers['if-none-match'] === etag) {
        fake.notModified++;
        response.writeHead(304, { ...limitHeaders(limit, graphql), etag });
        return void response.end();
      }
    }
    fake.counted++;
    limit.remaining = Math.max(0, limit.remaining - 1);
    response.writeHead(answer.status, {
      ...(json === '' ? {} : { 'content-type': 'application/json; charset=utf-8' }),
      ...limitHeaders(limit, graphql),
      ...headers,
    });
    response.end(json);
  }
  const resetsAt = Math.floor(now() / 1000) + 3600;
  const limitHeaders = ({ limit, remaining }: { limit: number; remaining: number }, graphql: boolean) => ({
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(resetsAt),
    'x-ratelimit-resource': graphql ? 'graphql' : 'core',
  });
  const refusal = (status: number, message: string, headers = {}): RestAnswer => ({
    status,
    headers,
    body: { message },
  });

  function tokenOf(authorization: string | undefined): FakeToken | null {
    const value = /^(?:token|bearer)\s+(.+)$/i.exec(authorization ?? '')?.[1];
    const token = value === undefined ? undefined : fake.tokens.get(value);
    return token && (token.expiresAt === undefined || token.expiresAt > now()) ? token : null;
  }

  /** The paths that a token of the App itself opens. */
  function answerApp(
    method: string,
    path: string,
    authorization: string | undefined,
    body: { repositories?: string[] },
  ): RestAnswer | null {
    const installation = /^\/repos\/([^/]+\/[^/]+)\/installation$/.exec(path);
    const mint = /^\/app\/installations\/(\d+)\/access_tokens$/.exec(path);
    if (!installation && !mint && path !== '/app') return null;
    const { app } = fake;
    const problem = jwtProblem(authorization, app, now());
    if (problem !== null || app === null) return refusal(401, problem ?? 'A JSON web token could not be decoded');
    if (path === '/app') return { status: 200, body: { id: Number(app.id), slug: app.slug } };
    const names = Object.keys(app.installations);
    if (installation) {
      const index = names.indexOf(installation[1]!);
      return index < 0 ? refusal(404, 'Not Found') : { status: 200, body: { id: index + 1 } };
    }
    const name = names[Number(mint![1]) - 1];
    if (name === undefined || method !== 'POST') return refusal(404, 'Not Found');
    const permissions = app.installations[name]!;
    const token = `ghs_minted${++minted}xxxxxxxxxxxxxxxxxxxxxxxxxx`;
    const expiresAt = now() + (app.tokenLifeMs ?? 3_600_000);
    fake.tokens.set(token, { login: `${app.slug}[bot]`, permissions: Object.keys(permissions), expiresAt });
    return {
      status: 201,
      body: { token, expires_at: new Date(expiresAt).toISOString(), permissions, repositories: body.repositories },
    };
  }

  async function sendLog(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const [, owner = '', name = '', id] = /^\/_logs\/([^/]+)\/([^/]+)\/(\d+)$/.exec(url.pathname) ?? [];
    const log = find(owner, name)?.checkRuns.find((it) => it.id === Number(id))?.log;
    // The storage behind GitHub refuses a request with a second kind of authorization.
    if (request.headers.authorization !== undefined)
      return void response.writeHead(400).end('InvalidAuthenticationInfo');
    if (log == null) return void response.writeHead(404).end('BlobNotFound');
    response.writeHead(200, { 'content-type': 'text/plain' });
    await pipeline(Readable.from(typeof log === 'string' ? [log] : log()), response);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', fake.url);
    const method = request.method ?? 'GET';
    const path = decodeURIComponent(url.pathname).replace(/^\/api(\/v3|(?=\/graphql))/, '') || '/';
    fake.requests.push(`${method} ${path}`);
    const raw = await text(request);
    const asked = { method, path, count: ++count };
    const fault = fake.fault(asked) ?? null;
    response.once('finish', () => fake.answered(asked));
    if (fault === 'hang') return void hanging.add(response);
    if (fault === 'drop') return void request.socket.destroy();
    if (fault !== null && typeof fault === 'object' && 'status' in fault) {
      return send(request, response, refusal(fault.status, fault.message, fault.headers), url);
    }
    if (url.pathname.startsWith('/_logs/')) return sendLog(request, response, url);
    const answer = await answerOf(
      method,
      path,
      request,
      url,
      raw === '' ? {} : (JSON.parse(raw) as Record<string, unknown>),
    );
    if (fault === 'drop answer') return void request.socket.destroy();
    send(request, response, fault === null ? answer : refusal(fault.answered, 'Bad Gateway'), url);
  }

  async function answerOf(
    method: string,
    path: string,
    request: IncomingMessage,
    url: URL,
    body: Record<string, unknown>,
  ): Promise<RestAnswer> {
    const { authorization } = request.headers;
    const forApp = answerApp(method, path, authorization, body);
    if (forApp) return forApp;
    const token = tokenOf(authorization);
    if (!token) return refusal(401, 'Bad credentials');
    const scopes: Record<string, string> = token.scopes === undefined ? {} : { 'x-oauth-scopes': token.scopes };
    const may = (permission: string): boolean => token.permissions?.includes(permission) ?? true;
    const limit = fake.limits[path === '/graphql' ? 'graphql' : 'core'];
    if (limit.remaining === 0) return refusal(403, 'API rate limit exceeded for user ID 1.');
    if (path === '/graphql') {
      if (fake.graphqlOff) return refusal(403, 'Forbidden');
      const rateLimit = { cost: 1, ...limit, resetAt: new Date(resetsAt * 1000).toISOString() };
      const context = { repo: find, repos: () => repos.values(), may, rateLimit, login: token.login };
      return { status: 200, body: await answerGraphql(body as { query: string }, context) };
    }
    if (path === '/user') {
      return token.login.endsWith('[bot]')
        ? refusal(403, 'Resource not accessible by integration')
        : { status: 200, headers: scopes, body: { login: token.login, id: 1, type: 'User' } };
    }
    const [, owner = '', name = '', rest = ''] = /^\/repos\/([^/]+)\/([^/]+)(?:\/(.*))?$/.exec(path) ?? [];
    const repo = find(owner, name);
    if (!repo) return refusal(404, 'Not Found');
    const needed = permissionOf(rest, method);
    if (needed !== null && !may(needed)) {
      return refusal(403, 'Resource not accessible by personal access token', {
        'x-accepted-github-permissions': `${needed}=${method === 'GET' ? 'read' : 'write'}`,
      });
    }
    const answer = answerRest(repo, {
      method,
      path: rest,
      query: url.searchParams,
      body,
      origin: fake.url,
      login: token.login,
    });
    if (!answer) throw new Error(`the fake GitHub knows no ${method} ${path}`);
    return { ...answer, headers: { ...scopes, ...answer.headers } };
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end(`the fake failed: ${String(error)}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return fake;
}

/** Why GitHub would not take a token for the App itself; null when it would. */
function jwtProblem(authorization: string | undefined, app: FakeApp | null, nowMs: number): string | null {
  const undecodable = 'A JSON web token could not be decoded';
  const [head, claims, signature] = (/^bearer\s+(.+)$/i.exec(authorization ?? '')?.[1] ?? '').split('.');
  if (!head || !claims || !signature || app === null) return undecodable;
  const read = (part: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  const { iss, iat, exp } = read(claims);
  if (String(iss) !== app.id) return 'Integration not found';
  const signed = verify('sha256', Buffer.from(`${head}.${claims}`), app.key, Buffer.from(signature, 'base64url'));
  if (!signed || read(head)['alg'] !== 'RS256') return undecodable;
  const seconds = nowMs / 1000;
  if (Number(iat) > seconds)
    return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
  if (Number(exp) < seconds || Number(exp) > seconds + 600)
    return "'Expiration time' claim ('exp') is too far in the future";
  return null;
}
