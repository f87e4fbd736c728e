/** What scripts say over the socket: one JSON object a line. */
import { AmpaError } from '../errors.ts';
import { validateButtons } from './buttons.ts';
import { MESSAGE_TYPES, type Message, type MessageType } from './message.ts';

const TYPES: readonly string[] = MESSAGE_TYPES;

/** Reads one line. Throws `usage` with what is wrong, in the words that are sent back. */
export function parseSocketMessage(line: string): Message {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw usage(`invalid JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw usage('invalid JSON: a message is an object');
  return messageOf(value as Record<string, unknown>);
}

/** `{content | title/body, components?, message_type}` as a message. Throws `usage`. */
function messageOf(it: Record<string, unknown>): Message {
  const body = textOf(it, 'content') ?? textOf(it, 'body');
  const title = textOf(it, 'title');
  if (body === null) throw usage("empty message: no 'content' or 'body' field");
  const type = it['message_type'] ?? 'other';
  if (typeof type !== 'string' || !TYPES.includes(type))
    throw usage(`invalid message_type: ${JSON.stringify(type)} is none of ${TYPES.join(', ')}`);
  const validated = validateButtons(it['components']);
  if (!validated.ok) throw usage(`invalid components: ${validated.why}`);
  const components = validated.buttons.length > 0 ? { components: validated.buttons } : {};
  return { type: type as MessageType, title, body, ...components };
}

/** A text; null where it is absent or blank. */
function textOf(it: Record<string, unknown>, name: string): string | null {
  const value = it[name] ?? null;
  if (value !== null && typeof value !== 'string') throw usage(`invalid ${name}: it is not text`);
  return value === null || value.trim() === '' ? null : value;
}

const usage = (message: string): AmpaError => new AmpaError('usage', message);
