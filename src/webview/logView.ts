/** The last part of a log, in blocks: adding a line draws one block, not a megabyte. Pure. */

export interface LogView {
  blocks: { id: number; text: string }[];
  chars: number;
  /** Something before the first block was left out. */
  cut: boolean;
}

/** What a page keeps of one log, characters. */
export const MAX_LOG_CHARS = 1024 * 1024;
const BLOCK_CHARS = 16 * 1024;

export const noLog: LogView = { blocks: [], chars: 0, cut: false };

export function appendLog(log: LogView, text: string): LogView {
  if (text === '') return log;
  const blocks = [...log.blocks];
  let id = blocks.at(-1)?.id ?? 0;
  let rest = text;
  const open = blocks.at(-1);
  // A block ends with a line, or where a line is endless with its size.
  if (open && (!open.text.endsWith('\n') || open.text.length < BLOCK_CHARS)) {
    const take = cutAt(rest, BLOCK_CHARS - open.text.length);
    blocks[blocks.length - 1] = { id: open.id, text: open.text + rest.slice(0, take) };
    rest = rest.slice(take);
  }
  while (rest !== '') {
    const take = cutAt(rest, BLOCK_CHARS);
    blocks.push({ id: ++id, text: rest.slice(0, take) });
    rest = rest.slice(take);
  }
  let chars = log.chars + text.length;
  let from = 0;
  while (chars > MAX_LOG_CHARS && from < blocks.length - 1) chars -= blocks[from++]?.text.length ?? 0;
  return from === 0 ? { blocks, chars, cut: log.cut } : { blocks: blocks.slice(from), chars, cut: true };
}

/** After the first line end at or behind `wanted`; all of it where that is near. */
function cutAt(text: string, wanted: number): number {
  if (text.length <= wanted) return text.length;
  const end = text.indexOf('\n', Math.max(0, wanted));
  const limit = Math.max(0, wanted) + BLOCK_CHARS;
  return end >= 0 && end < limit ? end + 1 : Math.min(text.length, limit);
}
