import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { WebhookStore, WatchStore } from '../tasks/watchStore.ts';
import { gitDirOf } from '../adapters/git/layout.ts';
import { createCounterStore, type CounterStore } from '../adapters/sqlite/counterStore.ts';
import { createWebhookStore } from '../adapters/sqlite/webhookStore.ts';
import { createDeliveryStore } from '../adapters/sqlite/deliveryStore.ts';
import { createHostStore, type HostStore } from '../adapters/sqlite/hostStore.ts';
import { createLeaseStore, type LeaseStore } from '../adapters/sqlite/leaseStore.ts';
import { openDatabase, type OpenDatabase } from '../adapters/sqlite/open.ts';
import { createPromptStore } from '../adapters/sqlite/promptStore.ts';
import { createReportStore, type ReportStore } from '../adapters/sqlite/reportStore.ts';
import { createScheduleImport, type ScheduleImport } from '../adapters/sqlite/scheduleImport.ts';
import { createScheduleStore } from '../adapters/sqlite/scheduleStore.ts';
import { createTaskBoard } from '../adapters/sqlite/taskBoard.ts';
import { createWatchStore } from '../adapters/sqlite/watchStore.ts';
import { createTaskQueue } from '../adapters/sqlite/taskQueue.ts';
import { createTaskStore } from '../adapters/sqlite/taskStore.ts';
import type { PromptStore } from '../conversations/ports.ts';
import { AmpaError } from '../errors.ts';
import type { DeliveryStore } from '../notifications/ports.ts';
import type { ScheduleStore } from '../scheduler/ports.ts';
import type { TaskBoard } from '../tasks/board.ts';
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
  webhooks: WebhookStore;
  prompts: PromptStore;
  leases: LeaseStore;
  counters: CounterStore;
  reports: ReportStore;
  deliveries: DeliveryStore;
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

/**
 * The paths that the store stands on. Where git tracks one of them (a file, a link, a submodule), what
 * lies there came with the repository, and a queued task in it would run somebody else's commands.
 */
export const storeFiles = (workspace: Workspace, paths: StatePaths): string[] => [
  path.dirname(workspace.stateDir),
  workspace.stateDir,
  ...['', '-wal', '-shm', '-journal'].map((suffix) => paths.database + suffix),
  paths.logs,
  paths.repos,
  path.join(workspace.stateDir, 'worktrees'),
];

/** A lock of git's index that is older was most likely left by a git that was killed, ms. */
const OLD_LOCK_MS = 60_000;

/**
 * git puts files in place first and says only then, in its index, that they are its own. Waits for one
 * that is at it, 5 s at most, and not for a lock that lies there for long. `lockedAt`: since when it is
 * locked, if it still is, ms since the epoch.
 */
export async function indexWritten(root: string): Promise<{ waited: boolean; lockedAt: number | null }> {
  const lock = path.join((await gitDirOf(root)) ?? root, 'index.lock');
  let waited = false;
  for (const until = performance.now() + 5_000; ; await delay(25)) {
    const lockedAt = fs.statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? null;
    if (lockedAt === null || Date.now() - lockedAt > OLD_LOCK_MS || performance.now() >= until)
      return { waited, lockedAt };
    waited = true;
  }
}

function refuseTracked(file: string | null): void {
  if (file === null) return;
  throw new AmpaError(
    'trust',
    `git tracks ${file}: its tasks and commands are the repository's, not yours, and are not run`,
    `Delete it, or, if it is yours, \`git rm --cached -- '${file}'\`.`,
  );
}

/**
 * Opens the store, whoever wants it. `tracked` names the first of `storeFiles` that git tracks, or null.
 * Throws `trust` if there is one.
 */
export async function openEngineStore(
  workspace: Workspace,
  paths: StatePaths,
  now: () => number,
  newId: () => string,
  say: (notice: string) => void,
  tracked: () => Promise<string | null>,
): Promise<EngineStore> {
  const guard = async (): Promise<void> => refuseTracked(await tracked());
  // Before anything is written: the way there may lead through the repository's own links.
  await guard();
  makeStateDir(workspace);
  const database = await openDatabase({
    file: paths.database,
    backupDir: paths.backups,
    now,
    guard,
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
  const tasks = { ...createTaskStore(database, now), ...createTaskQueue(database, now) };
  const prompts = createPromptStore(database.db, now, newId);
  const leases = createLeaseStore(database.db);
  const counters = createCounterStore(database.db);
  const schedule = { ...createScheduleStore(database.db, newId), ...createScheduleImport(database.db) };
  const watcher = watchStore(database);
  return {
    database,
    hosts: {
      ...hosts,
      reportCapabilities: async (...said) =>
        (await lookForeign()) === null ? hosts.reportCapabilities(...said) : undefined,
    },
    watches: createWatchStore(database.db, now),
    webhooks: createWebhookStore(database.db, now),
    prompts,
    leases: {
      ...leases,
      take: async (...lease) => (await lookForeign()) === null && leases.take(...lease),
      takeFrom: async (...lease) => (await lookForeign()) === null && leases.takeFrom(...lease),
    },
    counters: {
      ...counters,
      // Figures are not worth a torn file: what is counted meanwhile is lost.
      record: async (changes) => ((await lookForeign()) === null ? counters.record(changes) : undefined),
    },
    deliveries: createDeliveryStore(database.db),
    reports: createReportStore(database.db),
    watcher,
    schedule: { ...schedule, claim: unlessForeign(schedule.claim) },
    tasks: {
      ...tasks,
      claimNext: unlessForeign(tasks.claimNext),
      claimQueued: unlessForeign(tasks.claimQueued),
      takeOver: unlessForeign(tasks.takeOver),
      sayWaiting: async (...said) => ((await lookForeign()) === null ? tasks.sayWaiting(...said) : undefined),
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
