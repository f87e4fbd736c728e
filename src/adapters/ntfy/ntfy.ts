import type { Message } from '../../notifications/message.ts';
import { type Channel, type Post, SendError } from '../../notifications/ports.ts';
import { bodyOf, cut, linksInOrder, titleOf } from '../../notifications/render.ts';

export interface NtfyDeps {
  /** Address of the topic. */
  url: string;
  /** Access token; empty where the topic needs none. */
  token: string;
  post: Post;
}

/** ntfy's own limit of a message is 4,096 bytes: what is longer arrives as a file. */
const MESSAGE_BYTES = 4000;
const TITLE = 200;
const OUTPUT = 1000;
/** ntfy shows three buttons. */
const BUTTONS = 3;
const PRIORITIES = { low: 2, default: 3, high: 4 } as const;
const URGENT: readonly Message['type'][] = ['error', 'waiting_for_input'];

/** An ntfy topic: what people carry in their pocket, so it never hears a heartbeat. */
export function createNtfy({ url, token, post }: NtfyDeps): Channel {
  return {
    name: 'ntfy',
    async send(message, { repeat, signal }) {
      if (message.type === 'heartbeat') return { sent: false, why: 'a phone gets no heartbeat' };
      const target = targetOf(url);
      const answer = await post(target.server, {
        headers: authorization(target, token),
        body: { topic: target.topic, ...ntfyMessage(message, repeat) },
        signal,
      });
      return { sent: true, remoteId: idOf(answer) };
    },
  };
}

/** JSON is published to the server, with the topic, the last part of its address, in it. */
function targetOf(url: string): { server: string; topic: string; login: string | null } {
  if (!URL.canParse(url)) throw new SendError('AMPA_NTFY_URL is not an address', { stopped: true });
  const { origin, pathname, username, password } = new URL(url);
  const parts = pathname.split('/').filter(Boolean);
  const topic = parts.pop();
  if (topic === undefined)
    throw new SendError('AMPA_NTFY_URL names no topic: https://ntfy.sh/TOPIC', { stopped: true });
  const login = username === '' ? null : `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { server: `${origin}/${parts.map((part) => `${part}/`).join('')}`, topic: decodeURIComponent(topic), login };
}

function authorization({ login }: { login: string | null }, token: string): Record<string, string> {
  if (token !== '') return { authorization: `Bearer ${token}` };
  return login === null ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` };
}

/** The message in ntfy's own fields. Pure. */
function ntfyMessage(message: Message, repeat: boolean): Record<string, unknown> {
  const links = linksInOrder(message.links ?? []);
  const fields = (message.fields ?? []).map(({ name, value }) => `${name}: ${value}`);
  const output = message.output?.trim() ? [cut(message.output.trim(), OUTPUT)] : [];
  const textOf = (body: string | null): string =>
    [bodyOf({ ...message, body }), ...fields, ...output].filter(Boolean).join('\n');
  // The body gives way first: what a person acts by stands behind it.
  const rest = Buffer.byteLength(textOf(null));
  const text = textOf(message.body === null ? null : cutBytes(message.body, Math.max(500, MESSAGE_BYTES - rest - 1)));
  const priority = message.priority ?? (URGENT.includes(message.type) ? 'high' : 'default');
  return {
    title: cut(titleOf(message, repeat) || 'AMPA', TITLE),
    message: cutBytes(text === '' ? titleOf(message, repeat) : text),
    priority: PRIORITIES[priority],
    ...(message.tags && message.tags.length > 0 && { tags: message.tags }),
    ...(links[0] && { click: links[0].url }),
    ...(links.length > 0 && {
      actions: links.slice(0, BUTTONS).map(({ label, url }) => ({ action: 'view', label, url })),
    }),
  };
}

function cutBytes(text: string, bytes = MESSAGE_BYTES): string {
  for (let limit = bytes; ; limit = Math.floor(limit * 0.9)) {
    const result = cut(text, limit);
    if (Buffer.byteLength(result) <= bytes) return result;
  }
}

/** An answer that is no JSON tells no id. */
function idOf(answer: string): string | null {
  try {
    const value = JSON.parse(answer) as { id?: unknown } | null;
    return typeof value?.id === 'string' ? value.id : null;
  } catch {
    return null;
  }
}
