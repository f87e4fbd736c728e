/** The host's check of what a page sends. Kept apart from the types so that no page carries zod. */
import * as z from 'zod';
import type { PageMessage } from './protocol.ts';

/** An answer or a request that is longer than this belongs in a file. */
const MAX_TEXT = 100_000;
const MAX_ANSWER = 20_000;
const MAX_URL = 4096;
const MAX_PATH = 4096;
const MAX_ATTEMPT = 100_000;

const id = z.string().min(1).max(200);
const attempt = z.number().int().min(0).max(MAX_ATTEMPT);
const watch = z.strictObject({ conversations: z.array(attempt).max(200), logs: z.array(attempt).max(200) });
const filePath = z.string().min(1).max(MAX_PATH).refine(isInside, 'a path inside the repository');
const url = z.string().max(MAX_URL).refine(isWebAddress, 'an http or https address');

const action = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('continue'), text: z.string().trim().min(1).max(MAX_TEXT).nullable() }),
  z.strictObject({ kind: z.enum(['abort', 'merge', 'worktree', 'pr', 'doctor', 'signIn', 'start', 'openLog']) }),
  z.strictObject({ kind: z.literal('diff'), path: filePath.nullable() }),
  z.strictObject({ kind: z.literal('openCheckLog'), attempt, name: z.string().min(1).max(2000) }),
  z.strictObject({ kind: z.literal('answerPrompt'), id, response: z.string().trim().min(1).max(MAX_ANSWER) }),
  z.strictObject({ kind: z.literal('openExternal'), url }),
  z.strictObject({ kind: z.literal('openFile'), path: filePath }),
]);

const message = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready'), watch }),
  z.strictObject({ type: z.literal('watch'), watch }),
  z.strictObject({ type: z.literal('action'), id: z.number().int().min(0), action }),
]);

const remembered = z.object({ taskId: id, folder: z.string().min(1).max(MAX_PATH) });

/** The message, or undefined where a page sent something else. */
export function parsePageMessage(value: unknown): PageMessage | undefined {
  const result = message.safeParse(value);
  return result.success ? (result.data satisfies PageMessage) : undefined;
}

/** Which task a page that is restored after a reload showed. */
export function parseRemembered(value: unknown): { taskId: string; folder: string } | undefined {
  const result = remembered.safeParse(value);
  return result.success ? result.data : undefined;
}

/** A relative path that does not climb out of the folder it is relative to. */
function isInside(path: string): boolean {
  const parts = path.split(/[/\\]/);
  return !/^([/\\]|[A-Za-z]:)/.test(path) && !path.includes('\0') && !parts.includes('..');
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
