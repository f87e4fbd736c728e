import type { PullRequestText } from './forge.ts';
import type { ChangedFile } from './ports.ts';
import { fenced } from './prompts.ts';
import type { Attempt, Check, Task } from './task.ts';

const MAX_FILES = 30;
/** GitHub takes 65,536 characters in all; a template or a request may be longer. */
const MAX_PART = 12_000;

function cut(text: string): string {
  if (text.length <= MAX_PART) return text;
  // Half a pair of surrogates is no text that GitHub would take.
  const kept = text.slice(0, MAX_PART).replace(/[\uD800-\uDBFF]$/, '');
  return `${kept}\n[… ${text.length - kept.length} more characters]`;
}

/** A link to the failing check's page on the forge, where it has one. */
const linkTo = ({ name, url }: Check): string =>
  url && /^https?:\/\/[^\s()<>]+$/.test(url) ? `[${name.replace(/[[\]\\]/g, '\\$&')}](${url})` : name;

/**
 * What a pull request says: what was asked, what changed, how it went, with links to what failed. The
 * repository's template comes first, and last a mark by which `isUntouched` knows the body again. Pure.
 */
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
    const red = checks.filter((check) => check.attempt === attempt.number && check.excerpt !== null).map(linkTo);
    return `${attempt.number}. ${attempt.outcome ?? 'under way'}${red.length > 0 ? `; red: ${red.join(', ')}` : ''}`;
  });
  const parts = [
    ...(template?.trim() ? [cut(template.trim()), '---'] : []),
    `**Asked**\n\n${fenced(cut(task.request))}`,
    ...(task.summary ? [`**The agent says**\n\n${fenced(cut(task.summary))}`] : []),
    `**Changed**\n\n${files.join('\n')}`,
    ...(task.flags.length > 0
      ? [`**Look at this in review**\n\n${task.flags.map((flag) => `- ${flag}`).join('\n')}`]
      : []),
    `**Attempts**\n\n${rounds.join('\n')}`,
    ...(task.forge?.issue ? [`Closes #${task.forge.issue}`] : []),
    `<sub>Made by ${task.agent} through AMPA, task ${task.id}.</sub>`,
  ];
  const body = parts.join('\n\n');
  return { title: task.title, body: `${body}\n\n<!-- ampa:${digest(body)} -->` };
}

/** Whether a body is still what `pullRequestText` made, on whatever task: not a word of a person is in it. */
export function isUntouched(body: string): boolean {
  const mark = /\n\n<!-- ampa:([0-9a-f]{16}) -->\s*$/.exec(normal(body));
  return mark !== null && digest(normal(body).slice(0, mark.index)) === mark[1];
}

/** Forges keep either kind of line end. */
const normal = (text: string): string => text.replaceAll('\r\n', '\n');

/** FNV-1a of 64 bits, in hex: it tells edits, not forgeries. */
function digest(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(normal(text)))
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, '0');
}
