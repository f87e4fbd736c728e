/** What an answer means: which of the choices it names, and which choice accepts or declines. Pure. */
import { usageError, type AmpaError } from '../errors.ts';
import { parseField, type FormField } from './form.ts';
import type { Prompt } from './prompt.ts';

/** Answers to a permission. `always` is ours: this very command, for the rest of the task. */
export const ALLOW = 'allow';
export const REJECT = 'reject';
export const ALWAYS = 'always';

const LABELS: Readonly<Record<string, string>> = {
  [ALLOW]: 'Allow',
  [REJECT]: 'Refuse',
  [ALWAYS]: 'Always Allow in This Task',
};

/** How people see a choice. */
export const choiceLabel = (prompt: Pick<Prompt, 'asks'>, choice: string): string =>
  prompt.asks === 'permission' ? (LABELS[choice] ?? choice) : choice;

const ACCEPT = new Set(
  'accept accepted yes y ok okay approve approved allow allowed confirm confirmed agree agreed proceed continue'
    .split(' ')
    .concat('go ahead', 'allow once'),
);
const DECLINE = new Set(
  'decline declined no n reject rejected deny denied refuse refused cancel cancelled abort stop disagree'
    .split(' ')
    .concat('reject once', "don't", 'do not'),
);

/** `Yes, delete it` and `Yes: …` mean yes; `No problem` does not mean no. */
function meaningOf(choice: string): { means: 'accept' | 'decline'; exact: boolean } | null {
  const plain = choice
    .trim()
    .toLowerCase()
    .replace(/[.!]+$/, '');
  const head = plain.split(/\s*(?:[,:;(]|\s[-–—]\s)/)[0] ?? '';
  for (const [text, exact] of [
    [plain, true],
    [head, false],
  ] as const) {
    if (ACCEPT.has(text)) return { means: 'accept', exact };
    if (DECLINE.has(text)) return { means: 'decline', exact };
  }
  return null;
}

/** What an answer means by itself; null where it says more than that, or anything else. */
export function exactMeaning(text: string): 'accept' | 'decline' | null {
  const meaning = meaningOf(text);
  return meaning?.exact ? meaning.means : null;
}

/** The one choice that accepts or declines; null where none does, or several do and none is plain. */
export function choiceThat(means: 'accept' | 'decline', choices: readonly string[]): string | null {
  const found = choices.flatMap((choice) => {
    const it = meaningOf(choice);
    return it?.means === means ? [{ choice, exact: it.exact }] : [];
  });
  const exact = found.filter((it) => it.exact);
  if (exact.length > 0) return exact[0]!.choice;
  return found.length === 1 ? found[0]!.choice : null;
}

/** Whether a choice is the one that the question itself recommends, by its name or by what it means. */
export function isRecommended(
  { choices, recommendation }: Pick<Prompt, 'choices' | 'recommendation'>,
  choice: string,
): boolean {
  if (recommendation === null) return false;
  const plain = recommendation.trim().toLowerCase();
  if (choices.some((it) => it.toLowerCase() === plain)) return choice.toLowerCase() === plain;
  return (plain === 'accept' || plain === 'decline') && choiceThat(plain, choices) === choice;
}

/** `#2` for the second choice: where the choice itself is too long for a button. */
const byNumber = /^#(\d{1,3})$/;

export type Accepted = { ok: true; response: string } | { ok: false; error: AmpaError };

/**
 * An answer as the question takes it: one of its choices in the question's own spelling (given by its
 * text, its label, or `#n`), or free text. To a permission, yes and no in other words count too, and any
 * other text rejects and is passed on.
 */
export function acceptResponse(prompt: Pick<Prompt, 'asks' | 'choices' | 'metadata'>, given: string): Accepted {
  const text = given.trim();
  const { choices } = prompt;
  const number = Number(byNumber.exec(text)?.[1] ?? 0);
  const numbered = number > 0 ? choices[number - 1] : undefined;
  if (numbered !== undefined) return { ok: true, response: numbered };
  const same = (choice: string): boolean =>
    choice.toLowerCase() === text.toLowerCase() || choiceLabel(prompt, choice).toLowerCase() === text.toLowerCase();
  const chosen = choices.find((choice) => choice === text) ?? choices.find(same);
  if (chosen !== undefined) return { ok: true, response: chosen };
  if (text === '') return refuse('the answer is empty', choices);
  if (prompt.asks === 'permission') {
    const meaning = meaningOf(text);
    if (meaning?.exact) return { ok: true, response: meaning.means === 'accept' ? ALLOW : REJECT };
    return text.toLowerCase() === ALWAYS
      ? refuse('this cannot always be allowed', choices)
      : { ok: true, response: text };
  }
  const field = fieldOf(prompt);
  if (field) {
    const parsed = parseField(field, text);
    return parsed.ok ? { ok: true, response: text } : refuse(parsed.problem, choices);
  }
  return { ok: true, response: text };
}

const refuse = (problem: string, choices: readonly string[]): Accepted => ({
  ok: false,
  error: usageError(
    problem,
    choices.length > 0 ? `Answer one of: ${choices.join(', ')}.` : 'Answer in your own words.',
  ),
});

/** The field of an agent's form that a question is for. */
const fieldOf = (prompt: Pick<Prompt, 'metadata'>): FormField | null =>
  (prompt.metadata['field'] as FormField | undefined) ?? null;
