import { heartbeatMove } from '../../notifications/heartbeat.ts';
import { AnswerError, type Channel, type Post, SendError, type SendOptions } from '../../notifications/ports.ts';
import { renderText } from '../../notifications/render.ts';

export interface DiscordWebhookDeps {
  /** Its address, which is a secret. */
  url: string;
  post: Post;
  /** ms since the epoch. */
  now(): number;
}

/** Nobody is called, whatever the text looks like. */
const QUIET = { parse: [] };

/** A Discord webhook: text without buttons; the heartbeat is edited in place. */
export function createDiscordWebhook({ url, post, now }: DiscordWebhookDeps): Channel {
  /** Posts, or edits the message of that id; resolves to the id. */
  async function write(content: string, edited: string | null, signal: AbortSignal): Promise<string | null> {
    const target = addressOf(url, edited);
    try {
      const answer = await post(target, {
        method: edited === null ? 'POST' : 'PATCH',
        body: { content, allowed_mentions: QUIET },
        signal,
      });
      return idOf(answer) ?? edited;
    } catch (error) {
      throw withBodyDelay(error);
    }
  }

  async function heartbeat(content: string, { last, signal }: SendOptions) {
    const move = heartbeatMove(last, now());
    if (move === 'silent') return { sent: false as const, why: 'the channel was told something else just now' };
    try {
      return { sent: true as const, remoteId: await write(content, move === 'edit' ? last!.remoteId : null, signal) };
    } catch (error) {
      // Somebody has deleted the message that was to be edited: 10008 is "Unknown Message", and not the webhook's end.
      if (move !== 'edit' || !isUnknownMessage(error)) throw error;
      return { sent: true as const, remoteId: await write(content, null, signal) };
    }
  }

  return {
    name: 'discord-webhook',
    async send(message, options) {
      const content = renderText(message, { repeat: options.repeat });
      if (content === '') throw new SendError('the message is empty', { permanent: true });
      if (message.type === 'heartbeat') return heartbeat(content, options);
      return { sent: true, remoteId: await write(content, null, options.signal) };
    },
  };
}

/** Without `wait`, Discord answers before it has looked, and tells no id. */
function addressOf(url: string, edited: string | null): string {
  if (!URL.canParse(url)) return url;
  const target = new URL(url);
  target.pathname = target.pathname.replace(/\/+$/, '') + (edited === null ? '' : `/messages/${edited}`);
  if (edited === null) target.searchParams.set('wait', 'true');
  return target.href;
}

function idOf(answer: string): string | null {
  const parsed = parse(answer);
  return typeof parsed['id'] === 'string' ? parsed['id'] : null;
}

function isUnknownMessage(error: unknown): boolean {
  return error instanceof AnswerError && error.status === 404 && parse(error.answer)['code'] === 10008;
}

/** Discord says in the body, too, when to come again: seconds, with fractions that the header has not. */
function withBodyDelay(error: unknown): unknown {
  if (!(error instanceof AnswerError) || error.status !== 429) return error;
  const seconds = parse(error.answer)['retry_after'];
  if (typeof seconds !== 'number' || !(seconds >= 0)) return error;
  return new AnswerError(error.status, error.answer, { retryAfterMs: seconds * 1000 });
}

/** An answer that is cut or no JSON tells nothing. */
function parse(answer: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(answer);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
