/** A question as the store would hold it: a permission that waits, unless told otherwise. */
import type { StoredPrompt } from '../../src/conversations/ports.ts';

export const makePrompt = (over: Partial<StoredPrompt> = {}): StoredPrompt => ({
  id: '01JD0000000000000000PROMPT',
  task_id: null,
  session: 's-1',
  work_item: null,
  asks: 'permission',
  kind: 'execute',
  summary: 'Install',
  detail: 'npm install',
  prompt_text: 'Install\n\nnpm install',
  choices: ['allow', 'reject', 'always'],
  context: [],
  recommendation: null,
  metadata: {},
  prompt_file: null,
  state: 'waiting',
  holder: 'a',
  answer_id: null,
  response: null,
  answered_by: null,
  answered_at: null,
  automatic: null,
  created_at: '2026-01-01T00:00:00.000Z',
  expires_at: Date.parse('2026-01-02T00:00:00.000Z'),
  ...over,
});
