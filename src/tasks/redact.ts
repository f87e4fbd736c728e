const KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;

/** Shapes of well-known credentials. What a log shows to an agent or a person passes through here. */
const SHAPES: readonly RegExp[] = [
  /\bgh[pousr]_[A-Za-z0-9]{20,}\b/g,
  /\bgithub_pat_[A-Za-z0-9_]{20,}\b/g,
  /\bsk-[A-Za-z0-9_-]{20,}/g,
  /\bxox[abeprs]-[A-Za-z0-9-]{10,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\bglpat-[A-Za-z0-9_-]{20,}/g,
  /\bnpm_[A-Za-z0-9]{36}\b/g,
  /\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}/g,
  KEY,
];

/** The value of a secret as it may turn up: a key of many lines also line by line. */
export const secretForms = (value: string): string[] => [
  value,
  ...(/\n|\\n/.test(value)
    ? value.split(/\r?\n|\\n/).filter((line) => line.length >= 16 && !line.startsWith('-----'))
    : []),
];

/** Masks credentials by shape, and the given values wherever they stand. */
export function redact(text: string, secrets: readonly string[] = []): string {
  let out = text
    .replace(/\b(https?:\/\/)[^\s/:@]+:[^\s/@]+@/g, '$1***@')
    .replace(/\b(authorization:\s*(?:bearer|basic|token)\s+)\S+/gi, '$1***');
  for (const shape of SHAPES) out = out.replace(shape, '***');
  for (const secret of secrets) if (secret.length >= 6) out = out.replaceAll(secret, '***');
  return out;
}

/** What a person is told of a command that is not shown in full. */
export const HIDDEN = 'A part of this is hidden as ***, since it looks like a secret.';
/** Breaks a pattern of `redact`, where it would hide more of a command than its secret. Nobody sees it. */
const GAP = '\u200B';
/** Whether what `redactCommand` returned shows less than the text. */
export const hides = (shown: string, text: string): boolean => shown.replaceAll(GAP, '') !== text.replaceAll(GAP, '');

/**
 * Masks credentials in a command that a person is to judge: nothing that a shell could act on is hidden, so no
 * pattern goes over white space, a quote or an operator. `redact` finds nothing more in what is returned.
 */
export function redactCommand(text: string, secrets: readonly string[] = []): string {
  let out = text;
  for (const secret of secrets) if (secret.length >= 6) out = out.replaceAll(secret, '***');
  if (KEY_BEGIN.test(out))
    out = out
      .replace(KEY_WORD, (word) => (isRandom(word) ? word.replace(/[A-Za-z0-9+=]+/g, '***') : word))
      .replace(new RegExp(KEY_BEGIN, 'g'), '***')
      .replace(/[A-Za-z0-9+]{16,}={0,2}/g, '***');
  for (const shape of SHAPES) if (shape !== KEY) out = out.replace(shape, '***');
  return out
    .replace(/\b(https?:\/\/)[A-Za-z0-9._~%+=,!-]+:[A-Za-z0-9._~%+=,!-]+@/g, '$1***@')
    .replace(/\b(https?)(?=:\/\/[^\s/:@]+:[^\s/@]+@)/g, `$1${GAP}`)
    .replace(/\b(authorization:\s*)(?:bearer|basic|token)(?=\s)(?:[ \t]+[A-Za-z0-9._~+/=-]+)?/gi, '$1***');
}

const KEY_BEGIN = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
/** A line of a key within a command, and its last one, which may be short. */
const KEY_WORD = /[A-Za-z0-9+/]{60,}={0,2}|[A-Za-z0-9+/]+={0,2}(?=(?:\s|\\n)*-----END [A-Z ]*PRIVATE KEY-----)/g;
/** No word of a person, and no name of a program or a folder. */
const isRandom = (word: string): boolean =>
  /[A-Z]/.test(word) && /[a-z]/.test(word) && (word.length < 60 || /[0-9+]/.test(word));
const KEY_END = /-----END [A-Z ]*PRIVATE KEY-----/;
/** A line within a key: base64 at its end (a log may put a time in front), a header, or nothing. */
const KEY_LINE = /(?:^|\s)[A-Za-z0-9+/]{16,}={0,2}\s*$|^\s*$|(?:^|\s)(?:Proc-Type|DEK-Info): /;

/**
 * Masks a text that comes in order, in pieces of whole lines: a private key goes over many of them,
 * and each line of it looks like nothing by itself.
 */
export function createMask(secrets: readonly string[] = []): (text: string) => string {
  let inKey = false;
  const lineOf = (line: string): string => {
    let rest = line;
    if (inKey) {
      const end = KEY_END.exec(rest);
      if (!end && KEY_LINE.test(rest)) return '';
      inKey = false;
      if (end) rest = rest.slice(end.index + end[0].length);
    }
    const begin = KEY_BEGIN.exec(rest);
    if (!begin || KEY_END.test(rest)) return rest;
    inKey = true;
    return `${rest.slice(0, begin.index)}***${rest.endsWith('\n') ? '\n' : ''}`;
  };
  return (text) => {
    const known =
      inKey || text.includes('-----BEGIN ')
        ? text
            .split(/(?<=\n)/)
            .map(lineOf)
            .join('')
        : text;
    return redact(known, secrets);
  };
}

/** An unfinished line is passed on at this length at the latest. */
const MAX_HELD = 16 * 1024;

/**
 * Masks a text that arrives in pieces. What is given back ends at a line's end, so that a secret cut
 * in two by a pipe is still known as one; `rest` gives what is left.
 */
export function createRedactor(secrets: readonly string[]): { push(text: string): string; rest(): string } {
  let held = '';
  const mask = createMask(secrets);
  return {
    push(text) {
      held += text;
      const cut = held.length > MAX_HELD ? held.length : held.lastIndexOf('\n') + 1;
      const whole = held.slice(0, cut);
      held = held.slice(cut);
      return whole === '' ? '' : mask(whole);
    },
    rest() {
      const whole = held;
      held = '';
      return mask(whole);
    },
  };
}
