/** A form elicitation as fields that people are asked. */
import type { CreateElicitationRequest } from '@agentclientprotocol/sdk';
import type { Form, FormField } from '../../conversations/form.ts';
import { arrayField, field, numberField, textField } from './turn.ts';

const TYPES: Readonly<Record<string, FormField['type']>> = {
  string: 'text',
  number: 'number',
  integer: 'integer',
  boolean: 'boolean',
  array: 'choices',
};

/** The form; null where it is none, or wants something that nobody could give. Optional fields of unknown types are left out. */
export function formOf(request: CreateElicitationRequest): Form | null {
  if (request.mode !== 'form') return null;
  const schema = field(request, 'requestedSchema');
  const required = new Set(arrayField(schema, 'required'));
  const fields: FormField[] = [];
  for (const [name, property] of Object.entries(field(schema, 'properties') ?? {})) {
    const read = fieldOf(name, property, required.has(name));
    if (read) fields.push(read);
    else if (required.has(name)) return null;
  }
  return { message: request.message, fields };
}

function fieldOf(name: string, property: unknown, required: boolean): FormField | null {
  const type = TYPES[textField(property, 'type') ?? ''];
  if (!type) return null;
  const items = field(property, 'items');
  const options = type === 'choices' ? optionsOf(items, 'anyOf') : optionsOf(property, 'oneOf');
  if (type === 'choices' && options.length === 0) return null;
  const bounds = { text: 'Length', choices: 'Items' }[type as string];
  const bound = (edge: 'min' | 'max'): number | null =>
    numberField(property, bounds ? `${edge}${bounds}` : `${edge}imum`) ?? null;
  const hints = [
    textField(property, 'description'),
    textField(property, 'format') && `Format: ${textField(property, 'format')}.`,
    textField(property, 'pattern') && `It has to match ${textField(property, 'pattern')}.`,
    defaultOf(property),
  ];
  return {
    name,
    title: textField(property, 'title') || name,
    description: hints.filter(Boolean).join('\n') || null,
    type: type === 'text' && options.length > 0 ? 'choice' : type,
    options,
    required,
    min: options.length > 0 && type === 'text' ? null : bound('min'),
    max: options.length > 0 && type === 'text' ? null : bound('max'),
  };
}

function optionsOf(holder: unknown, titled: 'oneOf' | 'anyOf'): FormField['options'] {
  const named = arrayField(holder, titled).flatMap((option) => {
    const value = textField(option, 'const');
    return value === null ? [] : [{ value, label: textField(option, 'title') || value }];
  });
  if (named.length > 0) return named;
  return arrayField(holder, 'enum')
    .filter((value) => typeof value === 'string')
    .map((value) => ({ value, label: value }));
}

function defaultOf(property: unknown): string | null {
  const value = field(property, 'default');
  return value === undefined || value === null ? null : `Default: ${JSON.stringify(value)}.`;
}
