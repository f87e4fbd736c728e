/**
 * Who is let in. A web page that the user happens to visit can make the browser send requests to this
 * machine, so what comes from a page, or by a name that is not ours, is refused. Pure.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import net from 'node:net';

export interface Refusal {
  status: number;
  code: string;
  message: string;
  headers?: Readonly<Record<string, string>>;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Where we listen. */
export interface Served {
  /** As configured: an address or a name. */
  host: string;
  port: number;
}

const LOOPBACK = ['localhost', '127.0.0.1', '::1'];
const ANY = ['0.0.0.0', '::'];

/**
 * Rebinding makes a name of the attacker's lead here: only names that are ours are taken. Where every
 * address is listened on, an address is taken, too, since no name server can point that elsewhere.
 */
export function hostRefusal({ host: header }: Headers, { host, port }: Served): Refusal | null {
  const [, bracketed, plain, given] =
    /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+?))\.?(?::(\d+))?$/i.exec(String(header ?? '')) ?? [];
  const name = (bracketed ?? plain ?? '').toLowerCase();
  const known =
    LOOPBACK.includes(name) ||
    (name !== '' && name === host.toLowerCase()) ||
    (ANY.includes(host) && net.isIP(name) > 0);
  if (known && Number(given ?? 80) === port) return null;
  return { status: 403, code: 'foreign_host', message: 'the Host header names another server' };
}

/** Programs send no `Origin`; browsers do, for pages. */
export const originRefusal = ({ origin }: Headers): Refusal | null =>
  origin === undefined ? null : { status: 403, code: 'foreign_origin', message: 'web pages are not allowed' };

/** Digests have one length: nothing of the token can be learned from how long a comparison takes. */
export function tokenRefusal({ authorization }: Headers, token: string): Refusal | null {
  const given = /^bearer +(\S+)$/i.exec(String(authorization ?? ''))?.[1] ?? '';
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(given), digest(token))) return null;
  return {
    status: 401,
    code: 'unauthorized',
    message: 'send the token that `ampa api` prints, as Authorization: Bearer TOKEN',
    headers: { 'www-authenticate': 'Bearer' },
  };
}

/** A form of a web page can send text, but no JSON. */
export function contentTypeRefusal(headers: Headers): Refusal | null {
  const type = String(headers['content-type'] ?? '');
  if (/^application\/json *(; *charset="?utf-8"? *)?$/i.test(type)) return null;
  return { status: 415, code: 'content_type', message: 'the body must be application/json' };
}

export const tooLarge = (limit: number): Refusal => ({
  status: 413,
  code: 'too_large',
  message: `the body is larger than ${limit / 1024} KiB`,
});
