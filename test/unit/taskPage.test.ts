import assert from 'node:assert/strict';
import fs from 'node:fs';
import { REASONS } from '../../src/tasks/reasons.ts';
import { appendLog, MAX_LOG_CHARS, noLog } from '../../src/webview/logView.ts';
import { buildPage, filesView, type ButtonId, type Page } from '../../src/webview/model.ts';
import { applyChanges, streamsOf } from '../../src/webview/state.ts';
import { ICONS } from '../../src/webview/page/parts/icons.ts';
import { duration } from '../../src/webview/duration.ts';
import { activeTime, layOut, waitsOf } from '../../src/webview/segments.ts';
import { appendEntries, MAX_STEP_CHARS, MAX_STEPS, noConversation } from '../../src/webview/steps.ts';
import { CASES, FILES, NOW, task } from '../support/taskPages.ts';

const pageOf = (name: keyof typeof CASES): Page => {
  const { detail, files } = CASES[name]!;
  return buildPage(detail, files === null ? { state: 'unknown' } : filesView(files), NOW);
};
const buttons = (page: Page): ButtonId[] => page.task.buttons.map((it) => it.id);
const segmentsOf = (page: Page, number: number) =>
  page.attempts
    .find((it) => it.number === number)!
    .segments.map((it) => [it.kind, it.result, ((it.end ?? NOW) - it.start) / 1000]);

describe('The model of the task page', () => {
  it('is plain: it survives being sent', () => {
    for (const name of Object.keys(CASES)) {
      const page = pageOf(name);
      assert.deepEqual(JSON.parse(JSON.stringify(page)), page, name);
    }
  });

  it('offers what the state allows, and nothing twice', () => {
    const expected: Record<string, ButtonId[]> = {
      queued: ['abort'],
      running: ['diff', 'worktree', 'openLog', 'abort'],
      retrying: ['diff', 'worktree', 'openLog', 'abort'],
      review: ['diff', 'worktree', 'merge', 'openLog', 'abort'],
      success: ['merge', 'diff', 'worktree', 'pr', 'openLog', 'continue'],
      merged: ['diff', 'openLog'],
      error: ['continue', 'abort'],
      aborted: ['diff', 'worktree', 'openLog'],
    };
    for (const [name, ids] of Object.entries(expected)) assert.deepEqual(buttons(pageOf(name)), ids, name);
    assert.equal(pageOf('review').task.reason?.button.id, 'continue');
    assert.equal(pageOf('error').task.reason?.button.id, 'openLog');
    assert.equal(pageOf('aborted').task.reason?.button.id, 'continue');
  });

  it('says which host a task waits for, and what a person can do', () => {
    const { detail } = CASES['queued']!;
    const waiting = { ...detail, task: { ...detail.task, waits_for: 'claude on its PATH' } };
    assert.equal(
      buildPage(waiting, { state: 'unknown' }, NOW).task.activity,
      'Waiting for a host with claude on its PATH. Open VS Code or run `ampa daemon` where that is, or abort the task.',
    );
  });

  it('has one primary button at most', () => {
    for (const name of Object.keys(CASES)) {
      const { task: view } = pageOf(name);
      const primary = [...view.buttons, ...(view.reason ? [view.reason.button] : [])].filter((it) => it.primary);
      assert.ok(primary.length <= 1, name);
    }
  });

  it('says sentence, detail, hint and next step for every reason', () => {
    for (const [reason, text] of Object.entries(REASONS)) {
      const detail = {
        ...CASES['review']!.detail,
        task: task({ status: text.status, phase: null, reason, reason_detail: 'what exactly' }),
      };
      const view = buildPage(detail, { state: 'unknown' }, NOW).task;
      assert.equal(view.reason?.sentence, text.sentence, reason);
      assert.equal(view.reason?.hint, text.hint, reason);
      assert.equal(view.reason?.detail, 'what exactly', reason);
      assert.ok(view.reason?.button.label, reason);
      assert.equal(
        view.buttons.some((it) => it.id === view.reason?.button.id),
        false,
        `${reason}: its button is there once`,
      );
    }
  });

  it('shows an open question before anything else', () => {
    const { task: view } = pageOf('prompt');
    assert.deepEqual([view.label, view.tone], ['Needs you', 'attention']);
    assert.equal(view.prompts[0]?.detail, 'npm install --save-dev fast-check@4.10.2 && node --test');
  });

  it('has no words left for a merged task, nor for one that is being stopped', () => {
    assert.equal(pageOf('merged').task.composer, null);
    const stopping = { ...CASES['running']!.detail, task: task({ abort_requested_at: new Date(NOW).toISOString() }) };
    const view = buildPage(stopping, { state: 'unknown' }, NOW).task;
    assert.deepEqual([view.composer, view.label], [null, 'Stopping']);
    assert.equal(
      view.buttons.some((it) => it.id === 'abort'),
      false,
    );
    assert.equal(pageOf('running').task.composer?.label, 'Send');
    assert.equal(pageOf('review').task.composer?.label, 'Continue');
  });

  it('counts the time in which the task worked, not the time between', () => {
    assert.deepEqual([pageOf('review').task.elapsedMs, pageOf('review').task.runningSince], [358_000, null]);
    const at = (s: number) => new Date(NOW + s * 1000).toISOString();
    const row = { id: 1, task_id: 't', phase: null, reason: null, attempt: 0, note: null };
    const times = activeTime([
      { ...row, status: 'running', at: at(0) },
      { ...row, status: 'needs_review', at: at(10) },
      { ...row, status: 'queued', at: at(5000) },
      { ...row, status: 'running', at: at(5010) },
    ]);
    assert.deepEqual(times, { ms: 10_000, since: NOW + 5_010_000 });
  });

  it('stands still while a person is asked, and shows that wait as one', () => {
    const { task: view, attempts } = pageOf('question');
    // Begun 398 s ago; asked for two answers from 400 to 150 s ago, and again 95 s ago.
    const [first] = CASES['question']!.detail.answers;
    assert.ok(first);
    assert.equal(view.runningSince, null, 'the clock does not run now');
    const kinds = attempts.at(-1)!.segments.map((it) => it.kind);
    assert.deepEqual([kinds.at(-1), kinds.includes('agent')], ['wait', true]);
    const at = (s: number) => new Date(NOW + s * 1000).toISOString();
    const row = { id: 1, task_id: 't', phase: null, reason: null, attempt: 0, note: null, status: 'running' as const };
    const span = (start: number, end: number | null) => ({
      start: NOW + start * 1000,
      end: end === null ? null : NOW + end * 1000,
    });
    const events = [{ ...row, at: at(0) }];
    assert.deepEqual(activeTime(events, [span(10, 30)]), { ms: 10_000, since: NOW + 30_000 });
    assert.deepEqual(activeTime(events, [span(10, 30), span(40, null)]), { ms: 20_000, since: null });
    assert.deepEqual(activeTime(events, [span(-5, 5)]), { ms: 0, since: NOW + 5000 });
  });

  it('counts questions that are open together once', () => {
    const { answers, prompts } = CASES['question']!.detail;
    const [answered] = answers;
    const asked = (from: number, to: number) => ({
      ...answered!,
      created_at: new Date(NOW + from).toISOString(),
      answered_at: new Date(NOW + to).toISOString(),
    });
    const waits = waitsOf({ prompts: [], answers: [asked(0, 10), asked(5, 20), asked(30, 40), asked(32, 35)] });
    assert.deepEqual(waits, [
      { start: NOW, end: NOW + 20 },
      { start: NOW + 30, end: NOW + 40 },
    ]);
    assert.equal(waitsOf({ prompts, answers: [] })[0]?.end, null);
  });

  it('gives each attempt its share of the time', () => {
    const page = pageOf('success');
    assert.deepEqual(segmentsOf(page, 0), [['prepare', 'plain', 8]]);
    assert.deepEqual(segmentsOf(page, 1), [
      ['agent', 'plain', 190],
      ['git', 'plain', 3],
      ['checks', 'bad', 27],
    ]);
    assert.deepEqual(segmentsOf(page, 2), [
      ['agent', 'plain', 109],
      ['git', 'plain', 3],
      ['checks', 'good', 27],
    ]);
    assert.deepEqual(segmentsOf(pageOf('running'), 1), [['agent', 'open', 390]]);
  });

  it('names what became of each attempt', () => {
    const labels = (name: string) => pageOf(name).attempts.map((it) => `${it.title}: ${it.label}`);
    assert.deepEqual(labels('queued'), []);
    assert.deepEqual(labels('retrying'), [
      'Preparation: worktree ready',
      'Attempt 1: checks red',
      'Attempt 2: agent is working',
    ]);
    assert.deepEqual(labels('success').at(-1), 'Attempt 2: checks green');
    assert.deepEqual(labels('error'), ['Preparation: failed']);
    assert.deepEqual(labels('aborted').at(-1), 'Attempt 1: aborted');
  });

  it('lays the bars on one axis that is just as long as the work', () => {
    const bars = layOut(
      pageOf('review').attempts.map((it) => it.segments),
      NOW,
    ).flat();
    assert.equal(bars[0]?.left, 0);
    assert.ok(Math.abs((bars.at(-1)?.left ?? 0) + (bars.at(-1)?.width ?? 0) - 1) < 1e-9);
    for (const bar of bars) assert.ok(bar.width >= 0.005, 'every segment can be seen');
    assert.deepEqual(layOut([[], []], NOW), [[], []]);
  });

  it('says durations as people do', () => {
    assert.deepEqual([60, 900, 8000, 12_300, 60_000, 184_000, 7_200_000, 7_800_000].map(duration), [
      '<0.1 s',
      '0.9 s',
      '8 s',
      '12 s',
      '1 min',
      '3 min 4 s',
      '2 h',
      '2 h 10 min',
    ]);
  });

  it('shows at most a thousand files and says how many there are', () => {
    const many = filesView(Array.from({ length: 2500 }, (_, i) => ({ ...FILES[0]!, path: `f${i}` })));
    assert.ok(many.state === 'known' && many.files.length === 1000 && many.total === 2500);
    assert.deepEqual(many.lines, { added: 10_000, deleted: 5000 }, 'of all of them');
  });
});

describe('Deltas of the task page', () => {
  it('replace what changed and keep the rest as it is', () => {
    const state = { page: pageOf('retrying'), streams: new Map() };
    const changed = { ...state.page.attempts[2]!, label: 'checks are running' };
    const next = applyChanges(state, [{ kind: 'attempts', attempts: [changed, { ...changed, number: 3 }] }]);
    assert.deepEqual(
      next.page.attempts.map((it) => it.number),
      [0, 1, 2, 3],
    );
    assert.equal(next.page.attempts[2], changed);
    assert.equal(next.page.attempts[1], state.page.attempts[1]);
    assert.equal(next.page.task, state.page.task);
  });

  it('append to conversation and log, and begin them again', () => {
    const say = (text: string) => ({ at: '', kind: 'text' as const, text });
    let state = applyChanges({ page: pageOf('running'), streams: new Map() }, [
      { kind: 'conversation', attempt: 1, entries: [say('Hel')], restart: true },
      { kind: 'log', attempt: 1, text: 'one\n', restart: true },
    ]);
    state = applyChanges(state, [
      { kind: 'conversation', attempt: 1, entries: [say('lo')], restart: false },
      { kind: 'log', attempt: 1, text: 'two\n', restart: false },
    ]);
    const { conversation, log } = streamsOf(state, 1);
    assert.deepEqual(
      conversation?.steps.map((it) => it.kind === 'text' && it.text),
      ['Hello'],
    );
    assert.equal(log?.blocks.map((it) => it.text).join(''), 'one\ntwo\n');
    state = applyChanges(state, [{ kind: 'log', attempt: 1, text: '', restart: true }]);
    assert.equal(streamsOf(state, 1).log?.chars, 0);
    assert.deepEqual(streamsOf(state, 2), { conversation: null, log: null });
  });
});

describe('A conversation on the page', () => {
  const entry = (kind: 'text' | 'tool' | 'thought' | 'note', text: string) => ({ at: '', kind, text });

  it('joins the pieces of a text, and tool calls in a row', () => {
    const { steps } = appendEntries(noConversation, [
      entry('thought', 'hm'),
      entry('text', 'a'),
      entry('text', 'b'),
      entry('tool', 'Read x'),
      entry('tool', 'Edit x'),
      entry('text', 'c'),
      entry('note', 'n'),
      entry('note', 'm'),
    ]);
    assert.deepEqual(
      steps.map((it) => (it.kind === 'tools' ? it.calls : `${it.kind} ${it.text}`)),
      ['thought hm', 'text ab', ['Read x', 'Edit x'], 'text c', 'note n', 'note m'],
    );
    assert.equal(new Set(steps.map((it) => it.id)).size, steps.length);
  });

  it('splits a huge text and keeps the last part of a huge conversation', () => {
    const huge = appendEntries(noConversation, [entry('text', 'x'.repeat(3 * MAX_STEP_CHARS + 1))]);
    assert.deepEqual(
      huge.steps.map((it) => (it.kind === 'text' ? it.text.length : 0)),
      [MAX_STEP_CHARS, MAX_STEP_CHARS, MAX_STEP_CHARS, 1],
    );
    const long = appendEntries(
      noConversation,
      Array.from({ length: MAX_STEPS + 50 }, (_, i) => entry('note', `${i}`)),
    );
    assert.equal(long.cut, true);
    assert.equal(long.steps.length, MAX_STEPS);
    const last = long.steps.at(-1)!;
    assert.equal(last.kind !== 'tools' && last.text, `${MAX_STEPS + 49}`);
  });
});

describe('A log on the page', () => {
  it('keeps the last megabyte, in blocks that end with a line', () => {
    let log = noLog;
    const line = `${'x'.repeat(99)}\n`;
    for (let i = 0; i < 40; i++) log = appendLog(log, line.repeat(640));
    assert.ok(log.chars <= MAX_LOG_CHARS && log.chars > MAX_LOG_CHARS - 40_000, `${log.chars}`);
    assert.equal(log.cut, true);
    assert.equal(
      log.chars,
      log.blocks.reduce((sum, it) => sum + it.text.length, 0),
    );
    assert.ok(log.blocks.length < 100);
    for (const block of log.blocks) assert.ok(block.text.endsWith('\n'));
  });

  it('loses nothing below that, however it is cut', () => {
    const text =
      Array.from({ length: 3000 }, (_, i) => `line ${i} ${'y'.repeat(i % 90)}\n`).join('') + 'z'.repeat(70_000);
    for (const size of [1, 13, 4096, 16_384, 50_000]) {
      let log = noLog;
      const cut = size === 1 ? text.slice(0, 3000) : text;
      for (let i = 0; i < cut.length; i += size) log = appendLog(log, cut.slice(i, i + size));
      assert.equal(log.blocks.map((it) => it.text).join(''), cut);
      assert.equal(new Set(log.blocks.map((it) => it.id)).size, log.blocks.length);
    }
  });
});

describe('The icons of the page', () => {
  it('have the code points of the font', () => {
    const table = new URL('../../node_modules/@vscode/codicons/dist/codicon.csv', import.meta.url);
    const codes = new Map(
      fs
        .readFileSync(table, 'utf8')
        .split('\n')
        .map((row) => [row.split(',')[0], row.trim().split(',')[2]]),
    );
    for (const [name, code] of Object.entries(ICONS))
      assert.equal(code.toString(16).toUpperCase(), codes.get(name), name);
  });
});
