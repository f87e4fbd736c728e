/**
 * Which rows the Tasks tree has, and which of them a change touches. Pure. Elements are texts, so
 * that a row keeps its identity (expansion, selection) however often the data behind it is replaced.
 */
import type { Task } from '../tasks/task.ts';
import { groupOf, type Group } from './abilities.ts';

/** Rows of one parent that are shown before "Show more". */
export const PAGE = 200;

export type Element =
  | { kind: 'group'; group: Group }
  | { kind: 'day'; day: string }
  | { kind: 'more'; parent: string }
  /** A question that belongs to no task. */
  | { kind: 'prompt'; prompt: string }
  | { kind: 'task' | 'diff'; task: string }
  | { kind: 'attempt' | 'log'; task: string; attempt: number }
  | { kind: 'check'; task: string; attempt: number; name: string };

export function elementId(element: Element): string {
  switch (element.kind) {
    case 'group':
      return `group:${element.group}`;
    case 'day':
      return `day:${element.day}`;
    case 'more':
      return `more:${element.parent}`;
    case 'prompt':
      return `prompt:${element.prompt}`;
    case 'task':
    case 'diff':
      return `${element.kind}:${element.task}`;
    case 'attempt':
    case 'log':
      return `${element.kind}:${element.task}:${element.attempt}`;
    case 'check':
      return `check:${element.task}:${element.attempt}:${element.name}`;
  }
}

/** The inverse of `elementId`; undefined for any other text. */
export function parseElement(id: string): Element | undefined {
  const [kind, first = '', second, ...rest] = id.split(':');
  const attempt = Number(second);
  switch (kind) {
    case 'group':
      return ['needs', 'running', 'queued', 'done'].includes(first) ? { kind, group: first as Group } : undefined;
    case 'day':
      return { kind, day: first };
    case 'more':
      return { kind, parent: id.slice('more:'.length) };
    case 'prompt':
      return { kind, prompt: first };
    case 'task':
    case 'diff':
      return { kind, task: first };
    case 'attempt':
    case 'log':
      return { kind, task: first, attempt };
    case 'check':
      return { kind, task: first, attempt, name: rest.join(':') };
    default:
      return undefined;
  }
}

/** The rows above the tasks and the tasks themselves; what is below a task is read when it is opened. */
export interface Layout {
  /** Children by parent; the root is the empty text. */
  readonly children: ReadonlyMap<string, readonly string[]>;
  readonly parents: ReadonlyMap<string, string>;
  /** Tasks below a group or day. */
  readonly counts: ReadonlyMap<string, number>;
}

const ORDER: readonly Group[] = ['needs', 'running', 'queued', 'done'];

/** Local calendar day, `2026-01-31`. */
export function dayOf(at: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** When a task ended, as far as its row says. */
const endedAt = (task: Task): string => task.merged_at ?? task.updated_at;

/**
 * Groups the tasks: those that need a person, an agent that waits for an answer before others, then last changed
 * first; running and queued ones in the order in which they came; done ones by day, newest first. `questions`: ids of those that belong to
 * no task, which come first.
 */
export function layOut(tasks: Iterable<Task>, asking: ReadonlySet<string>, questions: readonly string[] = []): Layout {
  const groups: Record<Group, Task[]> = { needs: [], running: [], queued: [], done: [] };
  for (const task of tasks) groups[groupOf(task, asking.has(task.id))].push(task);
  const oldest = (a: Task, b: Task): number => compare(a.created_at, b.created_at) || compare(a.id, b.id);
  const waits = (task: Task): number => Number(asking.has(task.id));
  groups.needs.sort((a, b) => waits(b) - waits(a) || compare(b.updated_at, a.updated_at) || compare(b.id, a.id));
  groups.running.sort(oldest);
  groups.queued.sort(oldest);
  groups.done.sort((a, b) => compare(endedAt(b), endedAt(a)) || compare(b.id, a.id));

  const children = new Map<string, string[]>();
  const parents = new Map<string, string>();
  const counts = new Map<string, number>();
  const add = (parent: string, child: string): void => {
    const siblings = children.get(parent);
    if (siblings) siblings.push(child);
    else children.set(parent, [child]);
    parents.set(child, parent);
  };
  for (const group of ORDER) {
    const members = groups[group];
    const asked = group === 'needs' ? questions : [];
    if (members.length + asked.length === 0) continue;
    const groupId = elementId({ kind: 'group', group });
    add('', groupId);
    counts.set(groupId, members.length + asked.length);
    for (const prompt of asked) add(groupId, elementId({ kind: 'prompt', prompt }));
    for (const task of members) {
      let parent = groupId;
      if (group === 'done') {
        parent = elementId({ kind: 'day', day: dayOf(new Date(endedAt(task))) });
        if (!parents.has(parent)) add(groupId, parent);
        counts.set(parent, (counts.get(parent) ?? 0) + 1);
      }
      add(parent, elementId({ kind: 'task', task: task.id }));
    }
  }
  return { children, parents, counts };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** One page of a parent's rows, with a "more" row where there are further ones. */
export function page(layout: Layout, parent: string, shown = PAGE): readonly string[] {
  const rows = layout.children.get(parent) ?? [];
  return rows.length <= shown ? rows : [...rows.slice(0, shown), elementId({ kind: 'more', parent })];
}

/**
 * The rows to draw again after a change: `root` where groups came or went, a parent whose members
 * or count changed, else only the rows of the changed tasks. A row below a drawn parent is not named.
 */
export function touched(before: Layout, after: Layout, changed: Iterable<string>): 'root' | string[] {
  if (!same(before.children.get(''), after.children.get(''))) return 'root';
  const redrawn = new Set<string>();
  for (const [parent, rows] of after.children) {
    if (parent === '') continue;
    if (!same(before.children.get(parent), rows) || before.counts.get(parent) !== after.counts.get(parent))
      redrawn.add(parent);
  }
  const covered = (id: string): boolean => {
    for (let parent = after.parents.get(id); parent !== undefined; parent = after.parents.get(parent)) {
      if (redrawn.has(parent)) return true;
    }
    return false;
  };
  for (const id of changed) redrawn.add(elementId({ kind: 'task', task: id }));
  return [...redrawn].filter((id) => after.parents.has(id) && !covered(id));
}

function same(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (!a || !b) return a === b;
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

/** By what a row that needs a person is remembered: a task's id, or `prompt:ID`. */
export const needOf = (row: string): string => (row.startsWith('task:') ? row.slice('task:'.length) : row);

/** What to show next of what needs a person, unread first, going on after the last shown: a task's id, or `prompt:ID`. */
export function nextNeeding(layout: Layout, unread: ReadonlySet<string>, last: string | null): string | null {
  const rows = layout.children.get(elementId({ kind: 'group', group: 'needs' })) ?? [];
  const ids = rows.map(needOf);
  const pool = ids.some((id) => unread.has(id)) ? ids.filter((id) => unread.has(id)) : ids;
  return pool[(last === null ? -1 : pool.indexOf(last)) + 1] ?? pool[0] ?? null;
}
