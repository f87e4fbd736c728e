/** The processes of one task: recorded before they act, ended together. */
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { within } from './within.ts';
import { codeOf } from '../../errors.ts';
import type { ProcessKind, ProcessResult, ProcessSpec, RunningProcess, TaskProcesses } from '../../tasks/ports.ts';
import { endProcesses } from './end.ts';
import type { EndOptions } from './end.ts';
import { withOwner } from './env.ts';
import { processSpace } from './identity.ts';
import { spawnGated } from './spawn.ts';
import { listProcesses, readProcess } from './table.ts';
import type { ProcessRef } from './table.ts';

export interface LedgerEntry extends ProcessRef {
  kind: ProcessKind;
  bootId: string;
  pidNamespace: string;
}

/** Where pids are kept so that a takeover finds them. */
export interface ProcessLedger {
  /** Resolves when the record is durable; only then may the process act. */
  record(entry: LedgerEntry): Promise<void>;
  forget(pid: number): Promise<void>;
}

/** For programs that this process itself sees to the end: nobody has to find them later. */
export const NO_LEDGER: ProcessLedger = { record: async () => {}, forget: async () => {} };

export interface TaskProcessesOptions extends EndOptions {
  /** The marker of this task, without commas: all its processes carry it, whichever carrier started them. */
  owner: string;
  /** What children see, AMPA's secrets already removed (`childEnv`). */
  baseEnv: Readonly<Record<string, string>>;
  ledger: ProcessLedger;
  /** Milliseconds that a grandchild may keep the pipes open after the program has ended; 2 s. */
  pipeGraceMs?: number;
}

type Stream = 'stdout' | 'stderr';

interface Pump {
  lastData: number;
  bytes: number;
  /** The consumer has a chunk and has not finished with it. */
  busy: boolean;
  /** Resolves when the pipe has ended, or was destroyed, and the consumer has finished. */
  finished: Promise<void>;
}

/**
 * Hands out a pipe chunk by chunk and reads no further while the consumer is busy. Not by pausing:
 * when a child exits, Node resumes its paused streams.
 */
function pump(
  stream: Readable,
  name: Stream,
  onOutput: ProcessSpec['onOutput'],
  onFailure: (error: unknown) => void,
): Pump {
  const state: Pump = { lastData: 0, bytes: 0, busy: false, finished: Promise.resolve() };
  const chunks: AsyncIterable<Uint8Array> = stream;
  const read = async (): Promise<void> => {
    let failed = false;
    for await (const chunk of chunks) {
      state.lastData = Date.now();
      state.bytes += chunk.length;
      if (!onOutput || failed) continue;
      state.busy = true;
      try {
        await onOutput(chunk, name);
      } catch (error) {
        // The pipe is still read, so that the program can be ended in order.
        failed = true;
        onFailure(error);
      }
      state.busy = false;
      state.lastData = Date.now();
    }
  };
  state.finished = read().catch((error: unknown) => {
    if (codeOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE') onFailure(error);
  });
  return state;
}

/** No pipe holds more than this when its writer ends; what comes beyond is from a process left behind. */
const PIPE_BYTES = 4 * 1024 * 1024;

/**
 * Waits until what an ended program wrote has been read from pipes that a process left behind
 * keeps open: for a slow consumer as long as it takes, unless there is a hurry.
 */
async function drained(states: readonly Pump[], closed: () => boolean, hurry: () => boolean): Promise<void> {
  const bytes = (): number => states.reduce((sum, state) => sum + state.bytes, 0);
  const before = bytes();
  while (!closed()) {
    const busy = states.some((state) => state.busy) && !hurry();
    const quietFor = Date.now() - Math.max(...states.map((state) => state.lastData));
    if (!busy && (quietFor > 100 || bytes() - before > PIPE_BYTES)) return;
    await sleep(20);
  }
}

const CLOSED_STDIN = new Set(['EPIPE', 'ECONNRESET', 'EOF', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);

/** Implements the port. `owner` marks every process; see `endAll`. */
export function createTaskProcesses(options: TaskProcessesOptions): TaskProcesses {
  const { owner, baseEnv, ledger } = options;
  if (!owner || owner.includes(',')) throw new Error(`not a marker: ${JSON.stringify(owner)}`);
  const pipeGraceMs = options.pipeGraceMs ?? 2000;
  /** Recorded and not known to be gone, with those that a program left in its group when it ended. */
  const tracked = new Map<number, { ref: ProcessRef; left: ProcessRef[] }>();
  const prefix = `${owner}/${process.pid}-${Date.now().toString(36)}`;
  let count = 0;
  let ending = 0;

  const launch = async (spec: ProcessSpec, openStdin: boolean): Promise<RunningProcess> => {
    const marker = `${prefix}-${++count}`;
    const gated = await spawnGated(spec, withOwner({ ...baseEnv, ...spec.env }, owner, marker), openStdin);
    const { child, pid } = gated;
    const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    let isClosed = false;
    void closed.then(() => (isClosed = true));

    const entry: { ref: ProcessRef; left: ProcessRef[] } = { ref: { pid, startTime: '' }, left: [] };
    try {
      const [space, row] = await Promise.all([processSpace(), readProcess(pid)]);
      if (row) entry.ref = { pid, startTime: row.startTime };
      tracked.set(pid, entry);
      await ledger.record({ ...entry.ref, ...space, kind: spec.kind });
    } catch (error) {
      gated.close();
      child.kill('SIGKILL');
      tracked.delete(pid);
      throw error;
    }

    let timedOut = false;
    let aborted = false;
    let failure: { error: unknown } | null = null;
    let ended: Promise<void> | null = null;
    let giveUp: (error: unknown) => void = () => {};
    const unkillable = new Promise<never>((_, reject) => (giveUp = reject));
    const endTree = (): Promise<void> => {
      if (!ended) {
        ended = endProcesses({ refs: [entry.ref, ...entry.left], groups: [pid], markers: [marker] }, options);
        ended.catch(giveUp);
      }
      return ended;
    };
    const stop = (): void => {
      gated.close();
      void endTree();
    };
    const fail = (error: unknown): void => {
      failure ??= { error };
      stop();
    };

    child.stdin?.on('error', (error: NodeJS.ErrnoException) => {
      if (!CLOSED_STDIN.has(error.code ?? '')) fail(error);
    });
    const states = [
      pump(gated.stdout, 'stdout', spec.onOutput, fail),
      pump(gated.stderr, 'stderr', spec.onOutput, fail),
    ];

    const onAbort = (): void => {
      aborted = true;
      stop();
    };
    const timer =
      spec.timeoutMs === undefined ? undefined : setTimeout(() => ((timedOut = true), stop()), spec.timeoutMs);

    const finish = async (): Promise<ProcessResult> => {
      const exit = await Promise.race([exited, unkillable]);
      clearTimeout(timer);
      spec.signal?.removeEventListener('abort', onAbort);
      entry.left = await groupOf(pid);
      if (!isClosed) {
        await within(pipeGraceMs, closed);
        if (!isClosed) {
          await endProcesses({ refs: entry.left, groups: [pid], markers: [] }, options);
          await drained(
            states,
            () => isClosed,
            () => ended !== null,
          );
          destroyPipes(child);
          await closed;
        }
      }
      // A consumer that hangs must not keep an ended program open for ever.
      if (!ended) await Promise.all(states.map((state) => state.finished));
      await ended;
      if (entry.left.length === 0 || (await groupOf(pid)).length === 0) {
        if (tracked.get(pid) === entry) tracked.delete(pid);
        await ledger.forget(pid);
      }
      if (failure) throw failure.error;
      return { ...exit, timedOut, aborted };
    };
    const done = finish();
    // Whoever started the process may await `done` later than it rejects.
    done.catch(() => {});

    if (spec.signal?.aborted || ending > 0) onAbort();
    else {
      spec.signal?.addEventListener('abort', onAbort, { once: true });
      gated.open();
      if (spec.stdin !== undefined) child.stdin?.write(spec.stdin);
    }
    return {
      pid,
      stdin: { write: (data) => void child.stdin?.write(data), end: () => void child.stdin?.end() },
      done,
      end: async () => {
        gated.close();
        await endTree();
        // Whoever awaits `done` hears why it failed; here it only has to be over.
        await done.catch(() => {});
      },
    };
  };

  return {
    start: (spec) => launch(spec, true),
    run: async (spec) => {
      const running = await launch(spec, spec.stdin !== undefined);
      running.stdin.end();
      return running.done;
    },
    endAll: async () => {
      ending++;
      try {
        const entries = [...tracked.values()];
        const refs = entries.flatMap((entry) => [entry.ref, ...entry.left]);
        await endProcesses({ refs, groups: entries.map((entry) => entry.ref.pid), markers: [owner] }, options);
        for (const entry of entries) {
          tracked.delete(entry.ref.pid);
          await ledger.forget(entry.ref.pid);
        }
      } finally {
        ending--;
      }
    },
  };
}

/** Living members of the group that `pid` led; asked only at once after it ended, before its number can be reused. */
async function groupOf(pid: number): Promise<ProcessRef[]> {
  if (process.platform === 'win32') return [];
  try {
    process.kill(-pid, 0);
  } catch (error) {
    // Any other answer comes from a group that is there.
    if (codeOf(error) === 'ESRCH') return [];
  }
  const rows = await listProcesses();
  return rows
    .filter((row) => row.pgid === pid && !row.zombie)
    .map(({ pid: member, startTime }) => ({ pid: member, startTime }));
}

function destroyPipes(child: ChildProcess): void {
  child.stdin?.destroy();
  child.stdout?.destroy();
  child.stderr?.destroy();
  child.stdio[3]?.destroy();
}
