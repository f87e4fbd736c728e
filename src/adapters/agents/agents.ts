/** The port for agents, over its three adapters. */
import { codeOf } from '../../errors.ts';
import type { Agents, AgentTurn, TaskProcesses, TurnOutcome } from '../../tasks/ports.ts';
import type { AgentSpec } from '../../tasks/task.ts';
import { CANCEL_GRACE_MS } from '../../tasks/timings.ts';
import { checkAgent, missingProgram } from './check.ts';
import { runCommandTurn } from './command.ts';
import { knownAgent, launchOf } from './known.ts';
import type { FindProgram } from './resolve.ts';
import { runStreamJsonTurn } from './streamJson.ts';
import { outcomeOf } from './turn.ts';

export interface CreateAgentsOptions {
  /** What children see, AMPA's secrets already removed (`childEnv`): the same as the processes get. */
  env: Readonly<Record<string, string>>;
  find: FindProgram;
  /** Milliseconds for an agent to act on its own cancel before it is ended; `CANCEL_GRACE_MS`. */
  cancelMs?: number;
  /** Milliseconds for an agent's process to end after its turn before it is ended; 1 s over ACP, 5 s else. */
  closeMs?: number;
  /** Milliseconds for each question of `check` to a program; 5 s. */
  checkMs?: number;
}

const isRoot = (): boolean => process.getuid?.() === 0;

export function createAgents(options: CreateAgentsOptions): Agents {
  const { env } = options;
  const checking = { env, find: options.find, timeoutMs: options.checkMs ?? 5000 };
  const run = async (spec: AgentSpec, turn: AgentTurn, processes: TaskProcesses): Promise<TurnOutcome> => {
    const launch = launchOf(spec, turn.permissions, isRoot());
    switch (spec.type) {
      case 'acp': {
        // The protocol is hundreds of schemas: they are made where an agent speaks it, not at each start of a program.
        const { runAcpTurn } = await import('./acp.ts');
        return runAcpTurn(spec, turn, processes, {
          launch,
          keyLogins: knownAgent(spec.name)?.keyLogins ?? [],
          env,
          cancelMs: options.cancelMs ?? CANCEL_GRACE_MS,
          closeMs: options.closeMs ?? 1000,
        });
      }
      case 'stream-json':
        return runStreamJsonTurn(spec, turn, processes, { launch, closeMs: options.closeMs ?? 5000 });
      case 'command':
        return runCommandTurn(spec, turn, processes);
    }
  };
  return {
    coAuthor: (spec) => knownAgent(spec.name)?.coAuthor ?? `${spec.name} <${spec.name}@agents.invalid>`,
    missingProgram: (spec) => missingProgram(spec, checking),
    check: (spec) => checkAgent(spec, checking),
    runTurn: async (spec, turn, processes) => {
      try {
        return await run(spec, turn, processes);
      } catch (error) {
        // The program was there at the check and is gone now, or lost its right to be executed.
        if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EACCES') throw error;
        const detail = error instanceof Error ? error.message : String(error);
        return outcomeOf({
          outcome: 'failed',
          session: turn.session,
          resumed: false,
          error: `it could not be started: ${detail}`,
        });
      }
    },
  };
}
