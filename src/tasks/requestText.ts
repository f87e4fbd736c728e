import { usageError } from '../errors.ts';

/** Characters; agents read no more at once, and every list of tasks would carry it. */
const MAX_LENGTH = 1024 * 1024;

/** What a person asks of an agent, trimmed; throws where it could reach no agent or no commit. */
export function requestText(text: string): string {
  if (text.includes('\0')) throw usageError('the task holds a NUL character', 'Give text, not a binary file.');
  if (text.length > MAX_LENGTH)
    throw usageError(
      `the task has ${text.length} characters, more than ${MAX_LENGTH}`,
      'Put it into a file of the repository, and name that file in the task.',
    );
  return text.trim();
}
