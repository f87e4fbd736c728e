/** Where the time of a task went: the bars of the attempts. Pure. */
import type { TaskDetail } from '../tasks/board.ts';
import { foldChecks } from '../tasks/fold.ts';
import { isActive, type Phase, type TaskEvent } from '../tasks/task.ts';

export interface Segment {
  kind: 'prepare' | 'agent' | 'git' | 'checks';
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
export function attemptSegments({ task, attempts, checks, events }: TaskDetail): Map<number, Segment[]> {
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
    add(attempt.number, { kind: 'agent', result: end === null ? 'open' : bad ? 'bad' : 'plain', start, end });
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

/** Time in which the task was running or retrying, ms, and since when it is. Queues and people's pauses do not count. */
export function activeTime(events: readonly TaskEvent[]): { ms: number; since: number | null } {
  let ms = 0;
  let since: number | null = null;
  for (const event of events) {
    const works = event.status === 'running' || event.status === 'retrying';
    const at = Date.parse(event.at);
    if (works) since ??= at;
    else if (since !== null) {
      ms += Math.max(0, at - since);
      since = null;
    }
  }
  return { ms, since };
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
