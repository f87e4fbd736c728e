import type { PullRequestText } from './forge.ts';
import type { ChangedFile } from './ports.ts';
import { fenced } from './prompts.ts';
import type { Attempt, Check, Task } from './task.ts';

const MAX_FILES = 30;

/** What a pull request says: what was asked, what changed, how it went. The repository's template comes first. Pure. */
export function pullRequestText(
  task: Task,
  attempts: readonly Attempt[],
  checks: readonly Check[],
  changed: readonly ChangedFile[],
  template: string | null,
): PullRequestText {
  const files = changed.slice(0, MAX_FILES).map((file) => `- ${file.status} \`${file.path}\``);
  if (changed.length > MAX_FILES) files.push(`- and ${changed.length - MAX_FILES} more`);
  const rounds = attempts.map((attempt) => {
    const red = checks
      .filter((check) => check.attempt === attempt.number && check.excerpt !== null)
      .map((check) => check.name);
    return `${attempt.number}. ${attempt.outcome ?? 'under way'}${red.length > 0 ? `; red: ${red.join(', ')}` : ''}`;
  });
  const parts = [
    ...(template?.trim() ? [template.trim(), '---'] : []),
    `**Asked**\n\n${fenced(task.request)}`,
    ...(task.summary ? [`**The agent says**\n\n${fenced(task.summary)}`] : []),
    `**Changed**\n\n${files.join('\n')}`,
    ...(task.flags.length > 0
      ? [`**Look at this in review**\n\n${task.flags.map((flag) => `- ${flag}`).join('\n')}`]
      : []),
    `**Attempts**\n\n${rounds.join('\n')}`,
    ...(task.forge?.issue ? [`Closes #${task.forge.issue}`] : []),
    `<sub>Made by ${task.agent} through AMPA, task ${task.id}.</sub>`,
  ];
  return { title: task.title, body: parts.join('\n\n') };
}
