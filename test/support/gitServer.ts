/** A real smart HTTP git server: `git http-backend` behind node:http, with Basic auth and faults on demand. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGunzip } from 'node:zlib';
import { CERTIFICATE, PRIVATE_KEY } from './tls.ts';

export type Fault =
  /** Answers with this status. */
  | number
  /** Closes the connection without an answer. */
  | 'drop'
  /** Answers nothing and keeps the connection. */
  | 'hang';

export interface GitServer {
  /** Address of a repository, with the credential in it if `auth` is given and `anonymous` is not. */
  url(repository: string, options?: { anonymous?: boolean }): string;
  port: number;
  /** Pushes that were received (`git-receive-pack` posts that reached git). */
  pushes: number;
  fetches: number;
  /** Authorization headers as they came in, null for none. */
  authorizations: (string | null)[];
  /** Decides about a request before git sees it; null lets it pass. */
  fault: (request: { service: 'fetch' | 'push'; path: string; count: number }) => Fault | null;
  /** Called with each push before git gets it: a place for a race. */
  beforePush: () => void | Promise<void>;
  close(): Promise<void>;
}

export interface GitServerOptions {
  /** Folder with the bare repositories. */
  root: string;
  env: Record<string, string>;
  auth?: { user: string; password: string };
  /** Instead of `auth`: whether this user with this password may come in. */
  admits?: (user: string, password: string) => boolean;
  /** https, with the certificate of tls.ts. */
  tls?: boolean;
}

export async function startGitServer({ root, env, auth, admits, tls }: GitServerOptions): Promise<GitServer> {
  let count = 0;
  const hanging = new Set<ServerResponse>();
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const service =
      url.pathname.endsWith('/git-receive-pack') || url.searchParams.get('service') === 'git-receive-pack'
        ? 'push'
        : 'fetch';
    const path = decodeURIComponent(url.pathname);
    server.authorizations.push(request.headers.authorization ?? null);
    const fault = server.fault({ service, path, count: ++count });
    if (fault === 'drop') return void request.socket.destroy();
    if (fault === 'hang') return void hanging.add(response);
    if (fault !== null) {
      response.writeHead(fault, fault === 401 ? { 'WWW-Authenticate': 'Basic realm="git"' } : {});
      return void response.end(`fault ${fault}\n`);
    }
    const [, basic = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    const [user = '', password = ''] = Buffer.from(basic, 'base64').toString().split(':');
    const open = admits ? admits(user, password) : !auth || (user === auth.user && password === auth.password);
    if (!open) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' });
      return void response.end('who are you?\n');
    }
    if (request.method === 'POST' && service === 'push') {
      server.pushes++;
      await server.beforePush();
    }
    if (request.method === 'POST' && service === 'fetch') server.fetches++;
    await backend(request, response, url, path);
  };

  const backend = async (request: IncomingMessage, response: ServerResponse, url: URL, path: string): Promise<void> => {
    const child = spawn('git', ['http-backend'], {
      env: {
        ...env,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        REQUEST_METHOD: request.method ?? 'GET',
        QUERY_STRING: url.search.slice(1),
        PATH_INFO: path,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        REMOTE_USER: auth?.user ?? 'anonymous',
        REMOTE_ADDR: '127.0.0.1',
        ...(request.headers['git-protocol'] ? { GIT_PROTOCOL: String(request.headers['git-protocol']) } : {}),
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    child.stdin.on('error', () => {});
    const body = request.headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request;
    body.on('error', () => child.kill());
    body.pipe(child.stdin);
    // The answer begins with headers as a CGI program writes them.
    let head = Buffer.alloc(0);
    for await (const chunk of child.stdout) {
      if (response.headersSent) {
        response.write(chunk);
        continue;
      }
      head = Buffer.concat([head, chunk as Buffer]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) continue;
      const headers = head
        .subarray(0, end)
        .toString()
        .split('\r\n')
        .map((line) => line.split(/: (.*)/s) as [string, string]);
      const status = headers.find(([name]) => name.toLowerCase() === 'status');
      response.writeHead(
        status ? Number.parseInt(status[1], 10) : 200,
        Object.fromEntries(headers.filter(([name]) => name.toLowerCase() !== 'status')),
      );
      response.write(head.subarray(end + 4));
    }
    response.end();
  };

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch(() => response.destroy());
  };
  const http: Server = tls
    ? createTlsServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, listener)
    : createServer(listener);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const server: GitServer = {
    port,
    url: (repository, { anonymous = false } = {}) => {
      const credential =
        auth && !anonymous ? `${encodeURIComponent(auth.user)}:${encodeURIComponent(auth.password)}@` : '';
      return `${tls ? 'https' : 'http'}://${credential}127.0.0.1:${port}/${encodeURIComponent(repository)}`;
    },
    pushes: 0,
    fetches: 0,
    authorizations: [],
    fault: () => null,
    beforePush: () => {},
    close: async () => {
      for (const response of hanging) response.destroy();
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
  return server;
}
