/** Hosts of a scheduler on one real database, with a clock that the test moves. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monotonicFactory } from 'ulid';
import type { CommandPatch } from '../../src/scheduler/spec.ts';
import { createHostStore } from '../../src/adapters/sqlite/hostStore.ts';
import { openDatabase } from '../../src/adapters/sqlite/open.ts';
import { createScheduleImport } from '../../src/adapters/sqlite/scheduleImport.ts';
import { createScheduleStore } from '../../src/adapters/sqlite/scheduleStore.ts';
import { newCommand } from '../../src/scheduler/command.ts';
import { createScheduler } from '../../src/scheduler/loop.ts';
import type { Claimed, Run, RunEnd } from '../../src/scheduler/ports.ts';
import { movedClock, START } from './movedClock.ts';

/** `dir`: that of another process, which also removes it. */
export function scheduleBench({ at = START, dir: shared }: { at?: number; dir?: string } = {}) {
  const dir = shared ?? mkdtempSync(path.join(tmpdir(), 'ampa-schedule-'));
  const time = movedClock(at);
  const { clock } = time;
  const newId = monotonicFactory();
  const stops: AbortController[] = [];
  const closing: (() => Promise<void>)[] = [];
  const errors: unknown[] = [];

  async function open() {
    const database = await openDatabase({
      file: path.join(dir, 'ampa.db'),
      backupDir: path.join(dir, 'b'),
      now: clock.now,
    });
    closing.push(() => database.close());
    const store = { ...createScheduleStore(database.db, newId), ...createScheduleImport(database.db) };
    return { database, store, hosts: createHostStore(database.db) };
  }
  return {
    dir,
    time,
    clock,
    newId,
    errors,
    open,
    /** A host with its own connection; `execute` stands for what commands do. */
    async host(
      name: string,
      options: {
        execute?: (claimed: Claimed, signal: AbortSignal) => Promise<RunEnd>;
        minIntervalMs?: number;
        llmUp?: () => Promise<boolean>;
        dead?: ReadonlySet<string>;
        keep?: number;
        pollMs?: number;
        /** Called at each decision. */
        decides?: () => void;
        afterRun?: (run: Run) => Promise<void>;
      } = {},
    ) {
      const it = await open();
      const stop = new AbortController();
      stops.push(stop);
      const listeners = new Set<() => void>();
      const lookers = new Set<() => void>();
      const reaped: string[] = [];
      const scheduler = createScheduler(
        {
          store: it.store,
          clock,
          owner: name,
          machine: `${name}'s computer`,
          newId,
          rules() {
            options.decides?.();
            return { minIntervalMs: options.minIntervalMs ?? 0, priorityWeight: 0.1 };
          },
          llmUp: options.llmUp ?? (async () => true),
          pollMs: () => options.pollMs ?? 5000,
          isDead: async (owner) => options.dead?.has(owner) ?? false,
          reap: async (run) => void reaped.push(run.id),
          execute: options.execute ?? (async () => ({ status: 'succeeded', exit_code: 0 })),
          afterRun: options.afterRun ?? (async () => undefined),
          keepRuns: () => options.keep ?? 1_000_000,
          onChange(listener) {
            listeners.add(listener);
            return () => listeners.delete(listener);
          },
          onLook(listener) {
            lookers.add(listener);
            return () => lookers.delete(listener);
          },
          onError: (error) => errors.push(error),
        },
        stop.signal,
      );
      return {
        ...it,
        scheduler,
        stop,
        reaped,
        changed: () => listeners.forEach((listener) => listener()),
        looked: () => lookers.forEach((listener) => listener()),
      };
    },
    add: async (store: Awaited<ReturnType<typeof open>>['store'], id: string, command: CommandPatch) =>
      store.add(newCommand(id, { command: 'true', ...command }), clock.now()),
    async remove() {
      for (const stop of stops) stop.abort();
      for (const close of closing) await close();
      if (shared === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}
