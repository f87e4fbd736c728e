import { createMask, redact } from './redact.ts';

/** What an agent is shown of a failing step, characters. */
export const EXCERPT_LIMIT = 4000;

/** Of that, the lines around the first errors; the end of the log gets the rest. */
const ERROR_SHARE = 0.6 * EXCERPT_LIMIT;
const LINES_BEFORE = 3;
const LINES_AFTER = 10;
const MAX_LINE = 600;

const ERROR =
  /\b(?:errors?|err!|fail(?:ed|ure|ures|ing|s)?|fatal|panic(?:ked)?|exception|traceback|assert(?:ion)?(?:error)?|not ok|undefined reference|cannot find|segmentation fault|killed)\b|[✖✗✕×]/i;
/** Lines that name errors without having any. */
const NO_ERROR =
  /\b(?:0|no|zero) (?:errors?|fail(?:ed|ures?|ing)?|problems?)\b|\b(?:errors?|fail(?:ed|ures?|ing)?)\s*[:=]?\s*0\b|^\s*(?:#|ℹ) fail 0\b/i;

// eslint-disable-next-line no-control-regex -- escape sequences are what it looks for
const ANSI = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;
const TIMESTAMP = /^\s*\[?\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})?\]?\s?/;

/** A line of a log without colours, timestamp and what a progress bar overwrote. */
export function cleanLine(line: string): string {
  const text = line.replace(ANSI, '').replace(/\r+$/, '');
  return text
    .slice(text.lastIndexOf('\r') + 1)
    .replace(TIMESTAMP, '')
    .trimEnd();
}

export interface Excerpter {
  /** The next piece of the log, cut anywhere. */
  push(text: string): void;
  /** The excerpt, at most EXCERPT_LIMIT characters. */
  finish(secrets?: readonly string[]): string;
}

/**
 * Reads a log once, of any length, in constant memory, and keeps what helps to mend it: the lines
 * around the first errors and the end of the log, not its beginning.
 */
export function createExcerpter(): Excerpter {
  const mask = createMask();
  let partial = '';
  let index = 0;
  const before: string[] = [];
  const errors: { index: number; text: string }[] = [];
  let errorChars = 0;
  let after = 0;
  const tail: { index: number; text: string }[] = [];
  let tailChars = 0;

  const keep = (at: number, text: string): void => {
    errors.push({ index: at, text });
    errorChars += text.length + 1;
  };
  function line(raw: string): void {
    const text = mask(cleanLine(raw)).slice(0, MAX_LINE);
    const at = index++;
    tail.push({ index: at, text });
    tailChars += text.length + 1;
    while (tailChars > EXCERPT_LIMIT && tail.length > 1) tailChars -= tail.shift()!.text.length + 1;

    if (errorChars < ERROR_SHARE) {
      if (ERROR.test(text) && !NO_ERROR.test(text)) {
        before.forEach((earlier, i) => keep(at - before.length + i, earlier));
        before.length = 0;
        keep(at, text);
        after = LINES_AFTER;
        return;
      }
      if (after > 0) {
        after--;
        keep(at, text);
        return;
      }
    }
    before.push(text);
    if (before.length > LINES_BEFORE) before.shift();
  }

  return {
    push(text) {
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      // A program that never ends its line must not fill the memory: its end is what counts.
      if (partial.length > 64 * 1024) partial = partial.slice(-16 * 1024);
      for (const l of lines) line(l);
    },
    finish(secrets = []) {
      if (partial !== '') line(partial);
      partial = '';
      return redact(compose(errors, tail), secrets);
    },
  };
}

function compose(errors: { index: number; text: string }[], tail: { index: number; text: string }[]): string {
  while (tail.length > 0 && tail.at(-1)!.text === '') tail.pop();
  const whole = tail[0]?.index === 0;
  const marker = '[…]';
  const head: { index: number; text: string }[] = [];
  let size = 0;
  if (!whole) {
    for (const entry of errors) {
      if (size + entry.text.length + 1 > ERROR_SHARE) break;
      head.push(entry);
      size += entry.text.length + 1;
    }
  }
  const room = EXCERPT_LIMIT - size - (whole ? 0 : 2 * (marker.length + 1));
  const end: { index: number; text: string }[] = [];
  let used = 0;
  for (let i = tail.length - 1; i >= 0; i--) {
    const entry = tail[i]!;
    if (used + entry.text.length + 1 > room) break;
    if (head.length > 0 && entry.index <= head.at(-1)!.index) break;
    end.unshift(entry);
    used += entry.text.length + 1;
  }
  let out = '';
  let last = -1;
  for (const entry of [...head, ...end]) {
    if (entry.index !== last + 1) out += `${marker}\n`;
    out += `${entry.text}\n`;
    last = entry.index;
  }
  return out.trimEnd().slice(0, EXCERPT_LIMIT);
}

/** The excerpt of a text that is at hand as a whole. */
export function excerptOf(text: string, secrets: readonly string[] = []): string {
  const excerpter = createExcerpter();
  excerpter.push(text);
  return excerpter.finish(secrets);
}
