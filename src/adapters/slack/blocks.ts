/** A message in Slack's blocks, within their limits. Pure. */
import type { Message } from '../../notifications/message.ts';
import { withoutMentions } from '../../notifications/neutral.ts';
import {
  bodyOf,
  cut,
  isWeb,
  linksInOrder,
  MESSAGE_CHARACTERS,
  OUTPUT_CHARACTERS,
  titleOf,
} from '../../notifications/render.ts';

type Text = { type: 'plain_text'; text: string; emoji: boolean } | { type: 'mrkdwn'; text: string; verbatim?: boolean };
type Block = { type: 'header'; text: Text } | { type: 'section'; text: Text } | { type: 'section'; fields: Text[] };

/** Slack's own limits: of a header, of a section's text, of a field's text, and of fields in a section. */
const HEADER = 150;
const SECTION = 3000;
const FIELD = 2000;
const FIELDS = 10;

/** What Slack reads as control characters; with them gone nobody can be called either. */
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Escaped, and then still within the limit: escaping makes texts longer, and must not be cut in two. */
function escapedWithin(text: string, limit: number): string {
  for (let room = limit; ; room -= Math.max(1, escaped(cut(text, room)).length - limit)) {
    const result = escaped(cut(text, room));
    if (result.length <= limit || room <= 3) return result;
  }
}

// `verbatim`: names of channels and people in the text stay words.
const mrkdwn = (text: string): Text => ({ type: 'mrkdwn', text, verbatim: true });

/** `text` is what notifications of the device show; the blocks are what the channel shows. */
export function slackMessage(message: Message, repeat: boolean): { text: string; blocks: Block[] } {
  const blocks: Block[] = [];
  const title = withoutMentions(titleOf(message, repeat));
  if (title) blocks.push({ type: 'header', text: { type: 'plain_text', text: cut(title, HEADER), emoji: false } });
  const links = linksInOrder(message.links ?? []);
  // What is a link below the body need not be said in it.
  const told = new Set(links.map(({ label, url }) => `${label}: ${url}`));
  const body = bodyOf({ ...message, links: [] })
    .split('\n')
    .filter((line) => !told.has(line))
    .join('\n')
    .trim();
  if (links.length > 0)
    blocks.push({ type: 'section', text: mrkdwn(links.map(linkText).join('   ').slice(0, SECTION)) });
  if (body) blocks.push({ type: 'section', text: mrkdwn(escapedWithin(withoutMentions(body), MESSAGE_CHARACTERS)) });
  const fields = (message.fields ?? []).slice(0, FIELDS).map(({ name, value }) => {
    const label = escapedWithin(withoutMentions(name), 100);
    return mrkdwn(`*${label}*\n${escapedWithin(withoutMentions(value), FIELD - label.length - 3)}`);
  });
  if (fields.length > 0) blocks.push({ type: 'section', fields });
  if (message.output?.trim()) {
    const output = escapedWithin(
      withoutMentions(message.output.trim()).replaceAll('```', "'''"),
      // Escaped it may be five times as long, and stays within a section.
      Math.min(SECTION - 8, OUTPUT_CHARACTERS),
    );
    blocks.push({ type: 'section', text: mrkdwn(`\`\`\`\n${output}\n\`\`\``) });
  }
  const fieldLines = (message.fields ?? []).map(({ name, value }) => `${name}: ${value}`).join('\n');
  const words = [title, bodyOf(message), fieldLines, message.output?.trim()].find(Boolean) ?? '';
  const text = escapedWithin(withoutMentions(words), MESSAGE_CHARACTERS);
  return { text, blocks };
}

/** `<url|label>` for what a browser opens; Slack makes no link of anything else. */
function linkText({ label, url }: { label: string; url: string }): string {
  const safe = escaped(url).replaceAll('|', '%7C');
  return isWeb(url) ? `<${safe}|${escaped(label)}>` : `${escaped(label)}: ${safe}`;
}
