/** Whether the engine of a window does its work. Pure; times are ms since the epoch. */
import type { HostInfo } from '../app/hosts.ts';
import { isActive, type Task } from '../tasks/task.ts';
import type { Start } from './folders.ts';

/** Hosts beat every 15 s: three beats that are missing are no accident. */
const SILENT_MS = 45_000;
/** A queued task is claimed within moments. Looked at every few seconds, a stall is seen within a minute. */
const UNTAKEN_MS = 50_000;

/** A beat and a half. */
const COME_ROUND_MS = 22_000;

export interface WindowSnapshot {
  /** Since when this process has been looking without a pause. */
  awakeSince: number;
  /** This process among the hosts of the folder; undefined: it is not among them. */
  own: HostInfo | undefined;
  /** When this process was seen among them last, or the engine was started. */
  seenAt: number;
  tasks: Iterable<Task>;
  /** Tasks that may work at a time. */
  slots: number;
  /** Since when a slot has been free; null: all are taken. */
  freeSince: number | null;
  /** Loops and other engines that stand still, as the engine itself tells, each a sentence. */
  stalls: readonly string[];
  now: number;
}

/** One sentence for each thing that stands still; none where all is well. */
export function engineProblems(snapshot: WindowSnapshot): string[] {
  const { awakeSince, own, seenAt, tasks, slots, freeSince, stalls, now } = snapshot;
  // A machine that slept has beaten as little as it has looked: its engine has a moment to come round.
  if (now - awakeSince < COME_ROUND_MS) return [];
  const found = [...stalls];
  const silent = now - (own?.lastBeat ?? seenAt);
  if (silent > SILENT_MS)
    found.push(`The engine of this window has stalled: it gave no sign of life for ${seconds(silent)}.`);
  if (freeSince === null || freeSlots(tasks, slots) === 0) return found;
  const waiting = [...tasks].flatMap((task) =>
    isWaiting(task) ? [Math.max(freeSince, Date.parse(task.updated_at))] : [],
  );
  const longest = now - Math.min(now, ...waiting);
  if (longest > UNTAKEN_MS)
    found.push(
      `The engine of this window has stalled: a task has been waiting for ${seconds(longest)} although a slot is free.`,
    );
  return found;
}

/** The same for an engine that is not up yet. */
export const startProblems = ({ waitsFor, since }: Start, now: number): string[] =>
  now - since <= SILENT_MS
    ? []
    : [
        `The engine of this window has stalled: it has been starting for ${seconds(now - since)} and waits for ${waitsFor}.`,
      ];

const isWaiting = (task: Task): boolean => task.status === 'queued' && task.abort_requested_at === null;

export function freeSlots(tasks: Iterable<Task>, slots: number): number {
  let taken = 0;
  for (const task of tasks) if (isActive(task.status) && task.slot) taken++;
  return Math.max(0, slots - taken);
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
