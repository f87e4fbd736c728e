import assert from 'node:assert/strict';
import { isAbortable, isContinuable, isMergeable } from '../../src/tasks/abilities.ts';
import { isActive, STATUSES } from '../../src/tasks/task.ts';
import { transition } from '../../src/tasks/transition.ts';
import { tokensOf } from '../../src/vscode/abilities.ts';
import { taskView, type ButtonId } from '../../src/webview/model.ts';
import { editorTask } from '../support/editorTasks.ts';
import { CASES } from '../support/taskPages.ts';

const MERGED = '2026-01-15T12:00:00.000Z';
const tasks = STATUSES.flatMap((status) =>
  [null, MERGED].flatMap((merged_at) =>
    [{}, { head_sha: null }, { base: null }, { worktree: null }].map((it) => editorTask({ ...it, status, merged_at })),
  ),
);

const any = Object.values(CASES)[0]!.detail;

describe('What a person can do with a task', () => {
  it('is what the state machine allows', () => {
    for (const task of tasks) {
      const may = (type: 'abort' | 'continue'): boolean => transition(task, { type }).ok;
      assert.equal(isAbortable(task), may('abort'));
      if (!isActive(task.status)) assert.equal(isContinuable(task), may('continue'));
      if (isMergeable(task)) assert.ok(transition(task, { type: 'merge', at: MERGED }).ok);
    }
  });

  it('is the same in the menus and on its page', () => {
    for (const task of tasks) {
      const tokens = tokensOf(task, false);
      const shown = taskView({ ...any, task }, Date.parse(task.updated_at));
      const buttons = new Set<ButtonId>(
        [...shown.buttons, ...(shown.reason ? [shown.reason.button] : [])].map(({ id }) => id),
      );
      const said = `${task.status} ${task.merged_at ?? ''}`;
      assert.equal(buttons.has('merge'), tokens.includes('mergeable'), said);
      assert.equal(buttons.has('diff'), tokens.includes('hasDiff'), said);
      assert.equal(buttons.has('worktree'), tokens.includes('hasWorktree'), said);
      assert.equal(buttons.has('openLog'), tokens.includes('hasLog'), said);
      if (!isActive(task.status)) assert.equal(buttons.has('continue'), tokens.includes('continuable'), said);
      if (buttons.has('abort')) assert.ok(tokens.includes('abortable'), said);
    }
  });
});
