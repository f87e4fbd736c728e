import fs from 'node:fs';
import type { ConversationEntry } from '../../tasks/ports.ts';
import { logFiles } from './taskLogs.ts';

/** At most this much is read at once: a host that follows a fast agent must stay responsive. */
const MAX_READ = 256 * 1024;

const CUT_SHORT =
  'Something is missing here: it was cut short when it was written, as by a full disk. The log may have it.';

export interface LogPiece {
  text: string;
  offset: number;
}

/**
 * Reads the log of an attempt from `offset` on (bytes over head and tail together), or its last
 * `tailBytes`. Cut at a UTF-8 boundary, so pieces join. Empty text: there is no more now.
 */
export async function readAttemptLog(
  dir: string,
  taskId: string,
  attempt: number,
  from: { offset: number } | { tailBytes: number },
): Promise<LogPiece> {
  const files = logFiles(dir, taskId, attempt);
  const parts = [files.head, ...files.tails].map((file) => ({
    file,
    size: fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0,
  }));
  const total = parts.reduce((sum, part) => sum + part.size, 0);
  const wanted = 'offset' in from ? from.offset : Math.max(0, total - from.tailBytes);
  // A tail file that was rotated away moved everything behind it: go on at the end of what there is.
  let offset = Math.min(wanted, total);
  const end = Math.min(total, offset + ('offset' in from ? MAX_READ : Math.max(from.tailBytes, 1)));
  const chunks: Buffer[] = [];
  let start = 0;
  const begin = offset;
  for (const part of parts) {
    const a = Math.max(begin, start);
    const b = Math.min(end, start + part.size);
    if (a < b) {
      const handle = await fs.promises.open(part.file);
      try {
        const buffer = Buffer.alloc(b - a);
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, a - start);
        chunks.push(buffer.subarray(0, bytesRead));
      } finally {
        await handle.close();
      }
    }
    start += part.size;
  }
  let bytes = Buffer.concat(chunks);
  if (!('offset' in from) && begin > 0) {
    const newline = bytes.indexOf(10);
    if (newline >= 0 && newline < 4096) {
      offset += newline + 1;
      bytes = bytes.subarray(newline + 1);
    }
  }
  const whole = bytes.subarray(0, bytes.length - incompleteTail(bytes));
  return { text: whole.toString('utf8'), offset: offset + whole.length };
}

/** Bytes at the end that begin a character without finishing it. */
function incompleteTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/**
 * The steps of a conversation from position `from` on (bytes, opaque to callers), about MAX_READ of
 * them at once: a page asks again and again while an agent talks, and must not read it all each time.
 */
export async function readConversation(
  dir: string,
  taskId: string,
  attempt: number,
  from = 0,
): Promise<{ entries: ConversationEntry[]; next: number }> {
  const { conversation } = logFiles(dir, taskId, attempt);
  const size = fs.statSync(conversation, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= from) return { entries: [], next: from };
  const handle = await fs.promises.open(conversation);
  try {
    // One entry may be longer than a read.
    for (let length = MAX_READ; ; length *= 2) {
      const buffer = Buffer.alloc(Math.min(length, size - from));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
      // The last line may be half written by another process.
      const end = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1;
      if (end > 0) {
        const lines = buffer.toString('utf8', 0, end).split('\n').filter(Boolean);
        const { mtime } = await handle.stat();
        return { entries: entriesOf(lines, mtime.toISOString()), next: from + end };
      }
      if (from + bytesRead >= size || bytesRead === 0) return { entries: [], next: from };
    }
  } finally {
    await handle.close();
  }
}

/** A line that a full disk has cut short is passed over, which is said once. `at` is a time for that where it has none. */
function entriesOf(lines: readonly string[], at: string): ConversationEntry[] {
  const entries: ConversationEntry[] = [];
  let said = false;
  for (const line of lines) {
    try {
      entries.push(JSON.parse(line) as ConversationEntry);
    } catch {
      const begun = /"at":"([^"]+)"/.exec(line)?.[1];
      if (!said) entries.push({ at: begun ?? entries.at(-1)?.at ?? at, kind: 'note', text: CUT_SHORT });
      said = true;
    }
  }
  return entries;
}
