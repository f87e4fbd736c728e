/**
 * Words that others have written (agents, issues, branches, scripts), for Discord, which reads markdown in all that it
 * is given: they look as they were written, and no heading, quote, spoiler or link under another name comes of them.
 * Code stays code, and addresses stay links. What is written here is read in one way only. Pure.
 */

/** Nobody sees it. Behind an address it is needed for a `<`, which ends that: a backslash would be part of it. */
const GAP = '\u200b';

/** What would have a meaning even in an address, if that were none: an escape, emphasis or code, a spoiler, a link. */
const ALWAYS = /[\\*`]|(?<=\|)\||\|(?=\|)|(?<=\])\(/;
const PARTS = new RegExp(
  [
    /(?<code>(?<!`)`[^`\n]+`(?!`))/,
    // Up to where Discord ends it.
    /(?<address>(?:https?|steam):\/\/[^\s<]+)/,
    ALWAYS,
    /(?<=~)~|~(?=~)/,
    // Within a word it means nothing.
    /(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/,
    /<(?=\S)/,
    /(?<=^[^\S\n]*)>/,
    /#(?=#{0,2}\s)/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gim',
);
const IN_ADDRESS = new RegExp(ALWAYS, 'g');

const literalWords = (text: string): string =>
  text.replace(
    PARTS,
    (part: string, code: string | undefined, address: string | undefined) =>
      code ?? address?.replace(IN_ADDRESS, '\\$&') ?? (part === '<' ? `<${GAP}` : `\\${part}`),
  );

/** Text as a block of code that nothing in it closes; empty where the text is. */
export function codeBlock(text: string): string {
  const code = text
    .replace(/^\n+/, '')
    .trimEnd()
    .replace(/``(?=`)/g, `\`\`${GAP}`);
  return code === '' ? '' : `\`\`\`\n${code}\n\`\`\``;
}

/** The text as its words, with its code as code; a block that is left open goes on to the end. */
export function literal(text: string): string {
  const done: string[] = [];
  let lines: string[] = [];
  let fence: string | null = null;
  const end = (write: (text: string) => string): void => {
    if (lines.length > 0) done.push(write(lines.join('\n')));
    lines = [];
  };
  for (const line of text.split('\n')) {
    const [, mark = '', rest = ''] = /^\s*(`{3,}|~{3,}(?!~))([^`]*)$/.exec(line) ?? [];
    if (fence === null && mark !== '') {
      end(literalWords);
      fence = mark;
    } else if (fence !== null && mark.startsWith(fence) && rest.trim() === '') {
      end(codeBlock);
      fence = null;
    } else lines.push(line);
  }
  end(fence === null ? literalWords : codeBlock);
  return done.filter(Boolean).join('\n');
}

/** What closes the code that the beginning of a literal text leaves open. */
export function closing(text: string): string {
  let open = '';
  for (let at = 0; at < text.length; at++) {
    if (open === '' && text[at] === '\\') at++;
    else if (open !== '`' && text.startsWith('```', at)) {
      open = open === '' ? '\n```' : '';
      at += 2;
    } else if (open !== '\n```' && text[at] === '`') open = open === '' ? '`' : '';
  }
  return open;
}
