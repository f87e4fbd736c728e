/** Tells the host what is open, so that nothing else is read and sent. */
import { createContext } from 'preact';
import { useContext, useEffect } from 'preact/hooks';
import type { Watch } from '../../protocol.ts';

export interface Watching {
  add(kind: keyof Watch, attempt: number): void;
  remove(kind: keyof Watch, attempt: number): void;
  now(): Watch;
}

export const WatchContext = createContext<Watching | null>(null);

/** `send` is called once for all parts that open or close together. */
export function createWatching(send: (watch: Watch) => void): Watching {
  const open = { conversations: new Map<number, number>(), logs: new Map<number, number>() };
  let scheduled = false;
  const now = (): Watch => ({ conversations: [...open.conversations.keys()], logs: [...open.logs.keys()] });
  const change = (kind: keyof Watch, attempt: number, by: 1 | -1): void => {
    const count = (open[kind].get(attempt) ?? 0) + by;
    if (count > 0) open[kind].set(attempt, count);
    else open[kind].delete(attempt);
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      send(now());
    });
  };
  return {
    add: (kind, attempt) => change(kind, attempt, 1),
    remove: (kind, attempt) => change(kind, attempt, -1),
    now,
  };
}

/** While the calling part is drawn, the host streams this to it. */
export function useWatch(kind: keyof Watch, attempt: number): void {
  const watching = useContext(WatchContext);
  useEffect(() => {
    watching?.add(kind, attempt);
    return () => watching?.remove(kind, attempt);
  }, [watching, kind, attempt]);
}
