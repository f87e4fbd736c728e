/** What every page hears from its host besides what it shows. `error` is for people. */
export type CommonHostMessage =
  /** It cannot be shown. */
  | { type: 'failed'; error: string }
  /** The end of an action. */
  | { type: 'done'; id: number; error: string | null };

/** A value that reached a page, as an object with a `type`; null for anything else. */
export function messageFields(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && 'type' in value ? value : null;
}

/** Whether these fields have the outline of a message that every page understands. */
export function isCommonMessage(fields: Readonly<Record<string, unknown>>): boolean {
  const { type, id, error } = fields;
  if (type === 'failed') return typeof error === 'string';
  return type === 'done' && typeof id === 'number' && (error === null || typeof error === 'string');
}
