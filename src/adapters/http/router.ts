/** Which route a request is for. Pure. */
import type { Refusal } from './guards.ts';

export interface RoutePattern {
  method: 'GET' | 'POST' | 'PATCH';
  /** `/tasks/{id}/logs` */
  path: string;
}

export type Match<R> = { route: R; params: Readonly<Record<string, string>> } | { refusal: Refusal };

/** HEAD is a GET whose answer has no body. */
export function matchRoute<R extends RoutePattern>(routes: readonly R[], method: string, pathname: string): Match<R> {
  const wanted = method === 'HEAD' ? 'GET' : method;
  const allowed: string[] = [];
  for (const route of routes) {
    const params = matchPath(route.path, pathname);
    if (params === null) continue;
    if (route.method === wanted) return { route, params };
    allowed.push(route.method);
  }
  if (allowed.length === 0) return { refusal: { status: 404, code: 'not_found', message: 'there is nothing here' } };
  const allow = allowed.join(', ');
  const message = `only ${allow} here`;
  return { refusal: { status: 405, code: 'method_not_allowed', message, headers: { allow } } };
}

function matchPath(pattern: string, pathname: string): Record<string, string> | null {
  const wanted = pattern.split('/');
  const given = pathname.split('/');
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name === undefined) {
      if (part !== given[i]) return null;
      continue;
    }
    const value = decode(given[i]!);
    if (value === null || value === '') return null;
    params[name] = value;
  }
  return params;
}

function decode(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    // No text: nothing has that name.
    return null;
  }
}
