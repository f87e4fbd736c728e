/** Buttons under a message: which are valid, what a click on one means, who may decide with it. */
import type { Button, ButtonStyle } from './message.ts';

/** What chat programs take: five buttons in each of five rows. */
export const BUTTONS_PER_ROW = 5;
const MAX_BUTTONS = 25;
/** UTF-16 units. */
const MAX_LABEL = 80;
const MAX_CUSTOM_ID = 100;
const STYLES: readonly string[] = ['primary', 'secondary', 'success', 'danger'] satisfies ButtonStyle[];
const FIELDS: readonly string[] = ['type', 'label', 'custom_id', 'style'];

export const HOW_TO_ALLOW =
  'Nobody may decide here yet. Set AMPA_DISCORD_ALLOWED_IDS to the ids of the users or roles who may.';

export type Validated = { ok: true; buttons: Button[] } | { ok: false; why: string };

/** Reads a list of components. One that is wrong anywhere is refused whole; an empty or absent one is no buttons. */
export function validateButtons(components: unknown): Validated {
  if (components === undefined || components === null) return { ok: true, buttons: [] };
  if (!Array.isArray(components)) return { ok: false, why: 'components must be a list' };
  if (components.length > MAX_BUTTONS)
    return { ok: false, why: `components are ${components.length}, and at most ${MAX_BUTTONS} fit` };
  const seen = new Set<string>();
  for (const [i, it] of components.entries()) {
    const why = wrongIn(it) ?? (seen.has((it as Button).custom_id) ? 'has the custom_id of another one' : null);
    if (why !== null) return { ok: false, why: `component ${i + 1} ${why}` };
    seen.add((it as Button).custom_id);
  }
  return { ok: true, buttons: components as Button[] };
}

function wrongIn(component: unknown): string | null {
  if (typeof component !== 'object' || component === null || Array.isArray(component)) return 'is not an object';
  const it = component as Record<string, unknown>;
  if (it['type'] !== 'button') return `has type ${shown(it['type'])}, and only "button" is known`;
  const text = wrongText('label', it['label'], MAX_LABEL) ?? wrongText('custom_id', it['custom_id'], MAX_CUSTOM_ID);
  if (text !== null) return text;
  if (it['style'] !== undefined && !STYLES.includes(it['style'] as string))
    return `has style ${shown(it['style'])}, which is none of ${STYLES.join(', ')}`;
  const foreign = Object.keys(it).find((key) => !FIELDS.includes(key));
  return foreign === undefined ? null : `has ${shown(foreign)}, which is none of ${FIELDS.join(', ')}`;
}

function wrongText(name: string, value: unknown, max: number): string | null {
  if (typeof value !== 'string' || value.trim() === '') return `has no ${name}`;
  return value.length > max ? `has a ${name} of ${value.length} characters, and at most ${max} fit` : null;
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, 100);

export type Route =
  | { to: 'prompt'; id: string; choice: string }
  | { to: 'task'; id: string; action: string }
  /** Does nothing but answer the click. */
  | { to: 'test' };

/** What a click on the button of that id is for; null: nothing of ours. */
export function routeOf(customId: string): Route | null {
  if (customId.startsWith('test_')) return { to: 'test' };
  const [kind, id, ...rest] = customId.split(':');
  const argument = rest.join(':');
  if (!id || argument === '') return null;
  if (kind === 'prompt') return { to: 'prompt', id, choice: argument };
  return kind === 'task' ? { to: 'task', id, action: argument } : null;
}

/** What is offered where nobody may decide: no button that decides, and a line that says how to allow it. */
export function offered(
  buttons: readonly Button[],
  allowedIds: readonly string[],
): { buttons: readonly Button[]; note: string | null } {
  if (allowedIds.length > 0) return { buttons, note: null };
  const harmless = buttons.filter(({ custom_id }) => !/^(prompt|task):/.test(custom_id));
  return { buttons: harmless, note: harmless.length < buttons.length ? HOW_TO_ALLOW : null };
}

/** Whether a person, by their own id or by one of their roles, may decide. */
export const mayDecide = (allowedIds: readonly string[], person: { id: string; roles: readonly string[] }): boolean =>
  [person.id, ...person.roles].some((id) => allowedIds.includes(id));

/** What is said of a click. `at` is ms since the epoch. */
export const selectedText = (label: string, user: string, at: number): string =>
  `You selected ${label}, good luck. (clicked by ${user}, ${new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')})`;

/** For people, where the button itself cannot be read: `test_blue` is Blue. */
export function labelOf(customId: string): string {
  const last =
    customId
      .replace(/^test_/, '')
      .split(':')
      .slice(-1)[0] || customId;
  return last.charAt(0).toUpperCase() + last.slice(1);
}
