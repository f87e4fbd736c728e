import assert from 'node:assert/strict';
import { parse, type ParseError } from 'jsonc-parser';
import { fallbackSchema, resolveFallback } from '../../src/conversations/fallback.ts';
import { refusal } from '../../src/conversations/prompt.ts';
import { FALLBACK_TEMPLATE } from '../../src/vscode/fallbackTemplate.ts';
import { lateWords, questionPage } from '../../src/vscode/questionWords.ts';
import { questionRow } from '../../src/vscode/taskRows.ts';
import { elementId, layOut, needOf, nextNeeding, parseElement, touched } from '../../src/vscode/tasksModel.ts';
import { answerView, promptView } from '../../src/webview/questions.ts';
import { editorTask } from '../support/editorTasks.ts';
import { makePrompt } from '../support/prompts.ts';

const question = (over = {}) =>
  makePrompt({
    ...{
      asks: 'question',
      kind: 'question',
      choices: ['Red', 'Blue'],
      summary: 'Which colour?',
      detail: 'Which colour?',
    },
    ...{ prompt_text: 'Which *colour*?', ...over },
  });

describe('A question on the task page', () => {
  it('shows the exact command of a permission, and its answers', () => {
    const view = promptView(makePrompt({ summary: 'Install', detail: 'npm install' }));
    assert.equal(view.sentence, 'The agent asks to run a command');
    assert.deepEqual([view.exact, view.detail, view.summary], [true, 'npm install', 'Install']);
    assert.deepEqual(
      view.choices.map((it) => [it.value, it.label]),
      [
        ['allow', 'Allow'],
        ['reject', 'Refuse'],
        ['always', 'Always Allow in This Task'],
      ],
    );
    assert.equal(view.words.label, 'Refuse and Reply');
  });

  it('shows a question in words with what is recommended, and why a rule left it', () => {
    const view = promptView(question({ recommendation: 'Blue', automatic: { mode: 'auto-accept', rule: 'default' } }));
    assert.deepEqual([view.exact, view.summary], [false, null]);
    assert.deepEqual(
      view.choices.map((it) => it.recommended),
      [false, true],
    );
    assert.equal(view.held, 'The rule default (auto-accept) leaves the answer to you.');
    assert.deepEqual(
      promptView(makePrompt({ recommendation: 'decline' })).choices.map((it) => it.recommended),
      [false, true, false],
    );
    const marked = (choices: string[], recommendation: string): boolean[] =>
      promptView(question({ choices, recommendation })).choices.map((it) => it.recommended);
    assert.deepEqual(marked(['yes', 'no'], 'accept'), [true, false]);
    assert.deepEqual(marked(['Yes, delete it', 'No'], 'decline'), [false, true]);
    assert.deepEqual(marked(['yes', 'no'], 'Accept'), [true, false]);
    assert.deepEqual(marked(['decline', 'no'], 'decline'), [true, false]);
    assert.deepEqual(marked(['Red', 'Blue'], 'accept'), [false, false]);
  });

  it('tells an answer of a rule from one of a person', () => {
    const automatic = { mode: 'auto-accept', rule: 'default' };
    const byRule = answerView(
      makePrompt({ response: 'allow', answered_by: 'AMPA (auto-accept, by default)', automatic }),
    );
    assert.deepEqual([byRule.answer, byRule.rule], ['Allow', 'auto-accept, by default']);
    const person = answerView(question({ response: 'Blue', answered_by: 'mia (Discord)', automatic }));
    assert.deepEqual([person.answer, person.by, person.rule], ['Blue', 'mia (Discord)', null]);
  });
});

describe('A question that belongs to no task', () => {
  const task = editorTask({ status: 'needs_review' });
  const row = elementId({ kind: 'prompt', prompt: 'P1' });

  it('is the first row of those that need a person, and counts', () => {
    const layout = layOut([task], new Set(), ['P1']);
    assert.deepEqual(layout.children.get('group:needs'), [row, `task:${task.id}`]);
    assert.equal(layout.counts.get('group:needs'), 2);
    assert.deepEqual(parseElement(row), { kind: 'prompt', prompt: 'P1' });
    assert.equal(layout.parents.get(row), 'group:needs');
    assert.deepEqual(layOut([], new Set(), ['P1']).children.get(''), ['group:needs']);
    assert.equal(touched(layOut([], new Set()), layOut([], new Set(), ['P1']), []), 'root');
    assert.deepEqual(touched(layOut([task], new Set()), layout, []), ['group:needs']);
  });

  it('is shown next like a task', () => {
    const layout = layOut([task], new Set(), ['P1']);
    assert.equal(needOf(row), 'prompt:P1');
    assert.equal(nextNeeding(layout, new Set(['prompt:P1', task.id]), null), 'prompt:P1');
    assert.equal(nextNeeding(layout, new Set(['prompt:P1', task.id]), 'prompt:P1'), task.id);
  });

  it('says who asks, and is answered by a click', () => {
    const shown = questionRow(question({ session: 'release', work_item: 'SHOP-7' }), null);
    assert.deepEqual([shown.label, shown.description, shown.command], ['Which colour?', 'SHOP-7', 'ampa.answerTask']);
    assert.deepEqual(shown.tokens, ['question', 'asks']);
    assert.equal(questionRow(question({ session: 'release' }), 'web').description, 'release · web');
  });

  it('has a page with all of it, where no text of others has a meaning', () => {
    const page = questionPage(
      question({ prompt_text: 'Which?\n# not a heading', context: [{ role: 'user', content: '[x](command:y)' }] }),
      'Which colour?',
    );
    assert.match(page, /^> \\# not a heading$/m);
    assert.match(page, /- Red\n- Blue/);
    assert.doesNotMatch(page, /[^\\]\]\(command/);
  });
});

describe('An answer that comes too late', () => {
  const now = new Date(2026, 2, 2, 12, 0).getTime();
  const answered = (over = {}) =>
    refusal(
      {
        ...makePrompt(),
        state: 'resumed',
        answered_by: 'mia (Discord)',
        answered_at: new Date(now - 60_000).toISOString(),
        ...over,
      },
      now,
    )!;

  it('hears who was faster, on the clock of the reader', () => {
    assert.equal(
      lateWords(answered(), now),
      'This question was answered by mia (Discord) at 11:59. The first answer counts.',
    );
    assert.match(
      lateWords(answered({ answered_at: new Date(2026, 1, 27, 9, 5).toISOString() }), now),
      /at 09:05 on Fri Feb 27 2026/,
    );
    assert.match(lateWords(answered({ state: 'withdrawn' }), now), /^This question was withdrawn by the agent/);
    assert.match(lateWords(answered({ state: 'expired' }), now), /^This question is too old/);
  });
});

describe('The template of fallback rules', () => {
  it('is valid, and changes nothing yet', () => {
    const errors: ParseError[] = [];
    const config = fallbackSchema.parse(parse(FALLBACK_TEMPLATE, errors, { allowTrailingComma: true }));
    assert.deepEqual(errors, []);
    const file = { name: 'f', tracked: false, config, problem: null };
    for (const projectId of [null, 'me/shop']) {
      const { mode, warnings } = resolveFallback({ kind: 'execute', projectId }, '', [file]);
      assert.deepEqual([mode, warnings], ['hold', []]);
    }
    assert.equal(resolveFallback({ kind: 'delegation', projectId: null }, '', []).mode, 'auto-accept');
    assert.match(FALLBACK_TEMPLATE, /without this file, except that delegation is accepted/);
  });

  it('shows rules that hold once the comments are taken away', () => {
    const uncommented = FALLBACK_TEMPLATE.replace(/^ {4}\/\/ (?!\s*(?:\/\/|By|or by))/gm, '    ').replace(
      /^\s*\/\/.*$/gm,
      '',
    );
    const errors: ParseError[] = [];
    const config = fallbackSchema.parse(parse(uncommented, errors, { allowTrailingComma: true }));
    assert.deepEqual(errors, [], uncommented);
    const file = { name: 'f', tracked: false, config, problem: null };
    assert.equal(resolveFallback({ kind: 'fetch', projectId: 'me/shop' }, '', [file]).mode, 'auto-accept');
  });
});
