import os from 'node:os';
import { recordOf, rowOf } from './processRows.ts';
import { reap } from '../adapters/process/end.ts';
import { createTaskProcesses } from '../adapters/process/taskProcesses.ts';
import type {
  Claimed,
  Run,
  RunContext,
  RunEnd,
  RunOutputs,
  ScheduleStore,
  StartedTask,
  TaskRequest,
} from '../scheduler/ports.ts';
import { typeOf } from '../scheduler/types.ts';
import { describeError } from '../errors.ts';
import type { ProcessSpec } from '../tasks/ports.ts';
import { createRedactor } from '../tasks/redact.ts';

export interface RunCommandDeps {
  store: ScheduleStore;
  outputs: RunOutputs;
  workspace: string;
  childEnv: Readonly<Record<string, string>>;
  /** Seconds that a run may take where its command does not say. */
  timeoutSeconds(): number;
  /** Records a task under the id of the run. */
  startTask(runId: string, request: TaskRequest): Promise<StartedTask>;
  isTaskActive(id: string): Promise<boolean>;
  /** Values that nothing may show. */
  secrets: readonly string[];
  githubRepo(): Promise<string>;
  announce: RunContext['announce'];
  pulse: RunContext['pulse'];
  /** The output as it comes, for whoever watches. */
  onOutput?: (text: string) => void;
}

export const machine = os.hostname();

/** Of the output so much is kept for those who are told of a failure: more than a message holds. */
const TAIL = 4000;

/** Marks the processes of a run, however far they detach. */
const markerOf = (runId: string): string => `run-${runId}`;

/** Does what the type of a claimed command does; resolves when no process of the run is left. */
export async function runCommand(deps: RunCommandDeps, claimed: Claimed, signal: AbortSignal): Promise<RunEnd> {
  const { run, previousTask } = claimed;
  const { spec } = run;
  const output = await deps.outputs.open(spec.id, run.id);
  let tail = '';
  // Masked before it is cut: half a secret is not known as one.
  const redactor = createRedactor(deps.secrets);
  const say = (text: string): void => {
    output.write(text);
    tail = (tail + redactor.push(text)).slice(-TAIL);
    deps.onOutput?.(text);
  };
  const saidLast = (): string => (tail + redactor.rest()).slice(-TAIL);
  const processes = createTaskProcesses({
    owner: markerOf(run.id),
    baseEnv: { ...deps.childEnv, AMPA_COMMAND_ID: spec.id, AMPA_RUN_ID: run.id, AMPA_WORKSPACE: deps.workspace },
    ledger: {
      record: (entry) => deps.store.recordProcess(run.id, rowOf(entry)),
      forget: (pid) => deps.store.forgetProcess(run.id, pid),
    },
  });
  const longestMs = Math.min((spec.max_runtime_minutes ?? deps.timeoutSeconds() / 60) * 60_000, 2 ** 31 - 1);
  const start = (command: ProcessSpec['command'], timeoutMs: number) => {
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    return processes.run({
      kind: 'command',
      command,
      cwd: deps.workspace,
      signal,
      timeoutMs,
      onOutput: (chunk, stream) => say(decoders[stream].decode(chunk, { stream: true })),
    });
  };
  const context: RunContext = {
    runId: run.id,
    spec,
    signal,
    previousTask,
    say,
    shell: (text) => start({ shell: text }, longestMs),
    program: (argv, timeoutMs) => start({ argv }, Math.min(timeoutMs, longestMs)),
    githubRepo: deps.githubRepo,
    async startTask(request) {
      // Before it is there: a crash in between must not let the next run start another beside it.
      await deps.store.noteTask(spec.id, run.id);
      return deps.startTask(run.id, request);
    },
    isTaskActive: deps.isTaskActive,
    announce: deps.announce,
    pulse: deps.pulse,
  };
  try {
    const type = typeOf(spec.type);
    if (!type) {
      say(`Commands of the type ${spec.type} cannot run here.\n`);
      return { status: 'failed', exit_code: 2, tail: saidLast() };
    }
    const end = await type.run(context);
    return { ...end, tail: saidLast() };
  } catch (error) {
    say(`[ampa] ${describeError(error)}\n`);
    return { status: 'failed', exit_code: 1, tail: saidLast() };
  } finally {
    try {
      await processes.endAll();
    } finally {
      await output.close();
    }
  }
}

/** Ends the processes that a run of a dead host has left on this machine. */
export async function reapRun(store: ScheduleStore, run: Run): Promise<void> {
  const recorded = await store.processesOf(run.id);
  await reap(recorded.map(recordOf), [markerOf(run.id)]);
}
