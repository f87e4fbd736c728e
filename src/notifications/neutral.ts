/** What must not leave in a message: credentials, and words that would call people. Pure. */
import { redact } from '../tasks/redact.ts';
import type { Message } from './message.ts';

/** Stands between the sign and the name of a mention; nobody sees it. */
const GAP = '\u200b';

/**
 * Takes the effect from everything that chat programs read as a call: `@everyone`, `@here`, `<@id>`,
 * `<@&id>`, `<#id>`, Slack's `<!channel>`, `<!subteam^id>`. The words stay readable.
 */
export const withoutMentions = (text: string): string =>
  text.replace(/@(?=everyone|here|channel|group)/gi, `@${GAP}`).replace(/<(?=[@#!])/g, `<${GAP}`);

/** The message with every credential in it masked: by its shape, and the given values wherever they stand. */
export function masked(message: Message, secrets: readonly string[]): Message {
  const hide = (text: string): string => redact(text, secrets);
  return {
    ...message,
    title: message.title === null ? null : hide(message.title),
    body: message.body === null ? null : hide(message.body),
    ...(message.fields && {
      fields: message.fields.map(({ name, value }) => ({ name: hide(name), value: hide(value) })),
    }),
    ...(message.output !== undefined && { output: hide(message.output) }),
    ...(message.components && { components: message.components.map((it) => ({ ...it, label: hide(it.label) })) }),
    ...(message.links && { links: message.links.map(({ label, url }) => ({ label: hide(label), url: hide(url) })) }),
  };
}
