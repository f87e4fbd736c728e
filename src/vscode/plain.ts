/** Words of others where the editor makes links or icons. Pure. */
import { cut } from './taskRows.ts';

/** Characters of a notice that the editor shows. */
const NOTICE = 1000;

/**
 * A notice, and the prompt of an input box, make a link of `[label](address)`, also one that runs a command of the
 * editor: what an agent, an issue or a server has written stays text. What stands between is not seen.
 */
export const plain = (text: string): string => text.replaceAll('](', ']\u200b(');

/** Words of others and a link of ours behind them: a bracket that they leave open would make them part of it. */
export function withLink(words: string, link: string): string {
  const text = cut(plain(words), NOTICE - link.length - 1);
  const from = text.lastIndexOf(']') + 1;
  return `${text.slice(0, from)}${text.slice(from).replaceAll('[', '\uff3b')} ${link}`;
}

/** A row of a list, the prompt of an input box and the status bar draw `$(name)` as an icon: a command would be read without it. */
export const withoutIcons = (text: string): string => text.replaceAll('$(', '$\u200b(');
