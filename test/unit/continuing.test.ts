import assert from 'node:assert/strict';
import { continuedPrompt, GO_ON, turnForMessage, undelivered, yieldsToMessage } from '../../src/tasks/continuing.ts';
import { REASONS, statusOf, type Reason } from '../../src/tasks/reasons.ts';
import type { Attempt } from '../../src/tasks/task.ts';

type Last = Pick<Attempt, 'prompt' | 'outcome'>;
const last = (prompt: string, outcome: Attempt['outcome']): Last => ({ prompt, outcome });
const SENT = '2026-01-01T00:00:00.000Z';

describe('the words of a continued task', () => {
  const table: {
    name: string;
    prompt: string;
    sent: string | null;
    last?: Last;
    alone: string;
    words: string;
  }[] = [
    { name: 'before the first turn', prompt: 'do it', sent: null, alone: 'do it', words: 'do it\n\nmore' },
    {
      name: 'after a turn that heard them',
      prompt: 'do it',
      sent: SENT,
      last: last('do it', 'completed'),
      alone: GO_ON,
      words: 'more',
    },
    {
      name: 'after a turn that was stopped in the middle',
      prompt: 'do it',
      sent: SENT,
      last: last('do it', 'cancelled'),
      alone: GO_ON,
      words: 'more',
    },
    {
      name: 'after a turn that was stopped before it was told anything',
      prompt: 'do it',
      sent: null,
      last: last('do it', 'cancelled'),
      alone: 'do it',
      words: 'do it\n\nmore',
    },
    {
      name: 'after a turn that failed, as for want of a login',
      prompt: 'do it',
      sent: SENT,
      last: last('do it', 'failed'),
      alone: 'do it',
      words: 'do it\n\nmore',
    },
    {
      name: 'with a failure of the checks that no turn has seen',
      prompt: 'FAIL: error 42',
      sent: SENT,
      last: last('do it', 'completed'),
      alone: 'FAIL: error 42',
      words: 'FAIL: error 42\n\nmore',
    },
    {
      name: 'with words of an earlier continue that got no turn',
      prompt: 'use the new API',
      sent: null,
      last: last('do it', 'completed'),
      alone: 'use the new API',
      words: 'use the new API\n\nmore',
    },
    {
      name: 'with the same words as the last turn, said again',
      prompt: 'try again',
      sent: null,
      last: last('try again', 'completed'),
      alone: 'try again',
      words: 'try again\n\nmore',
    },
    {
      name: 'with nothing but the wish to go on',
      prompt: GO_ON,
      sent: null,
      last: last('do it', 'completed'),
      alone: GO_ON,
      words: 'more',
    },
  ];
  for (const row of table) {
    it(`${row.name}, are none lost and none said twice`, () => {
      const task = { prompt: row.prompt, sent_at: row.sent };
      assert.equal(continuedPrompt(task, row.last, null), row.alone);
      assert.equal(continuedPrompt(task, row.last, 'more'), row.words);
      assert.equal(undelivered(task, row.last), row.alone === GO_ON ? null : row.prompt);
    });
  }
});

describe('a message that waits', () => {
  it('prevents an end after which another turn is possible, and no other', () => {
    const heeded = (Object.keys(REASONS) as Reason[]).filter((reason) =>
      yieldsToMessage({ status: statusOf(reason), phase: null, reason, merged_at: null }),
    );
    const all = (Object.keys(REASONS) as Reason[]).filter((reason) => statusOf(reason) === 'needs_review');
    assert.deepEqual(
      heeded,
      all.filter((reason) => reason !== 'budget_time' && reason !== 'budget_cost'),
    );
    assert.equal(yieldsToMessage({ status: 'success', phase: null, reason: null, merged_at: null }), true);
    const landed = { merged_at: '2026-01-01T00:00:00Z' };
    assert.equal(yieldsToMessage({ status: 'success', phase: null, reason: null, merged_at: null }, landed), false);
    assert.equal(yieldsToMessage({ status: 'running', phase: 'checks', reason: null, merged_at: null }), false);
    assert.equal(yieldsToMessage({ status: 'error', phase: null, reason: 'of_tomorrow', merged_at: null }), false);
  });

  it('gets a turn with what no turn has heard yet, attempts and a fresh clock', () => {
    const task = { prompt: 'FAIL', sent_at: null, attempts: 3, max_attempts: 3 };
    const limits = { attempts: 2 } as Parameters<typeof turnForMessage>[0]['limits'];
    assert.deepEqual(turnForMessage({ ...task, limits }, last('FAIL', 'failed')), {
      prompt: 'FAIL',
      max_attempts: 5,
      held_ms: 0,
    });
    assert.equal(turnForMessage({ ...task, sent_at: SENT, limits }, last('FAIL', 'completed')).prompt, '');
    assert.equal(turnForMessage({ ...task, max_attempts: 9, limits }, undefined).max_attempts, 9);
  });
});
