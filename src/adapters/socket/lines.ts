/** Bytes into lines, at most `max` bytes each: however much comes without an end, no more is kept. */

/** A line without its end, or that there was one too long; what follows of that is not kept. */
export type Line = Buffer | 'too large';

export function createLines(max: number): {
  push(chunk: Buffer): Line[];
  /** What came after the last end of a line; empty when that is nothing. */
  end(): Line[];
} {
  let kept: Buffer[] = [];
  let size = 0;
  let skipping = false;
  const take = (part: Buffer, found: Line[]): void => {
    if (skipping) return;
    size += part.length;
    if (size > max) {
      found.push('too large');
      skipping = true;
      kept = [];
    } else if (part.length > 0) kept.push(part);
  };
  const finish = (found: Line[]): void => {
    if (!skipping) found.push(Buffer.concat(kept));
    kept = [];
    size = 0;
    skipping = false;
  };
  return {
    push(chunk) {
      const found: Line[] = [];
      let from = 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        take(chunk.subarray(from, at), found);
        finish(found);
        from = at + 1;
      }
      // A copy: the chunk may be the reader's own buffer.
      take(Buffer.from(chunk.subarray(from)), found);
      return found;
    },
    end() {
      const found: Line[] = [];
      if (size > 0) finish(found);
      return found;
    },
  };
}
