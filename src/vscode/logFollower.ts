/**
 * Follows the log of an attempt in small pieces. The host's event loop is shared with every other
 * extension, so work is bounded whatever an agent prints: a piece is small, the caller paces the
 * pieces, and what cannot be kept up with is left out and said, not queued. Free of `vscode`.
 */
import type { LogChunk, LogCursor } from '../app/api.ts';

export type ReadLog = (from: { cursor: LogCursor } | { attempt: number; tailBytes: number }) => Promise<LogChunk>;

export interface FollowerOptions {
  attempt: number;
  /** What is shown of the past, bytes; 0 begins at the beginning. */
  tailBytes: number;
  /** Characters of a piece, about. */
  piece?: number;
}

export interface Piece {
  text: string;
  /** There is more at once: the caller comes back after its pace, not after a rest. */
  more: boolean;
}

const PIECE = 64 * 1024;
/** So many full pieces in a row mean that the program prints faster than pieces are taken. */
const MAX_BEHIND = 16;

export interface Follower {
  /** The next piece; empty text: nothing new. */
  next(): Promise<Piece>;
}

export function createFollower(read: ReadLog, { attempt, tailBytes, piece = PIECE }: FollowerOptions): Follower {
  let cursor: LogCursor | null = null;
  let pending = '';
  let behind = 0;

  const begin = async (): Promise<void> => {
    const chunk = await read(tailBytes === 0 ? { cursor: { attempt, offset: 0 } } : { attempt, tailBytes });
    const start = chunk.cursor.offset - Buffer.byteLength(chunk.text);
    cursor = chunk.cursor;
    pending = start > 0 ? leftOut(start) + chunk.text : chunk.text;
  };
  /** Gives up what lies between here and the log's last part. */
  const skip = async (from: LogCursor): Promise<Piece> => {
    const chunk = await read({ attempt, tailBytes: piece });
    const start = chunk.cursor.offset - Buffer.byteLength(chunk.text);
    const missed = start - (from.offset - Buffer.byteLength(pending));
    cursor = chunk.cursor;
    pending = '';
    behind = 0;
    return { text: missed > 0 ? leftOut(missed) + chunk.text : chunk.text, more: true };
  };

  return {
    async next() {
      if (cursor === null) {
        await begin();
      } else if (behind >= MAX_BEHIND) {
        return skip(cursor);
      } else if (pending === '') {
        const chunk = await read({ cursor });
        cursor = chunk.cursor;
        pending = chunk.text;
      }
      const text = take(pending, piece);
      pending = pending.slice(text.length);
      const full = pending !== '' || text.length >= piece;
      behind = full ? behind + 1 : 0;
      return { text, more: full };
    },
  };
}

/** About `length` characters; a pair of surrogates is not parted. */
function take(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}

const leftOut = (bytes: number): string => `\n… ${describeBytes(bytes)} left out\n`;

function describeBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
