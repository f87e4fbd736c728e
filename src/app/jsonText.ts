import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser';
import { AmpaError } from '../errors.ts';

/** Parses strict JSON. Throws `usage` with line and column, counted from 1, of what is wrong. */
export function parseJsonText(text: string, file: string): unknown {
  const content = text.replace(/^\uFEFF/, '');
  try {
    return JSON.parse(content) as unknown;
  } catch (error) {
    // The engine does not always say where.
    const problems: ParseError[] = [];
    parse(content, problems, { disallowComments: true, allowTrailingComma: false });
    const [first] = problems;
    const before = content.slice(0, first?.offset ?? content.length).split('\n');
    const what = first
      ? printParseErrorCode(first.error)
          .replace(/(?!^)([A-Z])/g, ' $1')
          .toLowerCase()
      : String(error);
    throw new AmpaError(
      'usage',
      `${file}, line ${before.length}, column ${before.at(-1)!.length + 1}: ${what}`,
      'Nothing was imported; fix the file and try again.',
      error,
    );
  }
}
