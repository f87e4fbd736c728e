/** Words of others where the editor makes links. Pure. */

/**
 * A notice, and the prompt of an input box, make a link of `[label](address)`, also one that runs a command of the
 * editor: what an agent, an issue or a server has written stays text. What stands between is not seen.
 */
export const plain = (text: string): string => text.replaceAll('](', ']\u200b(');
