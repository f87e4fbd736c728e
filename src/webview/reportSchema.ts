/** The host's check of what a report page sends. Kept apart from the types so that no page carries zod. */
import * as z from 'zod';
import type { ReportPageMessage } from './reportProtocol.ts';

const id = z.string().min(1).max(200);
const range = z.enum(['day', 'week']);
const timeZone = z.string().max(100).refine(isTimeZone, 'a time zone');

const action = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('output'), command: id, run: id }),
  z.strictObject({ kind: z.literal('history'), command: id }),
  z.strictObject({ kind: z.literal('task'), task: id }),
  z.strictObject({ kind: z.enum(['addCommand', 'startTask']) }),
]);

const message = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready'), range, timeZone }),
  z.strictObject({ type: z.literal('action'), id: z.number().int().min(0), action }),
]);

const remembered = z.object({ folder: z.string().min(1).max(4096) });

/** The message, or undefined where a page sent something else. */
export function parseReportMessage(value: unknown): ReportPageMessage | undefined {
  const result = message.safeParse(value);
  return result.success ? (result.data satisfies ReportPageMessage) : undefined;
}

/** Which folder a page that is restored after a reload showed. */
export function parseReportMemory(value: unknown): { folder: string } | undefined {
  const result = remembered.safeParse(value);
  return result.success ? result.data : undefined;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
