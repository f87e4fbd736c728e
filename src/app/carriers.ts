import fs from 'node:fs';
import path from 'node:path';
import { recordOf, rowOf } from './processRows.ts';
import type { LinkPlace } from '../notifications/doorbell.ts';
import { spawnDetachedCarrier } from '../adapters/process/carrier.ts';
import { reap } from '../adapters/process/end.ts';
import { listProcesses, markersOf } from '../adapters/process/table.ts';
import { createTaskProcesses } from '../adapters/process/taskProcesses.ts';
import type { HostStore } from '../adapters/sqlite/hostStore.ts';
import type { ConfigValues } from '../config/knobs.ts';
import type { Claim, TaskProcesses } from '../tasks/ports.ts';

/** How a carrier process is started: the command line's own entry, by this host's own runtime. */
export interface CarrierCommand {
  execPath: string;
  /** Up to and including the entry file. */
  args: readonly string[];
  /** Added to the environment: `ELECTRON_RUN_AS_NODE` in the editor. */
  env: Readonly<Record<string, string>>;
}

/** What a carrier is told over its stdin: never by argument or environment. */
export interface CarrierCredentials {
  config: ConfigValues;
  /** Token of the editor's GitHub session. */
  githubToken?: string | null;
  /** What the host's environment has and this one's has not. */
  tokens?: Readonly<Record<string, string>>;
  /** What no log may show, of the host's whole environment. */
  secrets?: readonly string[];
  place?: LinkPlace;
}

/** Marks the processes of one claim: a taker can tell its predecessor's from its own. */
export const markerOf = (taskId: string, token: number): string => `${taskId}:${token}`;

export function processesOfClaim(
  store: HostStore,
  baseEnv: Readonly<Record<string, string>>,
  claim: Claim,
): TaskProcesses {
  return createTaskProcesses({
    owner: markerOf(claim.taskId, claim.token),
    baseEnv,
    ledger: {
      record: (entry) =>
        store.recordProcess({
          task_id: claim.taskId,
          ...rowOf(entry),
          kind: entry.kind,
          token: claim.token,
        }),
      forget: (pid) => store.forgetProcess(claim.taskId, pid),
    },
  });
}

/**
 * Ends what earlier holders of a task left running on this machine. Before a new holder acts, always.
 * Each is found by what it recorded and by its marker: of one that died early only the marker tells.
 * False: there was nothing. Rejects where something could not be ended.
 */
export async function reapPredecessors(store: HostStore, taskId: string, token: number): Promise<boolean> {
  const rows = (await store.processesOf(taskId)).filter((row) => row.token < token);
  const living = [...(await markersOf(await listProcesses())).values()].flat();
  const earlier = living.filter((marker) => {
    const number = tokenOf(marker, taskId);
    return number !== null && number < token;
  });
  const recorded = rows.map((row) => markerOf(taskId, row.token));
  // The one before us may be starting a process at this moment.
  const markers = new Set([markerOf(taskId, token - 1), ...recorded, ...earlier]);
  await reap(rows.map(recordOf), [...markers]);
  for (const row of rows) await store.forgetProcess(taskId, row.pid);
  return rows.length > 0 || earlier.length > 0;
}

/** The token in a marker of this task, or null. A process has the claim's marker and one of its own, `…/…`. */
function tokenOf(marker: string, taskId: string): number | null {
  const [task, token] = marker.split(':');
  return task === taskId && token !== undefined ? Number.parseInt(token, 10) : null;
}

/** Starts the detached process that carries a claimed task. */
export async function startCarrier(
  command: CarrierCommand,
  options: {
    workspace: string;
    logDir: string;
    env: Readonly<Record<string, string>>;
    credentials: CarrierCredentials;
  },
  claim: Claim,
): Promise<void> {
  const dir = path.join(options.logDir, claim.taskId);
  fs.mkdirSync(dir, { recursive: true });
  await spawnDetachedCarrier({
    execPath: command.execPath,
    args: [
      ...command.args,
      'work',
      claim.taskId,
      '--workspace',
      options.workspace,
      '--owner',
      claim.owner,
      '--token',
      String(claim.token),
    ],
    cwd: options.workspace,
    env: { ...options.env, ...command.env },
    logFile: path.join(dir, 'carrier.log'),
    credentials: options.credentials,
  });
}
