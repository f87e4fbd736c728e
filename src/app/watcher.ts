import type { OpenDatabase } from '../adapters/sqlite/open.ts';

export interface StoreWatcher {
  /** Calls back when any process, this one too, has changed the store. */
  onChange(listener: () => void): () => void;
  /** Calls back at every look, changed or not: whoever waits for a time sees here that the clock was set. */
  onLook(listener: () => void): () => void;
  /** This process has just changed it: listeners hear at once. */
  poke(): void;
  /** Look often (a task runs, a question is open) or seldom. */
  setBusy(busy: boolean): void;
  /** Looks often until the returned function is called: somebody waits for an answer. */
  keepBusy(): () => void;
  stop(): void;
}

const BUSY_MS = 200;
const IDLE_MS = 2_000;

/**
 * Sees the changes of other processes through SQLite's version counter, which costs microseconds,
 * instead of reading tables again. Runs only while somebody listens.
 */
export function watchStore(database: Pick<OpenDatabase, 'version'>): StoreWatcher {
  const listeners = new Set<() => void>();
  const lookers = new Set<() => void>();
  let version = database.version();
  let busy = false;
  let kept = 0;
  let timer: NodeJS.Timeout | undefined;

  const notify = (): void => {
    for (const listener of listeners) listener();
  };
  const tick = (): void => {
    const current = database.version();
    if (current !== version) {
      version = current;
      notify();
    }
    for (const looker of lookers) looker();
    schedule();
  };
  const count = (): number => listeners.size + lookers.size;
  function schedule(): void {
    clearTimeout(timer);
    timer = count() > 0 ? setTimeout(tick, busy || kept > 0 ? BUSY_MS : IDLE_MS) : undefined;
  }
  const joining = (set: Set<() => void>) => (listener: () => void) => {
    set.add(listener);
    if (count() === 1) schedule();
    return () => {
      set.delete(listener);
      if (count() === 0) schedule();
    };
  };
  return {
    onChange: joining(listeners),
    onLook: joining(lookers),
    poke: notify,
    setBusy(value) {
      if (busy === value) return;
      busy = value;
      schedule();
    },
    keepBusy() {
      if (kept++ === 0) schedule();
      let released = false;
      return () => {
        if (released) return;
        released = true;
        if (--kept === 0) schedule();
      };
    },
    stop() {
      listeners.clear();
      lookers.clear();
      schedule();
    },
  };
}
