/** What a page has been told so far, and how a delta changes it. Pure. */
import type { AttemptView } from './attempts.ts';
import { appendLog, noLog, type LogView } from './logView.ts';
import type { Page } from './model.ts';
import type { Change } from './protocol.ts';
import { appendEntries, noConversation, type Conversation } from './steps.ts';

/** Conversation and log of one attempt, as far as they were asked for; null: not read yet. */
export interface Streams {
  conversation: Conversation | null;
  log: LogView | null;
}

export interface State {
  page: Page;
  streams: ReadonlyMap<number, Streams>;
}

const noStreams: Streams = { conversation: null, log: null };

export const streamsOf = (state: State, attempt: number): Streams => state.streams.get(attempt) ?? noStreams;

/** The page after a delta. Parts that did not change stay the same objects, so that they are not drawn again. */
export function applyChanges(state: State, changes: readonly Change[]): State {
  let { page } = state;
  const streams = new Map(state.streams);
  const flow = (attempt: number, change: (old: Streams) => Partial<Streams>): void => {
    const old = streams.get(attempt) ?? noStreams;
    streams.set(attempt, { ...old, ...change(old) });
  };
  for (const change of changes) {
    switch (change.kind) {
      case 'task':
        page = { ...page, task: change.task, now: change.now };
        break;
      case 'attempts':
        page = { ...page, attempts: mergeAttempts(page.attempts, change.attempts) };
        break;
      case 'files':
        page = { ...page, files: change.files };
        break;
      case 'conversation':
        flow(change.attempt, ({ conversation }) => ({
          conversation: appendEntries((change.restart ? null : conversation) ?? noConversation, change.entries),
        }));
        break;
      case 'log':
        flow(change.attempt, ({ log }) => ({ log: appendLog((change.restart ? null : log) ?? noLog, change.text) }));
        break;
    }
  }
  return { page, streams };
}

function mergeAttempts(old: readonly AttemptView[], changed: readonly AttemptView[]): AttemptView[] {
  const byNumber = new Map([...old, ...changed].map((it) => [it.number, it]));
  return [...byNumber.values()].sort((a, b) => a.number - b.number);
}
