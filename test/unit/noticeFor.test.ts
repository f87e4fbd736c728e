import assert from 'node:assert/strict';
import { REASONS, type Reason } from '../../src/tasks/reasons.ts';
import { makePrompt } from '../support/prompts.ts';
import { noticeFor, promptButtons, promptMessage, summaryOf } from '../../src/vscode/noticeFor.ts';
import { editorTask } from '../support/editorTasks.ts';

const running = editorTask({ status: 'running', phase: 'checks' });

describe('A notice', () => {
  it('comes when a task that was seen at work has ended', () => {
    const notice = noticeFor(running, { ...running, status: 'success', phase: null });
    assert.equal(notice?.message, `“${running.title}”: checks green.`);
    assert.deepEqual(
      notice?.buttons.map((it) => it.title),
      ['Show Diff', 'Merge…', 'Show Task'],
    );
  });

  it('does not come for progress, old news, or what a person did', () => {
    const green = { ...running, status: 'success' as const, phase: null };
    assert.equal(noticeFor(running, { ...running, phase: 'agent' }), null);
    assert.equal(noticeFor(undefined, green), null, 'it ended while nobody watched');
    assert.equal(noticeFor(green, { ...green, merged_at: 'now' }), null);
    assert.equal(noticeFor(running, { ...running, status: 'aborted', phase: null, reason: 'user' }), null);
  });

  it('offers the next step of every reason, with at most three buttons', () => {
    for (const reason of Object.keys(REASONS) as Reason[]) {
      const { status, sentence } = REASONS[reason];
      if (status === 'aborted') continue;
      const notice = noticeFor(running, { ...running, status, reason, phase: null });
      assert.equal(notice?.message, `“${running.title}”: ${sentence}`);
      assert.equal(notice?.severity, status === 'error' ? 'error' : 'warning');
      const titles = notice?.buttons.map((it) => it.title) ?? [];
      assert.ok(
        titles.length >= 1 && titles.length <= 3 && new Set(titles).size === titles.length,
        `${reason}: ${titles.join()}`,
      );
    }
  });

  it('stands for many that came at once', () => {
    const green = noticeFor(running, { ...running, status: 'success', phase: null })!;
    const bad = noticeFor(running, { ...running, status: 'needs_review', reason: 'no_changes', phase: null })!;
    assert.equal(summaryOf([green, green, bad, bad]).message, '4 tasks ended: 2 green, 2 need you.');
    assert.equal(summaryOf([green, green]).severity, 'information');
  });

  it('of a question says what the agent wants, on one line and not too long', () => {
    const prompt = makePrompt({
      task_id: running.id,
      summary: 'Install',
      detail: `npm install\n  ${'x'.repeat(500)}`,
    });
    const text = promptMessage(prompt, 'Fix it');
    assert.match(text, /^“Fix it” wants to run: Install — npm install x+…$/);
    assert.ok(text.length < 360);
    assert.ok(promptMessage(prompt, 'session '.repeat(500)).length < 440);
    assert.match(promptMessage({ ...prompt, kind: 'other', detail: 'Install' }, 'Fix it'), /^“Fix it” asks: Install$/);
  });

  it('of a question has its first answers as buttons, as many as fit', () => {
    const titles = (choices: string[]) =>
      promptButtons(makePrompt({ asks: 'question', choices })).map((it) => it.title);
    assert.deepEqual(
      promptButtons(makePrompt()).map((it) => it.title),
      ['Allow', 'Refuse', 'Always Allow in This Task'],
    );
    assert.deepEqual(titles(['a', 'b', 'c', 'd']), ['a', 'b', 'c']);
    assert.deepEqual(titles(['Take the whole afternoon for it', 'Let the shop owner decide that']), [
      'Take the whole afternoon for it',
    ]);
    assert.deepEqual(titles(['x'.repeat(80)]), []);
    assert.deepEqual(titles([]), []);
  });
});
