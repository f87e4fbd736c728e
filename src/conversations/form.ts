/** An agent's form as people are asked it: one field after another, each with choices or in words. Pure. */

export type FieldValue = string | number | boolean | string[];

export interface FormField {
  name: string;
  /** How the question is put, for people. */
  title: string;
  description: string | null;
  type: 'text' | 'number' | 'integer' | 'boolean' | 'choice' | 'choices';
  /** Of `choice` and `choices`: what the agent gets, and what people see. */
  options: { value: string; label: string }[];
  required: boolean;
  /** Of a number its value, of a text its length, of choices their count. */
  min: number | null;
  max: number | null;
}

export interface Form {
  message: string;
  /** None: the agent only wants to hear yes. */
  fields: FormField[];
}

/** Leaves an optional field out. */
const SKIP = 'skip';
/** Declines the whole form. */
export const DECLINE = 'decline';

/** The answers on offer for a field. Every one of them fits on a button. */
export function fieldChoices(field: FormField): string[] {
  const own =
    field.type === 'boolean'
      ? ['yes', 'no']
      : field.type === 'choice' || field.type === 'choices'
        ? field.options.map((option) => option.label)
        : [];
  const taken = new Set(own.map((label) => label.toLowerCase()));
  const more = [...(field.required ? [] : [SKIP]), DECLINE].filter((word) => !taken.has(word));
  return [...own, ...more];
}

/** The whole question for one field, `n` of `total`. */
export function fieldQuestion(form: Form, field: FormField, n: number, total: number): string {
  const count = total > 1 ? ` (${n} of ${total})` : '';
  const many = field.type === 'choices' ? 'Several are possible: separate them by commas.' : '';
  // Where a form asks one thing, its message mostly says it already.
  const title = total === 1 && (form.message.includes(field.title) || field.title === field.name) ? '' : field.title;
  const lines = [`${form.message}${count}`, title, field.description ?? '', many];
  return lines.filter((line, i) => line !== '' && lines.indexOf(line) === i).join('\n\n');
}

export type Parsed = { ok: true; value: FieldValue | null } | { ok: false; problem: string };

/** An answer as the agent's schema wants it; a value of null leaves the field out. */
export function parseField(field: FormField, response: string): Parsed {
  const text = response.trim();
  const bad = (problem: string): Parsed => ({ ok: false, problem: `${JSON.stringify(text)} ${problem}` });
  if (!field.required && text.toLowerCase() === SKIP) return { ok: true, value: null };
  const option = (label: string): string | null => {
    const same = (it: { value: string; label: string }): boolean =>
      it.label.toLowerCase() === label.toLowerCase() || it.value.toLowerCase() === label.toLowerCase();
    return (
      (field.options.find((it) => it.label === label || it.value === label) ?? field.options.find(same))?.value ?? null
    );
  };
  const names = (): string => field.options.map((it) => it.label).join(', ');
  switch (field.type) {
    case 'boolean':
      if (/^(?:y|yes|true|on|1)$/i.test(text)) return { ok: true, value: true };
      if (/^(?:n|no|false|off|0)$/i.test(text)) return { ok: true, value: false };
      return bad('is neither yes nor no');
    case 'choice': {
      const value = option(text);
      return value === null ? bad(`is not one of ${names()}`) : { ok: true, value };
    }
    case 'choices': {
      // A label may hold a comma itself.
      const parts = option(text) === null ? text.split(',').map((part) => part.trim()) : [text];
      const values = parts.filter(Boolean).map(option);
      if (values.includes(null)) return bad(`is not some of ${names()}`);
      return inBounds(field, values.length, 'choices') ?? { ok: true, value: [...new Set(values as string[])] };
    }
    case 'number':
    case 'integer': {
      const value = text === '' ? Number.NaN : Number(text);
      if (!Number.isFinite(value)) return bad('is not a number');
      if (field.type === 'integer' && !Number.isInteger(value)) return bad('is not a whole number');
      return inBounds(field, value, '') ?? { ok: true, value };
    }
    case 'text':
      return inBounds(field, text.length, 'characters') ?? { ok: true, value: text };
  }
}

function inBounds({ min, max }: FormField, value: number, unit: string): Parsed | null {
  if (min !== null && value < min)
    return { ok: false, problem: `${value} ${unit} is less than ${min}`.replace('  ', ' ') };
  if (max !== null && value > max)
    return { ok: false, problem: `${value} ${unit} is more than ${max}`.replace('  ', ' ') };
  return null;
}
