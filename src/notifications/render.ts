/** A message as text. Pure. */
import { closing, codeBlock, literal } from './literal.ts';
import type { Link, Message } from './message.ts';
import { withoutMentions } from './neutral.ts';

/** Characters of a message, and of what a command has printed in it. */
export const MESSAGE_CHARACTERS = 2000;
export const OUTPUT_CHARACTERS = 1000;
const DOTS = '...';

/** The text cut to `limit` UTF-16 units, three dots included; a character is left whole or left out. */
export function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, boundary(text, limit - DOTS.length))}${DOTS}`;
}

/** The last `limit` units of a text, three dots included. */
export function cutHead(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const from = text.length - limit + DOTS.length;
  return `${DOTS}${text.slice(isLowSurrogate(text, from) ? from + 1 : from)}`;
}

/** Where a text may be cut at `at` units or just before. */
function boundary(text: string, at: number): number {
  const end = Math.max(0, at);
  return isLowSurrogate(text, end) ? end - 1 : end;
}

const isLowSurrogate = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xdc00;

/** A literal text cut to `limit`; code that the cut leaves open is closed. */
export function cutLiteral(text: string, limit: number): string {
  if (text.length <= limit) return text;
  for (let room = limit; ;) {
    // Of what opens or closes code, a part would be something else.
    const whole = text.slice(0, boundary(text, room - DOTS.length)).replace(/`+$/, '');
    const result = `${whole}${DOTS}${closing(whole)}`;
    if (result.length <= limit || room <= DOTS.length) return result;
    room -= result.length - limit;
  }
}

/** Those that a browser opens come first: chat programs link nothing else. */
export const linksInOrder = (links: readonly Link[]): Link[] =>
  links.toSorted((a, b) => Number(!isWeb(a.url)) - Number(!isWeb(b.url)));

export const isWeb = (url: string): boolean => /^https?:\/\//i.test(url);

/** The title on one line, marked where it may have been said before; empty where there is none. */
export const titleOf = (message: Message, repeat: boolean): string =>
  [message.title?.replace(/\s+/g, ' ').trim() ?? '', repeat ? '(repeat)' : ''].filter(Boolean).join(' ');

/** The body, then the links that it does not name itself. */
export function bodyOf(message: Message): string {
  const body = message.body?.trim() ?? '';
  return [body, ...linkLines(message, body, (text) => text)].filter(Boolean).join('\n');
}

/** The links that a body does not name itself, as `write` writes them, a line each. */
const linkLines = ({ links = [] }: Message, body: string, write: (text: string) => string): string[] =>
  linksInOrder(links)
    .filter(({ url }) => !body.includes(write(url)))
    .map(({ label, url }) => write(`${label}: ${url}`));

/** What is left of a body beside fields and links that are long themselves. */
const LEAST_BODY = 200;

/**
 * For Discord: `# title`, body, fields as `Name: value`, output as code; all of it literal, with nobody mentioned, and
 * at most `max` characters. The body gives way first: what a person acts by (links, choices, where to answer) stands
 * behind it.
 */
export function renderText(message: Message, options: { repeat?: boolean; max?: number } = {}): string {
  const { repeat = false, max = MESSAGE_CHARACTERS } = options;
  const title = literal(titleOf(message, repeat));
  const fields = (message.fields ?? []).map(({ name, value }) => `${literal(name)}: ${literal(value)}`);
  const output = codeBlock(cut((message.output ?? '').trimEnd(), OUTPUT_CHARACTERS));
  const body = withoutMentions(literal(message.body?.trim() ?? ''));
  const textOf = (words: string): string => {
    const parts = [title && `# ${title}`, words, ...linkLines(message, words, literal), ...fields, output];
    return withoutMentions(parts.filter(Boolean).join('\n'));
  };
  const whole = textOf(body);
  // As if the body named no link: the end of it that does may be cut.
  const room = Math.max(LEAST_BODY, max - (textOf('-').length - 1));
  return cutLiteral(whole.length <= max ? whole : textOf(cutLiteral(body, room)), max);
}
