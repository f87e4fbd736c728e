/** What the three adapters share: the order of events, and the words of an outcome. */
import { stripVTControlCharacters } from 'node:util';
import type { AgentEvent, AgentTurn, TurnOutcome } from '../../tasks/ports.ts';

/** Events that wait for their listener before the agent's output is read no further. */
const MAX_BACKLOG = 64;

/** The agent is at work, and there is nothing to tell. */
export const SIGN_OF_LIFE: AgentEvent = { type: 'output', chunk: '' };

export interface EventSink {
  /** Delivers in order, one after the other. */
  emit(event: AgentEvent): void;
  /** Runs something of the turn in the same order as the events. */
  run(action: () => Promise<void>): void;
  /** A promise to wait for before more output is read, or undefined. */
  pressure(): Promise<void> | undefined;
  /** Resolves when everything is delivered; rejects with what a listener threw. */
  idle(): Promise<void>;
  /** Aborts when a listener has thrown. */
  broken: AbortSignal;
}

export function createSink(turn: AgentTurn): EventSink {
  let chain = Promise.resolve();
  let backlog = 0;
  let failure: { error: unknown } | null = null;
  const broken = new AbortController();
  const then = (action: () => void | Promise<void>): void => {
    backlog++;
    chain = chain
      .then(() => (failure ? undefined : action()))
      .catch((error: unknown) => {
        failure ??= { error };
        broken.abort();
      })
      .finally(() => {
        backlog--;
      });
  };
  return {
    emit: (event) => then(() => turn.onEvent(event)),
    run: then,
    pressure: () => (backlog > MAX_BACKLOG ? chain : undefined),
    idle: async () => {
      await chain;
      if (failure) throw failure.error;
    },
    broken: broken.signal,
  };
}

/** At most 4,000 characters, the end of them, without terminal codes. */
export function lastWords(text: string): string | null {
  const plain = stripVTControlCharacters(text).trim();
  return plain ? plain.slice(-4000) : null;
}

/** The message inside an error that a provider sent as JSON, or the text itself. */
export function plainError(text: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith('{')) return trimmed;
  try {
    const value: unknown = JSON.parse(trimmed);
    const inner = field(value, 'error') ?? value;
    const message = field(inner, 'message');
    return typeof message === 'string' && message ? message : trimmed;
  } catch {
    // Not JSON after all, only text with a brace.
    return trimmed;
  }
}

/** A field of a value that came from outside. */
export const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

export const textField = (value: unknown, name: string): string | null => {
  const found = field(value, name);
  return typeof found === 'string' ? found : null;
};

export const numberField = (value: unknown, name: string): number | undefined => {
  const found = field(value, name);
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
};

export const arrayField = (value: unknown, name: string): unknown[] => {
  const found = field(value, name);
  return Array.isArray(found) ? found : [];
};

/** An outcome from its parts. */
export function outcomeOf(parts: {
  outcome: TurnOutcome['outcome'];
  session: string | null;
  resumed: boolean;
  summary?: string | null;
  error?: string | null;
  auth?: boolean;
  denied?: boolean;
}): TurnOutcome {
  const error = parts.outcome === 'failed' ? parts.error?.trim().slice(0, 4000) || 'it ended without saying why' : null;
  return {
    outcome: parts.outcome,
    session: parts.session,
    resumed: parts.resumed,
    summary: parts.summary ?? null,
    error,
    auth: parts.outcome === 'failed' && (parts.auth ?? false),
    denied: parts.denied ?? false,
  };
}

/** How a process ended, in words. */
export function exitWords(result: { code: number | null; signal: string | null }, stderr: string): string {
  const how = result.signal ? `was ended by ${result.signal}` : `ended with exit code ${result.code}`;
  const said = lastWords(stderr)?.split('\n').slice(-8).join('\n');
  return said ? `it ${how}: ${said}` : `it ${how}`;
}
