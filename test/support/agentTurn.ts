/** A turn whose listeners remember, for tests of agents. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { AgentEvent, AgentTurn, PermissionRequest } from '../../src/tasks/ports.ts';
import type { AgentSpec } from '../../src/tasks/task.ts';

/** The scriptable ACP agent (acpAgent.ts) as a custom agent. */
export const acpAgentSpec = (): AgentSpec => ({
  name: 'custom',
  type: 'acp',
  argv: [process.execPath, path.resolve(import.meta.dirname, 'acpAgent.ts')],
  dialect: null,
});

/** What the ACP agent was asked, from its state folder. */
export function acpJournal(state: string): Record<string, unknown>[] {
  return readFileSync(path.join(state, 'journal.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

export interface RecordedTurn extends AgentTurn {
  events: AgentEvent[];
  /** Sessions and the moment of sending, in order. */
  steps: string[];
  asked: PermissionRequest[];
  abort: AbortController;
  /** All text of events of one type. */
  said(type: 'text' | 'thought' | 'output'): string;
}

export function recordTurn(options: Partial<AgentTurn> & Pick<AgentTurn, 'cwd' | 'prompt'>): RecordedTurn {
  const abort = new AbortController();
  const events: AgentEvent[] = [];
  const steps: string[] = [];
  const asked: PermissionRequest[] = [];
  return {
    freshPrompt: options.prompt,
    session: null,
    permissions: 'edits',
    env: {},
    signal: abort.signal,
    onEvent: (event) => void events.push(event),
    onPermission: async (request) => {
      asked.push(request);
      return 'allow';
    },
    onForm: async () => 'declined',
    onAnswered: async () => null,
    onSession: async (session) => void steps.push(`session ${session}`),
    onSending: async () => void steps.push('sending'),
    ...options,
    events,
    steps,
    asked,
    abort,
    said: (type) =>
      events
        .map((event) =>
          event.type !== type ? '' : event.type === 'output' ? event.chunk : 'text' in event ? event.text : '',
        )
        .join(''),
  };
}
