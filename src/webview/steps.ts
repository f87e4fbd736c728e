/** A conversation as a page shows it: the pieces of a stream joined to steps. Pure. */
import type { ConversationEntry } from '../tasks/ports.ts';

export type Step =
  | { kind: 'text' | 'thought' | 'note' | 'prompt'; id: number; at: string; text: string }
  /** Tool calls in a row. */
  | { kind: 'tools'; id: number; at: string; calls: string[] };

export interface Conversation {
  steps: Step[];
  /** The beginning was left out: only the last part is kept. */
  cut: boolean;
}

/** What a page keeps of one conversation. */
export const MAX_STEPS = 1000;
const MAX_CHARS = 1024 * 1024;
/** One text that is longer ends here: markdown of any size must not hang the page. */
export const MAX_STEP_CHARS = 64 * 1024;

export const noConversation: Conversation = { steps: [], cut: false };

/** Adds what came since. Old steps stay the same objects unless a piece was joined to the last. */
export function appendEntries(to: Conversation, entries: readonly ConversationEntry[]): Conversation {
  const steps = [...to.steps];
  let id = steps.at(-1)?.id ?? 0;
  for (const { kind, text, at } of entries) {
    const last = steps.at(-1);
    if (kind === 'tool') {
      if (last?.kind === 'tools') steps[steps.length - 1] = { ...last, calls: [...last.calls, text] };
      else steps.push({ kind: 'tools', id: ++id, at, calls: [text] });
    } else if (
      last?.kind === kind &&
      (kind === 'text' || kind === 'thought') &&
      last.text.length + text.length <= MAX_STEP_CHARS
    ) {
      steps[steps.length - 1] = { ...last, text: last.text + text };
    } else {
      // Split, not cut: the parts of a huge answer stay readable.
      for (let from = 0; from === 0 || from < text.length; from += MAX_STEP_CHARS) {
        steps.push({ kind, id: ++id, at, text: text.slice(from, from + MAX_STEP_CHARS) });
      }
    }
  }
  return bound({ steps, cut: to.cut });
}

function bound({ steps, cut }: Conversation): Conversation {
  let from = Math.max(0, steps.length - MAX_STEPS);
  let chars = steps.slice(from).reduce((sum, it) => sum + size(it), 0);
  while (chars > MAX_CHARS && from < steps.length - 1) chars -= size(steps[from++]);
  return from === 0 ? { steps, cut } : { steps: steps.slice(from), cut: true };
}

const size = (step: Step | undefined): number =>
  step === undefined
    ? 0
    : step.kind === 'tools'
      ? step.calls.reduce((sum, it) => sum + it.length, 0)
      : step.text.length;

/** Whether the agent has said or done anything: a command agent only prints. */
export const hasWords = (conversation: Conversation): boolean => conversation.steps.some((it) => it.kind !== 'prompt');
