/** Where the time of a task went: the bars of the attempts. Pure. */
import type { TaskDetail } from '../tasks/board.ts';
import { foldChecks } from '../tasks/fold.ts';
import { isActive, type Phase, type TaskEvent } from '../tasks/task.ts';

export interface Segment {
  /** `wait`: the agent stood still until a person answered. */
  kind: 'prepare' | 'agent' | 'git' | 'checks' | 'wait';
  /** How it ended; the colour of checks. */
  result: 'good' | 'bad' | 'open' | 'plain';
  /** ms since the epoch; an open end is now. */
  start: number;
  end: number | null;
}

const KINDS: Record<Phase, Segment['kind']> = {
  preparing: 'prepare',
  agent: 'agent',
  committing: 'git',
  pushing: 'git',
  opening_pr: 'git',
  checks: 'checks',
};

/**
 * The segments of each attempt, in order; 0 is the preparation. An agent's time is that of its
 * turn's own row: the event that begins the agent phase still carries the number of the turn before.
 */
export function attemptSegments(detail: TaskDetail): Map<number, Segment[]> {
  const { task, attempts, checks, events } = detail;
  const waits = waitsOf(detail);
  const all = new Map<number, Segment[]>();
  const add = (attempt: number, segment: Segment): void => {
    const list = all.get(attempt) ?? [];
    const last = list.at(-1);
    if (last && last.kind === segment.kind && last.end === segment.start) {
      last.end = segment.end;
      last.result = segment.result;
    } else list.push(segment);
    all.set(attempt, list);
  };
  for (const attempt of attempts) {
    const start = Date.parse(attempt.started_at);
    const current = isActive(task.status) && task.phase === 'agent' && attempt.number === task.attempts;
    const end =
      attempt.ended_at === null ? (current ? null : lastEventAfter(events, start)) : Date.parse(attempt.ended_at);
    const bad = attempt.outcome === 'failed' || attempt.outcome === 'stalled' || attempt.outcome === 'interrupted';
    const turn: Span = { start, end };
    const pieces = [
      ...without([turn], waits).map((it): Segment => ({
        kind: 'agent',
        result: it.end === null ? 'open' : bad ? 'bad' : 'plain',
        ...it,
      })),
      ...within(turn, waits).map((it): Segment => ({
        kind: 'wait',
        result: it.end === null ? 'open' : 'plain',
        ...it,
      })),
    ];
    for (const piece of pieces.toSorted((a, b) => a.start - b.start)) add(attempt.number, piece);
  }
  for (const [i, event] of events.entries()) {
    if (event.phase === null || event.phase === 'agent') continue;
    const next = events[i + 1];
    if (!next && !isActive(task.status)) continue;
    const kind = KINDS[event.phase];
    const verdict = foldChecks(
      checks.filter((it) => it.attempt === event.attempt).map((it) => it.state),
      true,
    );
    const closed = verdict === 'green' ? 'good' : verdict === 'red' || verdict === 'blocked' ? 'bad' : 'plain';
    add(event.attempt, {
      kind,
      result: next ? (kind === 'checks' ? closed : 'plain') : 'open',
      start: Date.parse(event.at),
      end: next ? Date.parse(next.at) : null,
    });
  }
  return all;
}

/** A turn whose row was never closed ended, at the latest, with the next thing that happened. */
const lastEventAfter = (events: readonly TaskEvent[], start: number): number =>
  events.map((it) => Date.parse(it.at)).find((at) => at > start) ?? start;

/** A piece of time, ms since the epoch; an open end is now. */
export interface Span {
  start: number;
  end: number | null;
}

const endOf = ({ end }: Span): number => end ?? Infinity;

/** When the agent waited for an answer, in order; questions that were open together count once. */
export function waitsOf({ prompts, answers }: Pick<TaskDetail, 'prompts' | 'answers'>): Span[] {
  const spans = [
    ...answers.flatMap(({ created_at, answered_at }) =>
      answered_at === null ? [] : [{ start: Date.parse(created_at), end: Date.parse(answered_at) }],
    ),
    ...prompts.map(({ created_at }): Span => ({ start: Date.parse(created_at), end: null })),
  ].toSorted((a, b) => a.start - b.start);
  const waits: Span[] = [];
  for (const span of spans) {
    const last = waits.at(-1);
    if (last && span.start <= endOf(last)) last.end = endOf(span) > endOf(last) ? span.end : last.end;
    else waits.push({ ...span });
  }
  return waits;
}

/** What is left of `spans` outside of `gaps`. */
function without(spans: readonly Span[], gaps: readonly Span[]): Span[] {
  return gaps.reduce<Span[]>(
    (left, gap) =>
      left.flatMap((it) => {
        if (endOf(gap) <= it.start || gap.start >= endOf(it)) return [it];
        const before = gap.start > it.start ? [{ start: it.start, end: gap.start }] : [];
        const after = endOf(gap) < endOf(it) ? [{ start: endOf(gap), end: it.end }] : [];
        return [...before, ...after];
      }),
    [...spans],
  );
}

/** The parts of `spans` that lie inside of `whole`. */
const within = (whole: Span, spans: readonly Span[]): Span[] =>
  spans
    .filter((it) => endOf(it) > whole.start && it.start < endOf(whole))
    .map((it) => ({
      start: Math.max(it.start, whole.start),
      end: endOf(it) < endOf(whole) ? it.end : whole.end,
    }));

/**
 * Time in which the task was running or retrying, ms, and since when it is. Queues, people's pauses and the wait for
 * an answer do not count.
 */
export function activeTime(
  events: readonly TaskEvent[],
  waits: readonly Span[] = [],
): { ms: number; since: number | null } {
  const spans: Span[] = [];
  let since: number | null = null;
  for (const event of events) {
    const works = event.status === 'running' || event.status === 'retrying';
    const at = Date.parse(event.at);
    if (works) since ??= at;
    else if (since !== null) {
      spans.push({ start: since, end: Math.max(since, at) });
      since = null;
    }
  }
  if (since !== null) spans.push({ start: since, end: null });
  const worked = without(spans, waits);
  const ms = worked.reduce((sum, { start, end }) => sum + (end === null ? 0 : end - start), 0);
  return { ms, since: worked.find(({ end }) => end === null)?.start ?? null };
}

export interface Bar {
  segment: Segment;
  /** Fractions of the whole width. */
  left: number;
  width: number;
}

/**
 * Lays the segments of all attempts on one axis, each beginning where the one before ended: idle
 * time between them (a queue, a weekend before `continue`) is left out. Every segment is visible.
 */
export function layOut(rows: readonly (readonly Segment[])[], now: number): Bar[][] {
  const length = (it: Segment): number => Math.max(0, (it.end ?? now) - it.start);
  const total = rows.flat().reduce((sum, it) => sum + length(it), 0);
  const count = rows.flat().length;
  // A share for every segment, so that an instant commit beside a long turn can be seen.
  const least = 0.006;
  const scale = total > 0 ? (1 - least * count) / total : 0;
  let left = 0;
  return rows.map((row) =>
    row.map((segment) => {
      const width = least + Math.max(0, scale) * length(segment);
      const bar = { segment, left, width };
      left += width;
      return bar;
    }),
  );
}
