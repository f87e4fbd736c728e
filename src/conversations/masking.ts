/** What is recorded of a question: without secrets. Pure. */
import type { NewPrompt } from './ports.ts';

type Mask = (text: string) => string;

/** Choices without secrets; those that would look the same are numbered. */
export function maskedChoices(choices: readonly string[], mask: Mask): string[] {
  const shown = choices.map(mask);
  return shown.map((choice, i) =>
    choice !== choices[i] && count(shown, choice) > 1 ? `${choice} (${i + 1})` : choice,
  );
}

const count = (all: readonly string[], one: string): number => all.filter((it) => it === one).length;

/** All strings of a plain value, however deep. */
function maskedValue(value: unknown, mask: Mask): unknown {
  if (typeof value === 'string') return mask(value);
  if (Array.isArray(value)) return value.map((it) => maskedValue(it, mask));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, it]) => [mask(key), maskedValue(it, mask)]));
}

/**
 * A question as it may be kept and shown. The words of a permission were masked by whoever asks, so that they hide
 * nothing but a secret: they stay, as its command does, which holds none.
 */
export function maskedPrompt<T extends NewPrompt>(asked: T, mask: Mask): T {
  const { work_item, choices, context, recommendation, metadata } = asked;
  const permission = asked.asks === 'permission';
  return {
    ...asked,
    session: mask(asked.session),
    ...(work_item && { work_item: mask(work_item) }),
    ...(context && { context: context.map(({ role, content }) => ({ role: mask(role), content: mask(content) })) }),
    ...(recommendation && { recommendation: mask(recommendation) }),
    ...(!permission && {
      prompt_text: mask(asked.prompt_text),
      ...(asked.summary !== undefined && { summary: mask(asked.summary) }),
      ...(asked.detail !== undefined && { detail: mask(asked.detail) }),
      ...(choices && { choices: maskedChoices(choices, mask) }),
      ...(metadata && { metadata: maskedValue(metadata, mask) as NewPrompt['metadata'] }),
    }),
  };
}
