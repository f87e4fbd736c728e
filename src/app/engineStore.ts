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

/** The workspace's store, opened, with everything that reads or writes it. */
export interface EngineStore {
  database: OpenDatabase;
  tasks: TaskStore & WorkQueue;
  board: TaskBoard;
  hosts: HostStore;
  schedule: ScheduleStore & ScheduleImport;
  watches: WatchStore;
  watcher: StoreWatcher;
  /** Name of another machine that works on this store: then this process only reads. */
  foreign: string | null;
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
  const watcher = watchStore(database);
  return {
    database,
    hosts,
    watches: createWatchStore(database.db, now),
    watcher,
    schedule: { ...createScheduleStore(database.db), ...createScheduleImport(database.db) },
    tasks: createTaskStore(database, now, newId),
    board: createTaskBoard(database.db, now),
    foreign: await otherMachine(hosts, now),
    async close() {
      watcher.stop();
      await database.close();
    },
  };
}
