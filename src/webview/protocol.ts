/**
 * What the task page and its host say to each other. The host checks every message of the page
 * with `schema.ts`; the page looks only at the outline of what its own host sends.
 *
 * The host answers `ready` with a snapshot, number 0, and numbers its deltas from 1. A page that
 * misses a number says `ready` again.
 */
import type { ConversationEntry } from '../tasks/ports.ts';
import type { AttemptView } from './attempts.ts';
import { isCommonMessage, messageFields, type CommonHostMessage } from './hostMessage.ts';
import type { Page, TaskView } from './model.ts';

/** Something that a person asked for on the page. */
export type Action =
  | { kind: 'continue'; text: string | null }
  | { kind: 'abort' }
  | { kind: 'merge' }
  | { kind: 'worktree' }
  | { kind: 'pr' }
  | { kind: 'doctor' }
  | { kind: 'signIn' }
  | { kind: 'start' }
  /** Of the whole branch, or of one file. */
  | { kind: 'diff'; path: string | null }
  | { kind: 'openLog' }
  /** The whole output of a check. */
  | { kind: 'openCheckLog'; attempt: number; name: string }
  /** One of its choices, or words. */
  | { kind: 'answerPrompt'; id: string; response: string }
  /** http and https only. */
  | { kind: 'openExternal'; url: string }
  /** A changed file as it is in the worktree; relative, with forward slashes. */
  | { kind: 'openFile'; path: string };

export type PageMessage =
  /** The page is drawn, or has missed a delta: it wants a snapshot. */
  | { type: 'ready'; watch: Watch }
  /** What it shows now: only that is read and sent. */
  | { type: 'watch'; watch: Watch }
  | { type: 'action'; id: number; action: Action };

/** Attempts whose conversation, and whose log, is open on the page; 0 is the preparation. */
export interface Watch {
  conversations: number[];
  logs: number[];
}

export type Change =
  | { kind: 'task'; task: TaskView; now: number }
  /** Attempts that are new or have changed, whole. */
  | { kind: 'attempts'; attempts: AttemptView[] }
  | { kind: 'files'; files: Page['files'] }
  /** Steps to append; `restart` drops what was there. */
  | { kind: 'conversation'; attempt: number; entries: ConversationEntry[]; restart: boolean }
  /** Text to append, free of control sequences; `restart` drops what was there. */
  | { kind: 'log'; attempt: number; text: string; restart: boolean };

export type HostMessage =
  | { type: 'snapshot'; seq: 0; page: Page }
  | { type: 'delta'; seq: number; changes: Change[] }
  /** After `failed` nothing follows until the page is `ready` again. */
  | CommonHostMessage;

/** Whether a message that reached the page has the outline of one from its host. */
export function isHostMessage(value: unknown): value is HostMessage {
  const it = messageFields(value);
  if (!it) return false;
  switch (it['type']) {
    case 'snapshot':
      return it['seq'] === 0 && typeof it['page'] === 'object' && it['page'] !== null;
    case 'delta':
      return typeof it['seq'] === 'number' && Array.isArray(it['changes']);
    default:
      return isCommonMessage(it);
  }
}
