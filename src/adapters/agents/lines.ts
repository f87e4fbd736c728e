/** Lines out of a stream of bytes, with a limit on their length. */

/** One message of an agent may be this long, bytes. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

export class MessageTooLong extends Error {
  constructor(limit: number) {
    super(`it sent a message over ${Math.round(limit / 1024 / 1024)} MiB`);
    this.name = 'MessageTooLong';
  }
}

export interface LineSplitter {
  /** Hands on every line that the chunk completes. Throws `MessageTooLong`. */
  push(chunk: Uint8Array): void;
  /** Hands on a last line that had no end. */
  flush(): void;
}

/** Empty lines are dropped; each byte is looked at once, however many chunks a line spans. */
export function createLineSplitter(onLine: (line: string) => void, limit = MAX_MESSAGE_BYTES): LineSplitter {
  let parts: Uint8Array[] = [];
  let size = 0;
  const add = (part: Uint8Array): void => {
    size += part.length;
    if (size > limit) {
      parts = [];
      throw new MessageTooLong(limit);
    }
    if (part.length > 0) parts.push(part);
  };
  const take = (): void => {
    const line = Buffer.concat(parts).toString('utf8').trim();
    parts = [];
    size = 0;
    if (line) onLine(line);
  };
  return {
    push: (chunk) => {
      let start = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        add(chunk.subarray(start, end));
        take();
        start = end + 1;
      }
      add(chunk.subarray(start));
    },
    flush: take,
  };
}

/** The last characters of a text that arrives in pieces. */
export function createTail(limit: number): { add(text: string): void; text(): string } {
  let kept = '';
  return {
    add: (text) => {
      kept = (kept + text).slice(-limit);
    },
    text: () => kept,
  };
}
