/** The texts that agents are given. Pure. */

export interface RedCheck {
  /** The job or command that failed. */
  name: string;
  /** The failed step, where the provider knows it. */
  step: string | null;
  url: string | null;
  excerpt: string;
  /** Why it counts as red where that is not its exit code ("timed out after 60 min"). */
  remark: string | null;
  /** It fails on the base, too. */
  onBase?: boolean;
}

/** A fence that no run of backticks inside the text can close. */
export function fenced(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map((m) => m[0].length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}\n${text}\n${fence}`;
}

/** What the agent is told after a red commit. `attempt` is the number of the turn it is for. */
export function retryPrompt(
  red: readonly RedCheck[],
  attempt: number,
  maxAttempts: number,
  conflicts: readonly string[] = [],
): string {
  const parts = red.map((check) => {
    const head = [
      `The check ${JSON.stringify(check.name)} failed on your last commit${check.remark ? ` (${check.remark})` : ''}.`,
      check.onBase ? 'It fails on the base branch too, without any change of yours.' : '',
      check.step ? `Failed step: ${check.step}` : '',
      check.url ? `Details: ${check.url}` : '',
    ];
    const log = check.excerpt.trim() === '' ? 'It printed nothing.' : `From its log:\n\n${fenced(check.excerpt)}`;
    return [...head.filter(Boolean), '', log].join('\n');
  });
  if (conflicts.length > 0) {
    parts.push(conflictText(conflicts));
  }
  parts.push(
    `Fix the cause in the code, not the check. This is attempt ${attempt} of ${maxAttempts}. ` +
      `When you are done, stop: the work is committed and checked again for you.`,
  );
  return parts.join('\n\n');
}

/** What an agent is told of a base whose merge left conflicts in the worktree. */
export const conflictText = (files: readonly string[]): string =>
  `The base branch has moved, and merging it left conflicts in these files; resolve them, keeping both sides' intent:\n${files
    .map((file) => `- ${file}`)
    .join('\n')}`;

/** ` in a.txt and 3 more`; nothing where the files are not known. */
export function inFiles(files: readonly string[] | null): string {
  if (!files?.length) return '';
  const [shown, rest] = [files.slice(0, 10), files.length - 10];
  return ` in ${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** For a session that knows nothing yet: the request, what was said since, and then the turn's own prompt. */
export function withHistory(request: string, said: readonly string[], prompt: string): string {
  if (prompt === request && said.length === 0) return request;
  const earlier = said.filter((text) => !prompt.includes(text));
  const parts = [`You are working on this task:\n\n${request}`];
  if (earlier.length > 0) parts.push(`Said later:\n\n${earlier.join('\n\n')}`);
  if (prompt !== request) parts.push(`The work so far is in the current folder and its git history. Now:\n\n${prompt}`);
  return parts.join('\n\n');
}

export const interruptedPrompt = (prompt: string): string => `You were interrupted; go on with:\n\n${prompt}`;
