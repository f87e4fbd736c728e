/** The files of fallback rules, as they are now. */
import fs from 'node:fs';
import { parse, type ParseError } from 'jsonc-parser';
import { codeOf } from '../../errors.ts';
import { fallbackSchema, type FallbackFile } from '../../conversations/fallback.ts';

/** One place where rules may be. */
export interface FallbackPlace {
  file: string;
  /** For people. */
  name: string;
  /** Somebody named it, so it has to be there. */
  required: boolean;
}

/** Reads what is there. `isTracked` is asked only of files that exist. A file that cannot be read is a rule to hold. */
export async function readFallbackFiles(
  places: readonly FallbackPlace[],
  isTracked: (file: string) => Promise<boolean>,
): Promise<FallbackFile[]> {
  const found: FallbackFile[] = [];
  for (const { file, name, required } of places) {
    let text: string;
    try {
      text = await fs.promises.readFile(file, 'utf8');
    } catch (error) {
      const missing = codeOf(error) === 'ENOENT';
      if (!missing || required)
        found.push({ name, tracked: false, config: null, problem: missing ? 'is not there' : 'cannot be read' });
      continue;
    }
    found.push({ name, tracked: await isTracked(file), ...parseRules(text) });
  }
  return found;
}

function parseRules(text: string): Pick<FallbackFile, 'config' | 'problem'> {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  if (errors.length > 0) return { config: null, problem: 'is not valid JSON' };
  const checked = fallbackSchema.safeParse(value);
  if (checked.success) return { config: checked.data, problem: null };
  const issue = checked.error.issues[0];
  return { config: null, problem: `is wrong at ${issue?.path.join('.') || 'its top'}: ${issue?.message}` };
}
