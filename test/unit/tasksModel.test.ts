import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  dayOf,
  elementId,
  layOut,
  nextNeeding,
  page,
  parseElement,
  touched,
  type Element,
} from '../../src/vscode/tasksModel.ts';
import type { Task } from '../../src/tasks/task.ts';
import { computingMs } from '../support/computing.ts';
import { editorTask } from '../support/editorTasks.ts';

const none = new Set<string>();
const rows = (tasks: Task[], parent = '', asking = none): readonly string[] =>
  layOut(tasks, asking).children.get(parent) ?? [];
const rowOf = (task: Task): string => `task:${task.id}`;

describe('The layout of the Tasks tree', () => {
  it('has only the groups that have tasks, the urgent first', () => {
    assert.deepEqual(rows([]), []);
    assert.deepEqual(rows([editorTask()]), ['group:done']);
    const tasks = [
      editorTask(),
      editorTask({ status: 'queued' }),
      editorTask({ status: 'running', phase: 'agent' }),
      editorTask({ status: 'error', reason: 'internal' }),
    ];
    assert.deepEqual(rows(tasks), ['group:needs', 'group:running', 'group:queued', 'group:done']);
  });

  it('moves a running task with a question to those that need a person', () => {
    const task = editorTask({ status: 'running', phase: 'agent' });
    assert.deepEqual(rows([task], 'group:needs', new Set([task.id])), [rowOf(task)]);
    assert.deepEqual(rows([task], 'group:running'), [rowOf(task)]);
  });

  it('puts an agent that waits for an answer before what waits for a review', () => {
    const asks = editorTask({ status: 'running', phase: 'agent' });
    const older = editorTask({ status: 'needs_review', reason: 'no_changes' });
    const newer = editorTask({ status: 'error', reason: 'internal' });
    const layout = layOut([older, asks, newer], new Set([asks.id]));
    assert.deepEqual(layout.children.get('group:needs'), [rowOf(asks), rowOf(newer), rowOf(older)]);
    assert.equal(nextNeeding(layout, none, null), asks.id);
  });

  it('lists done tasks by day, the newest first, and counts them', () => {
    const old = editorTask({ updated_at: '2026-01-10T12:00:00.000Z' });
    const early = editorTask({ updated_at: '2026-01-15T11:00:00.000Z' });
    const late = editorTask({ updated_at: '2026-01-15T12:00:00.000Z', status: 'aborted', reason: 'user' });
    const layout = layOut([old, early, late], none);
    const today = `day:${dayOf(new Date(late.updated_at))}`;
    assert.deepEqual(layout.children.get('group:done'), [today, `day:${dayOf(new Date(old.updated_at))}`]);
    assert.deepEqual(layout.children.get(today), [rowOf(late), rowOf(early)]);
    assert.deepEqual([layout.counts.get('group:done'), layout.counts.get(today)], [3, 2]);
  });

  it('keeps a merged task on the day of its merge, however it is tidied up later', () => {
    const task = editorTask({ merged_at: '2026-01-10T12:00:00.000Z', updated_at: '2026-01-20T12:00:00.000Z' });
    assert.deepEqual(rows([task], 'group:done'), [`day:${dayOf(new Date(task.merged_at ?? ''))}`]);
  });

  it('shows a page at a time', () => {
    const tasks = Array.from({ length: 5 }, () => editorTask({ status: 'queued' }));
    const layout = layOut(tasks, none);
    assert.equal(page(layout, 'group:queued', 5).length, 5);
    assert.deepEqual(page(layout, 'group:queued', 2), [...tasks.slice(0, 2).map(rowOf), 'more:group:queued']);
  });

  it('lays out 2,000 tasks within a frame', () => {
    const tasks = Array.from({ length: 2000 }, (_, i) =>
      editorTask({ updated_at: new Date(Date.UTC(2026, 0, 1) + i * 600_000).toISOString() }),
    );
    layOut(tasks, none);
    const took = computingMs(() => touched(layOut(tasks, none), layOut(tasks, none), [tasks[7]!.id]));
    assert.ok(took < 100, `${took.toFixed(1)} ms`);
  });
});

describe('What a change redraws', () => {
  const running = editorTask({ status: 'running', phase: 'agent' });
  const other = editorTask({ status: 'running', phase: 'agent' });
  const review = editorTask({ status: 'needs_review', reason: 'no_changes' });
  const before = layOut([running, other, review], none);

  it('is one row where a task only went on', () => {
    const after = layOut([{ ...running, phase: 'checks' }, other, review], none);
    assert.deepEqual(touched(before, after, [running.id]), [rowOf(running)]);
  });

  it('is both groups where a task moved from one to the other', () => {
    const after = layOut([{ ...running, status: 'needs_review', phase: null }, other, review], none);
    const redrawn = touched(before, after, [running.id]);
    assert.ok(redrawn !== 'root');
    assert.deepEqual([...redrawn].sort(), ['group:needs', 'group:running']);
  });

  it('is everything where a group came or went', () => {
    assert.equal(touched(before, layOut([running, other], none), [review.id]), 'root');
    assert.equal(touched(layOut([], none), before, []), 'root');
  });

  it('is nothing where nothing changed', () => {
    assert.deepEqual(touched(before, layOut([running, other, review], none), []), []);
  });

  it('names no row below a redrawn one, and no day without its group', () => {
    const day = layOut([editorTask(), review], none);
    const grown = layOut([editorTask(), editorTask(), review], none);
    assert.deepEqual(touched(day, grown, []), ['group:done']);
  });
});

describe('A row’s id', () => {
  it('is read back as what it stands for, colons in check names too', () => {
    const task = fc.constantFrom('01KEV000000000000000000001', '01KEV000000000000000000002');
    const attempt = fc.nat(50);
    const element: fc.Arbitrary<Element> = fc.oneof(
      fc.record({ kind: fc.constantFrom('task' as const, 'diff' as const), task }),
      fc.record({ kind: fc.constantFrom('attempt' as const, 'log' as const), task, attempt }),
      fc.record({ kind: fc.constant('check' as const), task, attempt, name: fc.string() }),
      fc.constantFrom<Element>(
        { kind: 'group', group: 'done' },
        { kind: 'day', day: '2026-01-31' },
        { kind: 'more', parent: 'day:2026-01-31' },
      ),
    );
    fc.assert(fc.property(element, (it) => assert.deepEqual({ ...parseElement(elementId(it)) }, { ...it })));
  });

  it('is nothing else', () => {
    for (const text of ['', 'group:other', '01KEV000000000000000000001', 'x:y'])
      assert.equal(parseElement(text), undefined);
  });
});

describe('Next That Needs Me', () => {
  const tasks = [3, 2, 1].map((hour) =>
    editorTask({ status: 'needs_review', reason: 'no_changes', updated_at: `2026-01-15T0${hour}:00:00.000Z` }),
  );
  const [a, b, c] = tasks.map((it) => it.id);
  const layout = layOut(tasks, none);
  const all = new Set(tasks.map((it) => it.id));

  it('goes round, beginning with the last changed', () => {
    assert.equal(nextNeeding(layout, all, null), a);
    assert.equal(nextNeeding(layout, all, a!), b);
    assert.equal(nextNeeding(layout, all, c!), a);
  });

  it('prefers what was not looked at', () => {
    assert.equal(nextNeeding(layout, new Set([c!]), a!), c);
    assert.equal(nextNeeding(layout, none, a!), b);
  });

  it('is nothing where nobody is needed', () => {
    assert.equal(nextNeeding(layOut([editorTask()], none), none, null), null);
  });
});
