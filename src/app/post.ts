/** Requests of the channels. */
import { AnswerError, isUnsent, SendError, type Post } from '../notifications/ports.ts';
import type { Fetch } from '../tasks/ports.ts';

/** An answer may take so long. */
const TIMEOUT_MS = 15_000;
/** As much of an answer as is read: a message's id is in its beginning. */
const ANSWER_BYTES = 16 * 1024;
const SHOWN = 200;

/** `now` is ms since the epoch; `fetch` goes the way that the user's proxy settings name. */
export function createPost(fetch: () => Promise<Fetch>, now: () => number, timeoutMs = TIMEOUT_MS): Post {
  return async (url, { method = 'POST', headers = {}, body, signal }) => {
    if (!isWebAddress(url)) throw new SendError('its address is not an http or https URL', { stopped: true });
    const send = await fetch();
    const slow = AbortSignal.timeout(timeoutMs);
    let response: Response;
    let answer: string;
    try {
      response = await send(url, {
        method,
        headers: { 'content-type': 'application/json', 'user-agent': 'ampa', ...headers },
        body: JSON.stringify(body),
        redirect: 'manual',
        signal: AbortSignal.any([signal, slow]),
      });
      answer = await beginningOf(response);
    } catch (error) {
      if (slow.aborted) throw new SendError(`no answer within ${timeoutMs / 1000} s`, { unsure: true });
      const code = codeOf(error);
      // The message of such an error may name the address.
      throw new SendError(`it cannot be reached (${code})`, { unsure: !isUnsent(code) });
    }
    if (response.status >= 200 && response.status < 300) return answer;
    throw failureOf(response, answer, now());
  };
}

/** The failure that an answer stands for, as nearly all services mean it. */
function failureOf({ status, headers }: Response, answer: string, now: number): AnswerError {
  const shown = answer.replace(/\s+/g, ' ').trim().slice(0, SHOWN);
  const retryAfterMs = retryAfter(headers.get('retry-after'), now);
  // A gateway that gave up waiting does not know whether the service behind it took the message.
  if (status === 408 || status === 504) return new AnswerError(status, shown, { retryAfterMs, unsure: true });
  if (status === 429 || status >= 500) return new AnswerError(status, shown, { retryAfterMs });
  // A redirect is not followed: the words would go elsewhere, or get lost on the way.
  const gone = status < 400 || [401, 403, 404, 410].includes(status);
  return new AnswerError(status, shown, { permanent: true, stopped: gone });
}

/** `Retry-After`: seconds, or a date. */
function retryAfter(value: string | null, now: number): number | undefined {
  if (value === null || value.trim() === '') return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

async function beginningOf(response: Response): Promise<string> {
  if (!response.body) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, ANSWER_BYTES).toString('utf8');
}

function isWebAddress(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

/** `ECONNRESET` and its like, which undici hides in the cause. */
function codeOf(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string') return at.code;
    if (at.cause === undefined) return at.name;
  }
  return 'unknown';
}
