import fs from 'node:fs';
import { createHostStore, type HostStore } from '../adapters/sqlite/hostStore.ts';
import { openDatabase, type OpenDatabase } from '../adapters/sqlite/open.ts';
import { createScheduleImport, type ScheduleImport } from '../adapters/sqlite/scheduleImport.ts';
import { createScheduleStore } from '../adapters/sqlite/scheduleStore.ts';
import { createTaskBoard } from '../adapters/sqlite/taskBoard.ts';
import { createWatchStore } from '../adapters/sqlite/watchStore.ts';
import { createTaskStore } from '../adapters/sqlite/taskStore.ts';
import type { ScheduleStore } from '../scheduler/ports.ts';
import type { TaskBoard } from '../tasks/board.ts';
import type { WatchStore } from '../tasks/watch.ts';
import type { TaskStore, WorkQueue } from '../tasks/ports.ts';
import { otherMachine } from './hosts.ts';
import { makeStateDir, type StatePaths, type Workspace } from './state.ts';
import { watchStore, type StoreWatcher } from './watcher.ts';

/** How long an answer about other machines stands, ms. */
const FOREIGN_MS = 3_000;

/** The workspace's store, opened, with everything that reads or writes it. */
export interface EngineStore {
  database: OpenDatabase;
  tasks: TaskStore & WorkQueue;
  board: TaskBoard;
  hosts: HostStore;
  schedule: ScheduleStore & ScheduleImport;
  watches: WatchStore;
  watcher: StoreWatcher;
  /** Name of another machine that works on this store, as last looked at: then this process only reads. */
  readonly foreign: string | null;
  /** Looks again, at most every few seconds: machines wake up, and hosts end. */
  lookForeign(): Promise<string | null>;
  close(): Promise<void>;
}

/** A store or a backup of one exists. */
export const storeExists = (paths: StatePaths): boolean =>
  fs.existsSync(paths.database) ||
  (fs.existsSync(paths.backups) && fs.readdirSync(paths.backups).some((name) => name.endsWith('.db')));

export async function openEngineStore(
  workspace: Workspace,
  paths: StatePaths,
  now: () => number,
  newId: () => string,
  say: (notice: string) => void,
): Promise<EngineStore> {
  makeStateDir(workspace);
  const database = await openDatabase({
    file: paths.database,
    backupDir: paths.backups,
    now,
    onRestored(notice) {
      makeStateDir(workspace);
      say(notice);
    },
  });
  const hosts = createHostStore(database.db);
  let foreign = await otherMachine(hosts, now);
  let lookedAt = now();
  const lookForeign = async (): Promise<string | null> => {
    if (Math.abs(now() - lookedAt) < FOREIGN_MS) return foreign;
    lookedAt = now();
    return (foreign = await otherMachine(hosts, now));
  };
  /** A claim here while another machine writes would tear the file: there is nothing to be had. */
  const unlessForeign =
    <A extends unknown[], R>(claim: (...args: A) => Promise<R | undefined>) =>
    async (...args: A): Promise<R | undefined> =>
      (await lookForeign()) === null ? claim(...args) : undefined;
  const tasks = createTaskStore(database, now, newId);
  const schedule = { ...createScheduleStore(database.db), ...createScheduleImport(database.db) };
  const watcher = watchStore(database);
  return {
    database,
    hosts,
    watches: createWatchStore(database.db, now),
    watcher,
    schedule: { ...schedule, claim: unlessForeign(schedule.claim) },
    tasks: {
      ...tasks,
      claimNext: unlessForeign(tasks.claimNext),
      claimQueued: unlessForeign(tasks.claimQueued),
      takeOver: unlessForeign(tasks.takeOver),
    },
    board: createTaskBoard(database.db, now),
    get foreign() {
      return foreign;
    },
    lookForeign,
    async close() {
      watcher.stop();
      await database.close();
    },
  };
}
