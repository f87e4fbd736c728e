/** Patterns in the syntax of `.gitignore`, for choosing files rather than leaving them out. Pure. */

export interface IgnorePattern {
  /** Matches a path relative to the root, without a slash at either end. */
  regex: RegExp;
  negated: boolean;
  /** Matches folders only. */
  folder: boolean;
  /** Literal folders the pattern begins with; empty if it may match anywhere. */
  prefix: string;
}

export function parsePatterns(lines: readonly string[]): IgnorePattern[] {
  return lines.flatMap((line) => {
    const pattern = parsePattern(line);
    return pattern ? [pattern] : [];
  });
}

function parsePattern(line: string): IgnorePattern | null {
  // Blanks at the end do not count unless they are escaped.
  let text = line.replace(/\r$/, '').replace(/(?<!\\)[ \t]+$/, '');
  if (!text || text.startsWith('#')) return null;
  const negated = text.startsWith('!');
  if (negated) text = text.slice(1);
  const folder = text.endsWith('/');
  if (folder) text = text.slice(0, -1);
  // A slash that is not the last character ties the pattern to the root.
  const anchored = text.includes('/');
  text = text.replace(/^\//, '');
  if (!text) return null;
  const literal = /^[^*?[\\]*\//.exec(text)?.[0] ?? '';
  return {
    regex: new RegExp(`^${anchored ? '' : '(?:.*/)?'}${translate(text)}$`, 's'),
    negated,
    folder,
    prefix: anchored ? literal : '',
  };
}

function translate(glob: string): string {
  let out = '';
  for (let index = 0; index < glob.length; index++) {
    const rest = glob.slice(index);
    const char = glob[index]!;
    const bracket = /^\[([!^]?)(\]?[^\]]*)\]/.exec(rest);
    if (index === 0 && rest.startsWith('**/')) {
      out += '(?:.*/)?';
      index += 2;
    } else if (rest.startsWith('/**/')) {
      out += '/(?:.*/)?';
      index += 3;
    } else if (rest === '/**') {
      out += '/.+';
      break;
    } else if (char === '*') {
      out += '[^/]*';
      while (glob[index + 1] === '*') index++;
    } else if (char === '?') out += '[^/]';
    else if (bracket) {
      out += `[${bracket[1] ? '^/' : ''}${bracket[2]!.replace(/[\\\]^]/g, '\\$&')}]`;
      index += bracket[0].length - 1;
    } else if (char === '\\' && index + 1 < glob.length) out += escape(glob[++index]!);
    else out += escape(char);
  }
  return out;
}

const escape = (char: string): string => char.replace(/[$()*+.?[\\\]^{|}/-]/, '\\$&');

/** Whether a path is chosen: the last pattern that matches it, or a folder above it, decides. */
export function isChosen(path: string, isFolder: boolean, patterns: readonly IgnorePattern[]): boolean {
  const parts = path.split('/');
  for (let depth = 1; depth <= parts.length; depth++) {
    const whole = depth === parts.length;
    const at = parts.slice(0, depth).join('/');
    let chosen = false;
    for (const pattern of patterns) {
      if (pattern.folder && whole && !isFolder) continue;
      if (pattern.regex.test(at)) chosen = !pattern.negated;
    }
    if (chosen) return true;
  }
  return false;
}

/** Whether something below a folder may be chosen although the folder is not: only patterns that name the way there reach into it. */
export const reachesInto = (folder: string, patterns: readonly IgnorePattern[]): boolean =>
  patterns.some(
    ({ prefix, negated }) =>
      !negated && prefix !== '' && (prefix.startsWith(`${folder}/`) || `${folder}/`.startsWith(prefix)),
  );
