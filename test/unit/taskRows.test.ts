import assert from 'node:assert/strict';
import { REASONS, type Reason } from '../../src/tasks/reasons.ts';
import { PHASES, STATUSES } from '../../src/tasks/task.ts';
import { TOKENS, tokensOf } from '../../src/vscode/abilities.ts';
import {
  attemptRow,
  checkRow,
  dayRow,
  escapeMarkdown,
  stateSentence,
  stateWords,
  taskRow,
} from '../../src/vscode/taskRows.ts';
import { editorTask } from '../support/editorTasks.ts';

describe('The row of a task', () => {
  it('says what it does, the attempt and the agent', () => {
    const task = editorTask({ status: 'running', phase: 'checks', attempts: 2 });
    assert.equal(taskRow(task, null, null).description, 'checks · 2/3 · claude');
    assert.equal(taskRow(task, null, 'shop').description, 'checks · 2/3 · claude · shop');
    assert.equal(taskRow(task, 'Run npm install', null).description, 'has a question · 2/3 · claude');
    assert.equal(taskRow(editorTask({ status: 'queued', attempts: 0 }), null, null).description, 'waiting · claude');
  });

  it('says which host it waits for, and what a person can do', () => {
    const task = editorTask({ status: 'queued', attempts: 0, waits_for: "the editor's GitHub session" });
    const { description, tooltip } = taskRow(task, null, null);
    assert.equal(description, "waiting for a host with the editor's GitHub session · claude");
    assert.match(tooltip, /^Waiting for a host with the editor's GitHub session\. Open the folder in VS Code/m);
  });

  it('has words, a sentence and an icon for every state', () => {
    for (const status of STATUSES) {
      for (const phase of [null, ...PHASES]) {
        const task = editorTask({ status, phase, reason: status === 'error' ? 'internal' : null });
        assert.ok(stateWords(task, false).length > 3);
        assert.match(stateSentence(task, null), /[.…]$|needs_review|aborted/);
        assert.ok(taskRow(task, null, null).icon);
      }
    }
    for (const reason of Object.keys(REASONS) as Reason[]) {
      const task = editorTask({ status: REASONS[reason].status, reason });
      assert.ok(taskRow(task, null, null).tooltip.includes(escapeMarkdown(REASONS[reason].sentence)), reason);
    }
  });

  it('offers what its state allows', () => {
    const of = (...it: Parameters<typeof editorTask>): string => tokensOf(editorTask(...it), false).join(' ');
    assert.equal(of(), 'task ended success abortable continuable mergeable hasWorktree hasDiff hasLog');
    assert.equal(
      of({ merged_at: '2026-01-15T12:00:00.000Z', worktree: null }),
      'task ended success merged hasDiff hasLog',
    );
    assert.equal(
      of({ status: 'queued', attempts: 0, worktree: null, worktree_ready: false, head_sha: null }),
      'task active queued abortable continuable',
    );
    assert.match(of({ status: 'error', reason: 'agent_auth' }), /\bneedsPerson\b.*\bsignIn\b/);
    assert.doesNotMatch(of({ head_sha: 'a'.repeat(40) }), /mergeable|hasDiff/, 'nothing to merge');
    assert.doesNotMatch(of({ base: null }), /mergeable/, 'no branch to merge into');
  });

  it('uses only the tokens that the menus know', () => {
    const known = new Set<string>(TOKENS);
    for (const status of STATUSES)
      for (const token of tokensOf(editorTask({ status }), true)) assert.ok(known.has(token), token);
  });

  it('says to a screen reader which attempt it is, not a fraction', () => {
    const task = editorTask({ title: 'Fix it', status: 'needs_review', reason: 'max_attempts', attempts: 2 });
    const row = taskRow(task, null, null);
    assert.equal(row.description, 'still red · 2/3 · claude');
    assert.equal(row.spoken, 'Fix it, still red, attempt 2 of 3, claude');
    assert.equal(taskRow({ ...task, attempts: 0 }, null, 'shop').spoken, 'Fix it, still red, claude, shop');
  });

  it('tells in its tooltip when it was started and ended, its pull request and what it cost', () => {
    const task = editorTask({ pr_number: 42, cost_usd: 0.004 });
    const { tooltip } = taskRow(task, null, null);
    assert.match(
      tooltip,
      /Pull request: \\#42 {2}\nCost: &lt;\\\$0\.01 {2}\nStarted: \w{3} \d+ \w{3}, \d\d:\d\d {2}\nEnded: /,
    );
    assert.doesNotMatch(taskRow({ ...task, status: 'running', phase: 'agent' }, null, null).tooltip, /Ended:/);
  });

  it('shows other people’s texts as they are, in its tooltip', () => {
    const task = editorTask({ title: 'Fix [link](command:evil) <img src=x> `code`', summary: '# Big\n- list $(zap)' });
    const { tooltip } = taskRow(task, null, null);
    assert.doesNotMatch(tooltip, /\[link\]\(|<img|\n# |\n- |\$\(zap/);
  });
});

describe('The rows below a task', () => {
  const task = editorTask({ status: 'running', phase: 'agent', attempts: 2 });
  const attempt = {
    task_id: task.id,
    number: 1,
    prompt: '',
    started_at: '2026-01-15T12:00:00.000Z',
    ended_at: '2026-01-15T12:01:05.000Z',
    outcome: 'completed' as const,
    summary: null,
    error: null,
    head_sha: null,
    cost_usd: null,
    input_tokens: null,
    output_tokens: null,
  };

  it('say how an attempt ended and how long it took', () => {
    assert.equal(attemptRow(attempt, task, false, 0).description, 'agent finished · 1 min 5 s');
    assert.equal(
      attemptRow({ ...attempt, outcome: 'stalled' }, task, false, 0).description,
      'agent stalled · 1 min 5 s',
    );
    const open = { ...attempt, number: 2, ended_at: null, outcome: null };
    assert.equal(attemptRow(open, task, true, 0).description, 'agent running');
    assert.equal(
      attemptRow(open, { ...task, status: 'aborted', phase: null }, true, 0).description,
      'agent interrupted',
    );
  });

  it('show a check with its state, duration and failing lines', () => {
    const row = checkRow({
      task_id: task.id,
      attempt: 1,
      sha: 'b',
      name: 'npm test',
      provider: 'local',
      state: 'failure',
      started_at: '2026-01-15T12:00:00.000Z',
      ended_at: '2026-01-15T12:00:09.000Z',
      url: null,
      excerpt: 'not ok 1 ```',
      log_path: '/l',
    });
    assert.equal(row.description, 'failed · 9 s');
    assert.match(row.tooltip, /````text\nnot ok 1 ```\n````/);
    assert.equal(row.command, 'ampa.showCheck');
  });

  it('name the day', () => {
    assert.deepEqual(
      ['2026-01-15', '2026-01-14', '2026-01-13']
        .map((day) => dayRow(day, 1, '2026-01-15', '2026-01-14'))
        .map((it) => [it.label, it.collapsible])
        .slice(0, 2),
      [
        ['Today', 'expanded'],
        ['Yesterday', 'collapsed'],
      ],
    );
    assert.equal(dayRow('2026-01-13', 1, '2026-01-15', '2026-01-14').label, 'Tue 13 Jan 2026');
  });
});
