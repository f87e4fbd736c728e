import assert from 'node:assert/strict';
import { announcement, choiceId } from '../../src/conversations/announce.ts';
import { acceptResponse, choiceLabel } from '../../src/conversations/choices.ts';
import {
  beginDiscussion,
  decisionText,
  lostText,
  nextRound,
  optionsIn,
  withAnswer,
} from '../../src/conversations/discussion.ts';
import { fieldChoices, fieldQuestion, parseField, type FormField } from '../../src/conversations/form.ts';
import {
  nextState,
  payloadOf,
  PROMPT_STATES,
  refusal,
  summaryOf,
  type PromptEvent,
} from '../../src/conversations/prompt.ts';
import type { AmpaError } from '../../src/errors.ts';
import { renderText } from '../../src/notifications/render.ts';
import { makePrompt } from '../support/prompts.ts';

describe('A question', () => {
  it('goes from state to state by these steps and no others', () => {
    const events: PromptEvent[] = ['answer', 'answer_at_once', 'deliver', 'fail', 'withdraw', 'lose', 'expire'];
    const steps = PROMPT_STATES.flatMap((state) =>
      events.flatMap((event) => {
        const to = nextState(state, event);
        return to === null ? [] : [`${state} ${event} ${to}`];
      }),
    );
    assert.deepEqual(steps, [
      'waiting answer answering',
      'waiting answer_at_once resumed',
      'waiting withdraw withdrawn',
      'waiting lose lost',
      'waiting expire expired',
      'answering deliver resumed',
      'answering fail waiting',
      'answering withdraw withdrawn',
      'answering lose lost',
    ]);
  });

  it('that cannot be answered says why, in a closed set, and names who was faster', () => {
    const now = Date.parse('2026-01-01T00:00:10Z');
    const code = (over: Parameters<typeof makePrompt>[0], at = now): string | undefined =>
      refusal(makePrompt(over), at)?.code;
    assert.equal(code({}), undefined);
    assert.equal(code({}, Date.parse('2026-01-02T00:00:00Z')), 'timed_out');
    assert.equal(code({ state: 'expired' }), 'timed_out');
    const answered = { answered_by: 'Ada (HTTP)', answered_at: '2026-01-01T00:00:05.000Z' };
    for (const state of ['answering', 'resumed'] as const) {
      assert.equal(code({ state, ...answered }), 'invalid_state');
      assert.match(refusal(makePrompt({ state, ...answered }), now)!.message, /Ada \(HTTP\) at 2026-01-01T00:00:05/);
    }
    assert.equal(code({ state: 'withdrawn' }), 'invalid_state');
    assert.equal(code({ state: 'lost' }), 'invalid_state');
  });

  it('has a summary of one line and at most 500 characters, whole ones', () => {
    assert.equal(summaryOf(' a\n\n b\t c '), 'a b c');
    assert.equal(summaryOf('x'.repeat(501)).length, 500);
    assert.ok(summaryOf(`${'x'.repeat(498)}😀😀`).isWellFormed());
  });

  it('is written with the fields that scripts know', () => {
    const payload = payloadOf(makePrompt({ state: 'answering', work_item: 'WL-1' }), 1739275200000);
    assert.deepEqual(Object.keys(payload), [
      'prompt_id',
      'session',
      'session_id',
      'work_item',
      'summary',
      'prompt_text',
      'choices',
      'context',
      'state',
      'created_at',
      'stamp',
    ]);
    assert.deepEqual(
      [payload['state'], payload['stamp'], payload['session_id']],
      ['waiting_for_input', '1739275200000', 's-1'],
    );
    assert.equal(payloadOf(makePrompt({ state: 'resumed', response: 'allow' }), 1)['response'], 'allow');
  });
});

describe('An answer', () => {
  const accepted = (over: Parameters<typeof makePrompt>[0], text: string): string | AmpaError => {
    const it = acceptResponse(makePrompt(over), text);
    return it.ok ? it.response : it.error;
  };
  const refused = (it: string | AmpaError): string => (typeof it === 'string' ? `taken: ${it}` : it.code);

  it('is one of the choices, however it is spelt, or its number', () => {
    const question = { asks: 'question' as const, choices: ['Postgres', 'SQLite'] };
    assert.equal(accepted(question, 'sqlite '), 'SQLite');
    assert.equal(accepted(question, '#1'), 'Postgres');
    assert.equal(accepted(question, '#3'), '#3');
    assert.equal(accepted(question, 'neither'), 'neither');
    assert.equal(refused(accepted(question, '  ')), 'usage');
  });

  it('to a permission is yes or no in any words; others reject, and are passed on', () => {
    assert.equal(accepted({}, 'Allow'), 'allow');
    assert.equal(accepted({}, 'yes'), 'allow');
    assert.equal(accepted({}, 'no'), 'reject');
    assert.equal(accepted({}, 'Always Allow in This Task'), 'always');
    assert.equal(accepted({}, 'use npm ci instead'), 'use npm ci instead');
    assert.equal(accepted({}, 'yes, but only once'), 'yes, but only once');
    assert.equal(refused(accepted({ choices: ['allow', 'reject'] }, 'always')), 'usage');
  });

  const field = (over: Partial<FormField>): FormField => ({
    name: 'f',
    title: 'F',
    description: null,
    type: 'text',
    options: [],
    required: true,
    min: null,
    max: null,
    ...over,
  });

  it('to a field of a form fits the field, or is refused while the question stays open', () => {
    const number = {
      asks: 'question' as const,
      choices: [],
      metadata: { field: field({ type: 'integer', min: 1, max: 9 }) },
    };
    assert.equal(accepted(number, '7'), '7');
    for (const text of ['x', '1.5', '0', '10', '']) assert.equal(refused(accepted(number, text)), 'usage', text);
  });

  it('becomes what the agent asked for', () => {
    const options = [
      { value: 'pg', label: 'Postgres' },
      { value: 'lite', label: 'SQLite, the small one' },
    ];
    const values: [Partial<FormField>, string, unknown][] = [
      [{ type: 'boolean' }, 'Yes', true],
      [{ type: 'boolean' }, 'off', false],
      [{ type: 'choice', options }, 'postgres', 'pg'],
      [{ type: 'choice', options }, 'lite', 'lite'],
      [{ type: 'choices', options }, 'pg, lite', ['pg', 'lite']],
      [{ type: 'choices', options }, 'SQLite, the small one', ['lite']],
      [{ type: 'number' }, '1.5', 1.5],
      [{ type: 'text' }, ' words ', 'words'],
      [{ type: 'text', required: false }, 'skip', null],
    ];
    for (const [over, text, value] of values)
      assert.deepEqual(parseField(field(over), text), { ok: true, value }, text);
    for (const [over, text] of [
      [{ type: 'boolean' as const }, 'perhaps'],
      [{ type: 'choice' as const, options }, 'Oracle'],
      [{ type: 'choices' as const, options, max: 1 }, 'pg, lite'],
      [{ min: 3 }, 'ab'],
    ] as const)
      assert.equal(parseField(field(over), text).ok, false, text);
  });

  it('has buttons for a field: its options, skip where it may be left out, and decline', () => {
    assert.deepEqual(fieldChoices(field({ type: 'boolean', required: false })), ['yes', 'no', 'skip', 'decline']);
    assert.deepEqual(fieldChoices(field({})), ['decline']);
    const form = { message: 'Which one?', fields: [field({ title: 'Database' }), field({})] };
    assert.equal(fieldQuestion(form, form.fields[0]!, 1, 2), 'Which one? (1 of 2)\n\nDatabase');
  });
});

describe('What is said of a question', () => {
  const linkOf = (id: string): string => `vscode://${id}`;

  it('names session, work item, choices, where to answer and the file, with a button for each choice', () => {
    const prompt = makePrompt({ id: 'P1', work_item: 'WL-1', prompt_file: '/w/pending.json' });
    const message = announcement(
      prompt,
      { id: 'T1', title: 'Add a discount', pr_url: 'https://github.com/me/app/pull/12' },
      'me/app#12',
      linkOf,
    );
    assert.equal(message.type, 'waiting_for_input');
    assert.equal(message.title, '[NEEDS-HUMAN] me/app#12 needs a human');
    assert.deepEqual(
      message.fields?.map((field) => field.name),
      ['Summary', 'Session', 'Work item', 'Choices', 'Answer', 'Pending prompt file'],
    );
    assert.deepEqual(
      message.components?.map((button) => [button.label, button.custom_id, button.style]),
      [
        ['Allow', 'prompt:P1:allow', 'success'],
        ['Refuse', 'prompt:P1:reject', 'danger'],
        ['Always Allow in This Task', 'prompt:P1:always', 'secondary'],
      ],
    );
    assert.deepEqual(
      message.links?.map((link) => link.url),
      ['https://github.com/me/app/pull/12', 'vscode://T1'],
    );
    assert.equal(announcement(prompt, null, null, linkOf).links, undefined, 'no task, no link');
    assert.equal(message.priority, 'high');
  });

  it('has room for each of its lines, however long what was asked is', () => {
    const long = (text: string): string => `${text} `.repeat(2000).trim();
    const prompt = makePrompt({
      ...{ id: 'P1', asks: 'question', session: long('session'), summary: 'x'.repeat(500), prompt_text: long('words') },
      ...{ choices: [long('one'), long('two')], prompt_file: '/w/pending.json' },
    });
    const text = renderText(announcement(prompt, null, null, linkOf));
    for (const line of [
      '# [NEEDS-HUMAN] session',
      'words',
      'Summary: x',
      'Session: s',
      'Choices: one',
      'Answer: in the',
    ])
      assert.ok(text.includes(`\n${line}`) || text.startsWith(line), line);
    assert.ok(
      text.length <= 2000 && text.endsWith('`ampa respond P1 CHOICE`\nPending prompt file: /w/pending.json'),
      text,
    );
  });

  it('keeps ids of buttons within 100 characters, and gives long or odd choices by number', () => {
    const choices = ['short', 'x'.repeat(200), 'a:b', '#1', '', 'line\nbreak'];
    const prompt = makePrompt({ asks: 'question', choices });
    const ids = choices.map((choice) => choiceId(prompt, choice));
    assert.deepEqual(
      ids.map((id) => id.slice(`prompt:${prompt.id}:`.length)),
      ['short', '#2', '#3', '#4', '#5', '#6'],
    );
    const message = announcement(prompt, null, null, linkOf);
    for (const { label, custom_id: id } of message.components ?? []) {
      assert.ok(label.length >= 1 && label.length <= 80);
      assert.ok(id.length <= 100);
      const answer = acceptResponse(prompt, id.slice(`prompt:${prompt.id}:`.length));
      assert.ok(answer.ok && choices.includes(answer.response));
    }
    assert.equal(choiceLabel(prompt, 'allow'), 'allow');
  });
});

describe('A discussion', () => {
  const listed =
    'There are two ways:\n\n1. **Keep it**: slow, safe\n   - a detail\n2. Replace it — fast\n\nI recommend the first.';

  it('takes the options from the list that the agent makes', () => {
    assert.deepEqual(optionsIn(listed), ['Keep it', 'Replace it']);
    assert.deepEqual(optionsIn('- a\n- A\n* b: with words\n• c - d'), ['a', 'b', 'c']);
    assert.deepEqual(optionsIn('No list at all.'), []);
    assert.deepEqual(optionsIn(`- ${'x'.repeat(100)}\n- y`), ['y']);
  });

  it('ends when there is something to choose from', () => {
    const first = nextRound(beginDiscussion('rm -rf build', 'permission'))!;
    assert.match(first, /not given that permission[\s\S]*> rm -rf build[\s\S]*trade-offs/);
    const after = withAnswer(beginDiscussion('rm -rf build', 'permission'), first, listed);
    assert.equal(nextRound(after), null);
    assert.deepEqual(after.choices, ['Keep it', 'Replace it']);
    assert.deepEqual(
      after.context.map((entry) => entry.role),
      ['user', 'assistant'],
    );
  });

  it('ends after two rounds, whatever was said', () => {
    let discussion = beginDiscussion('Which?', null);
    const questions: string[] = [];
    for (let question = nextRound(discussion); question !== null; question = nextRound(discussion)) {
      questions.push(question);
      discussion = withAnswer(discussion, question, 'Hm.');
    }
    assert.equal(questions.length, 2);
    assert.match(questions[1]!, /names no options/);
  });

  it('goes on from what a person decides, and a lost answer permits nothing', () => {
    assert.match(decisionText({ text: 'Which?' }, 'Keep it', 'Ada'), /Ada has decided[\s\S]*> Which\?[\s\S]*Keep it/);
    const text = lostText([
      { summary: 'Install', detail: 'npm i', response: 'allow', answered_by: 'Ada' },
      { summary: 'Run', detail: 'Run', response: null, answered_by: null },
    ]);
    assert.match(
      text,
      /> npm i\n\nAda answered meanwhile: allow[\s\S]*nobody had answered it yet[\s\S]*permits anything/,
    );
  });
});
