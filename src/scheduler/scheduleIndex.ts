import type { Rules } from './spec.ts';
import { dueFrom, goesBefore, isDormant, isHeldBack, latenessOf, type Choice, type Schedule } from './choose.ts';

/** The commands of a workspace, ordered by when they come due: a decision reads only those that are. */
export interface ScheduleIndex {
  set(schedule: Schedule): void;
  delete(id: string): void;
  get(id: string): Schedule | undefined;
  readonly size: number;
  /** How many of them run. */
  readonly running: number;
  /** The same answer as `choose` over all commands. */
  choose(now: number, lastStart: number | null, rules: Rules, llmUp: boolean): Choice | null;
  /** Whether the answer may depend on the LLM being up. */
  needsLlm(now: number, lastStart: number | null, rules: Rules): boolean;
  /** When to look again: a due time, or the end of the global interval. Infinity: not before something changes. */
  nextLook(now: number, lastStart: number | null, rules: Rules): number;
}

interface Entry {
  schedule: Schedule;
  /** First moment at which it can be chosen. */
  dueAt: number;
  /** The newest due time of a cron command and the one behind it: worth remembering, dear to find. */
  cronDue: { due: number; next: number } | null;
  /** Replaced or removed: what the heap still holds of it is passed over. */
  gone: boolean;
}

export function createScheduleIndex(): ScheduleIndex {
  const entries = new Map<string, Entry>();
  /** Commands that are due, and may run. */
  const due = new Set<Entry>();
  /** Not due yet, by due time: those that the global interval holds back, and those that it does not. */
  const waiting: { held: Entry[]; exempt: Entry[] } = { held: [], exempt: [] };
  const heapOf = (entry: Entry): Entry[] => (entry.schedule.exempt ? waiting.exempt : waiting.held);
  let running = 0;

  const wait = (entry: Entry): void => {
    due.delete(entry);
    if (entry.dueAt !== Infinity) push(heapOf(entry), entry);
  };
  const collect = (now: number): void => {
    for (const heap of [waiting.held, waiting.exempt]) {
      for (let first = heap[0]; first && (first.gone || first.dueAt <= now); first = heap[0]) {
        pop(heap);
        if (!first.gone) due.add(first);
      }
    }
    // The clock went back: what was due is not yet.
    for (const entry of due) if (entry.dueAt > now) wait(entry);
  };
  /** The newest due time of a cron command and the one behind it, found once for all moments between them. */
  const lateOf = (entry: Entry, now: number, rules: Rules): Choice | null => {
    const { schedule } = entry;
    const { cron } = schedule;
    if (!cron) return latenessOf(schedule, now, rules);
    if (!entry.cronDue || now < entry.cronDue.due || now >= entry.cronDue.next) {
      const newest = schedule.served === null ? null : cron.newest(schedule.served, now);
      entry.cronDue = newest === null ? null : { due: newest, next: cron.next(newest) };
    }
    const known = entry.cronDue;
    if (!known) return null;
    const next = (t: number): number => (t < known.due ? entry.dueAt : known.next);
    return latenessOf({ ...schedule, cron: { next, newest: () => known.due } }, now, rules);
  };

  return {
    set(schedule) {
      const before = entries.get(schedule.id);
      if (before) remove(before);
      const entry: Entry = { schedule, dueAt: Infinity, cronDue: null, gone: false };
      if (schedule.active && !schedule.running) entry.dueAt = dueFrom(schedule);
      if (schedule.running) running++;
      entries.set(schedule.id, entry);
      wait(entry);
    },
    delete(id) {
      const entry = entries.get(id);
      if (!entry) return;
      remove(entry);
      entries.delete(id);
    },
    get: (id) => entries.get(id)?.schedule,
    get size() {
      return entries.size;
    },
    get running() {
      return running;
    },
    choose(now, lastStart, rules, llmUp) {
      collect(now);
      let best: Choice | null = null;
      for (const entry of due) {
        if (entry.schedule.requiresLlm && !llmUp) continue;
        if (isDormant(entry.schedule, rules)) continue;
        if (isHeldBack(entry.schedule, now, lastStart, rules)) continue;
        const choice = lateOf(entry, now, rules);
        if (choice && (!best || goesBefore(choice, best))) best = choice;
      }
      return best;
    },
    needsLlm(now, lastStart, rules) {
      collect(now);
      for (const entry of due)
        if (
          entry.schedule.requiresLlm &&
          !isDormant(entry.schedule, rules) &&
          !isHeldBack(entry.schedule, now, lastStart, rules)
        )
          return true;
      return false;
    },
    nextLook(now, lastStart, rules) {
      collect(now);
      const exempt = firstAwake(waiting.exempt, rules);
      let next = waiting.held[0]?.dueAt ?? Infinity;
      if (lastStart !== null && rules.minIntervalMs > 0) {
        const free = Math.min(lastStart, now) + rules.minIntervalMs;
        for (const entry of due) {
          if (!isHeldBack(entry.schedule, now, lastStart, rules)) continue;
          next = free;
          break;
        }
        next = Math.max(next, free);
      }
      return Math.min(exempt, next);
    },
  };

  /** The first due time of a heap, but for those that have nothing to do now: they are few. */
  function firstAwake(heap: readonly Entry[], rules: Rules): number {
    const first = heap[0];
    if (!first || !isDormant(first.schedule, rules)) return first?.dueAt ?? Infinity;
    let next = Infinity;
    for (const { gone, schedule, dueAt } of heap)
      if (!gone && !isDormant(schedule, rules)) next = Math.min(next, dueAt);
    return next;
  }

  function remove(entry: Entry): void {
    entry.gone = true;
    if (entry.schedule.running) running--;
    due.delete(entry);
    // What is passed over must not outgrow what is there.
    const heap = heapOf(entry);
    if (heap.length > 2 * entries.size + 64) {
      const live = heap.filter((it) => !it.gone);
      heap.length = 0;
      for (const it of live) push(heap, it);
    }
  }
}

/** A binary heap, the earliest first. */
function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent]!.dueAt <= entry.dueAt) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]!.dueAt < heap[child]!.dueAt) child++;
    if (heap[child]!.dueAt >= last.dueAt) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
}
