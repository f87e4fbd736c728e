/** An agent's form with fields, put to people as one question after another. */
import {
  DECLINE,
  fieldChoices,
  fieldQuestion,
  parseField,
  type FieldValue,
  type Form,
  type FormField,
} from '../../conversations/form.ts';
import { maskedChoices } from '../../conversations/masking.ts';
import type { NewPrompt } from '../../conversations/ports.ts';

/** How a question of a form was answered. */
export type Put = { response: string } | 'declined' | 'cancelled';

/** One field after another: each can be answered from a phone. */
export async function fillForm(
  form: Form,
  mask: (text: string) => string,
  put: (question: Pick<NewPrompt, 'prompt_text' | 'choices' | 'metadata'>) => Promise<Put>,
): Promise<Record<string, FieldValue> | 'declined' | 'cancelled'> {
  const values: Record<string, FieldValue> = {};
  for (const [i, field] of form.fields.entries()) {
    const { shown, heard } = maskedField(field, mask);
    const choices = fieldChoices(shown);
    const answer = await put({
      prompt_text: fieldQuestion({ ...form, message: mask(form.message) }, shown, i + 1, form.fields.length),
      choices,
      metadata: { field: shown },
    });
    if (typeof answer === 'string') return answer;
    if (answer.response === DECLINE && choices.includes(DECLINE)) return 'declined';
    const parsed = parseField(heard, answer.response);
    // Whoever answered was told so already: a rule has answered what the field cannot take.
    if (!parsed.ok) return 'declined';
    if (parsed.value !== null) values[field.name] = parsed.value;
  }
  return values;
}

/** A field as people see it, and as their answer is understood: what the agent gets stays as it was. */
function maskedField(field: FormField, mask: (text: string) => string): { shown: FormField; heard: FormField } {
  const { name, title, description, options } = field;
  const labels = maskedChoices(
    options.map((option) => option.label),
    mask,
  );
  const shown = {
    ...field,
    name: mask(name),
    title: mask(title),
    description: description === null ? null : mask(description),
    options: options.map(({ value }, i) => ({ value: mask(value) === value ? value : labels[i]!, label: labels[i]! })),
  };
  return { shown, heard: { ...field, options: options.map(({ value }, i) => ({ value, label: labels[i]! })) } };
}
