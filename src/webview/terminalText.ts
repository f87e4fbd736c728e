/**
 * What programs print, made harmless. A log may hold any escape sequence: one that sets the
 * clipboard or the title, one that makes the terminal answer into the shell, one that hides text.
 * Only colours pass, and those only where they are wanted.
 */

export interface TextFilter {
  /** The next piece of the stream, cut anywhere, even inside a sequence. */
  push(text: string): string;
}

/** A sequence that grows longer than this is no sequence: its first character is dropped and the rest is text. */
const MAX_SEQUENCE = 4096;

/* eslint-disable no-control-regex -- control characters are what these look for */
// Colours and the like; other CSI; OSC, DCS, SOS, PM and APC with their end; two- and three-character
// escapes; the 8-bit forms of them all.
const SEQUENCE =
  /(?:\u001b\[|\u009b)([0-9;:]*)m|(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u0090\u0098\u009c-\u009f]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]+[0-~]|\u001b[0-Z\\`-~]/g;
/** An unfinished sequence at the end of a piece. */
const UNFINISHED =
  /(?:\u001b|(?:\u001b\[|\u009b)[0-?]*[ -/]*|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u0090\u0098\u009c-\u009f]*\u001b?|\u001b[ -/]+)$/;
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f-\u009f]/g;
// What is left of an escape after the sequences are gone; a removed one may have joined its neighbours.
const STRAY_ESCAPE = /\u001b(?!\[[0-9;:]*m)/g;
const ANY_ESCAPE = /\u001b/g;
/* eslint-enable no-control-regex */

/** A return that is not the end of a line starts it again, as progress bars do: it ends the line here. */
const RETURNS = /\r+\n?/g;

function createFilter(keepColours: boolean): TextFilter {
  let sequence = '';
  let returns = '';
  return {
    push(text) {
      let all = sequence + text;
      const begun = UNFINISHED.exec(all.length > MAX_SEQUENCE ? all.slice(-MAX_SEQUENCE) : all);
      sequence = begun && begun[0].length < MAX_SEQUENCE ? begun[0] : '';
      all = all.slice(0, all.length - sequence.length);
      const shown = all
        .replace(SEQUENCE, (_, colour: string | undefined) =>
          keepColours && colour !== undefined ? `\u001b[${colour}m` : '',
        )
        .replace(keepColours ? STRAY_ESCAPE : ANY_ESCAPE, '')
        .replace(CONTROL, '');
      // What a return at the end means depends on what comes next.
      all = returns + shown;
      const end = all.length - countReturns(all);
      returns = all.slice(end) && '\r';
      return all.slice(0, end).replace(RETURNS, '\n');
    },
  };
}

/** Carriage returns at the end. */
function countReturns(text: string): number {
  let count = 0;
  while (text.charCodeAt(text.length - 1 - count) === 13) count++;
  return count;
}

/** For a page: no control sequence at all. */
export const plainText = (): TextFilter => createFilter(false);

/** For a terminal: colours stay, and lines end as terminals want it. */
export function terminalText(): TextFilter {
  const filter = createFilter(true);
  return { push: (text) => filter.push(text).replaceAll('\n', '\r\n') };
}
