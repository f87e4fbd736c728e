import type { CounterChange, CounterStore, Labels } from '../adapters/sqlite/counterStore.ts';

/** Counts without waiting for the store: what came together is written every few seconds, and at the end. */
export interface Meter {
  /** Adds to a counter. */
  count(name: string, labels?: Labels, by?: number): void;
  /** Sets a gauge. */
  set(name: string, labels: Labels, value: number): void;
  /** From here on there is somewhere to write to. */
  attach(store: CounterStore): void;
  /** Writes what there is. What cannot be written is kept for the next time. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const FLUSH_MS = 5_000;

export function createMeter(onError: (error: unknown) => void): Meter {
  let pending = new Map<string, CounterChange>();
  let store: CounterStore | undefined;
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();

  const schedule = (): void => {
    if (timer || !store || pending.size === 0) return;
    timer = setTimeout(() => {
      timer = undefined;
      meter.flush().catch(onError);
    }, FLUSH_MS);
    timer.unref();
  };
  const note = (change: CounterChange): void => {
    const key = `${change.name} ${JSON.stringify(change.labels)}`;
    const before = pending.get(key);
    if (before && 'by' in before && 'by' in change) pending.set(key, { ...change, by: before.by + change.by });
    else pending.set(key, change);
    schedule();
  };
  async function write(): Promise<void> {
    if (!store || pending.size === 0) return;
    const changes = pending;
    pending = new Map();
    try {
      await store.record([...changes.values()]);
    } catch (error) {
      const newer = pending;
      pending = changes;
      for (const change of newer.values()) note(change);
      schedule();
      throw error;
    }
  }
  const meter: Meter = {
    count: (name, labels = {}, by = 1) => note({ name, labels, by }),
    set: (name, labels, value) => note({ name, labels, value }),
    attach(it) {
      store = it;
      schedule();
    },
    flush() {
      const next = flushing.then(write);
      // The caller gets the failure; the next write does not fail with it.
      flushing = next.catch(() => undefined);
      return next;
    },
    async close() {
      clearTimeout(timer);
      timer = undefined;
      await meter.flush().catch(onError);
      clearTimeout(timer);
    },
  };
  return meter;
}
