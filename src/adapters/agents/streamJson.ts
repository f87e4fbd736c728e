/** Agents that print JSON lines: one process per turn, the prompt on stdin, the session by argument. */
import { randomUUID } from 'node:crypto';
import { within } from '../process/within.ts';
import { aborted } from '../../tasks/waiting.ts';
import type { AgentTurn, ProcessResult, RunningProcess, TaskProcesses, TurnOutcome } from '../../tasks/ports.ts';
import type { AgentSpec } from '../../tasks/task.ts';
import { createClaudeParser } from './claudeStream.ts';
import { createCodexParser } from './codexStream.ts';
import type { Launch } from './known.ts';
import { createLineSplitter, createTail, MessageTooLong } from './lines.ts';
import type { StreamParser, StreamResult } from './streamResult.ts';
import { createSink, exitWords, lastWords, outcomeOf } from './turn.ts';

type Dialect = NonNullable<AgentSpec['dialect']>;

interface Run {
  session: string | null;
  /** Chosen by us for a new session, where the agent lets us: then it is committed before the prompt is sent. */
  newSession: string | null;
  launch: Launch;
}

/** The whole command line of one run. Exported for its test. */
export function streamJsonArgv(
  argv: readonly string[],
  dialect: Dialect,
  { session, newSession, launch }: Run,
): string[] {
  if (launch.foreign) return [...argv];
  switch (dialect) {
    case 'amp':
      return [...argv, ...(session ? ['threads', 'continue', session] : []), '-x', '--stream-json', ...launch.args];
    case 'claude':
      return [
        ...argv,
        ...['-p', '--output-format', 'stream-json', '--verbose'],
        ...launch.args,
        ...(session ? ['--resume', session] : newSession ? ['--session-id', newSession] : []),
      ];
    case 'codex':
      return [
        ...argv,
        'exec',
        ...(session ? ['resume'] : []),
        '--json',
        ...launch.args,
        ...(session ? [session] : []),
        '-',
      ];
  }
}

const parserOf = (dialect: Dialect): StreamParser => (dialect === 'codex' ? createCodexParser() : createClaudeParser());

export interface StreamJsonOptions {
  launch: Launch;
  /** Milliseconds that the program may take to end after it has said how the turn went; 5 s. */
  closeMs: number;
}

/** One turn. Rejects only when a listener of the turn throws or the program cannot be started. */
export async function runStreamJsonTurn(
  spec: AgentSpec,
  turn: AgentTurn,
  processes: TaskProcesses,
  options: StreamJsonOptions,
): Promise<TurnOutcome> {
  const first = await runOnce(spec, turn, processes, options, turn.session);
  if (!first.noSession) return first.outcome;
  await turn.onEvent({ type: 'output', chunk: `the session ${turn.session} is gone: a new one is begun\n` });
  return (await runOnce(spec, turn, processes, options, null)).outcome;
}

async function runOnce(
  spec: AgentSpec,
  turn: AgentTurn,
  processes: TaskProcesses,
  { launch, closeMs }: StreamJsonOptions,
  session: string | null,
): Promise<{ outcome: TurnOutcome; noSession: boolean }> {
  const dialect = spec.dialect ?? 'claude';
  const newSession = session === null && dialect === 'claude' && !launch.foreign ? randomUUID() : null;
  const parser = parserOf(dialect);
  const sink = createSink(turn);
  const noise = createTail(16_000);
  const stderr = new TextDecoder();
  const ended = new AbortController();
  let failure: string | null = null;
  let waitsForLogin = false;

  const stop = (reason: string): void => {
    failure ??= reason;
    ended.abort();
  };
  const onNoise = (text: string): void => {
    noise.add(text);
    sink.emit({ type: 'output', chunk: text });
    // Amp opens a browser and waits for a person who is not there.
    if (dialect === 'amp' && /starting login flow/i.test(text)) {
      waitsForLogin = true;
      stop('it is not signed in');
    }
  };
  const lines = createLineSplitter((text) => {
    let line: unknown;
    try {
      line = JSON.parse(text);
    } catch {
      return onNoise(`${text}\n`);
    }
    for (const event of parser.push(line)) {
      sink.emit(event);
      if (event.type === 'session') sink.run(() => turn.onSession(event.session));
    }
    if (parser.result().state !== 'running') ended.abort();
  });

  if (turn.signal.aborted)
    return { outcome: outcomeOf({ outcome: 'cancelled', session, resumed: false }), noSession: false };
  const running = await processes.start({
    kind: 'agent',
    command: { argv: streamJsonArgv(spec.argv, dialect, { session, newSession, launch }) },
    cwd: turn.cwd,
    env: { ...turn.env, ...launch.env },
    signal: AbortSignal.any([turn.signal, sink.broken]),
    onOutput: (chunk, stream) => {
      if (failure === null && stream === 'stderr') onNoise(stderr.decode(chunk, { stream: true }));
      else if (failure === null) {
        try {
          lines.push(chunk);
        } catch (error) {
          if (!(error instanceof MessageTooLong)) throw error;
          stop(error.message);
        }
      }
      return sink.pressure();
    },
  });

  let result: ProcessResult;
  try {
    const committed = session ?? newSession;
    if (committed) await turn.onSession(committed);
    await turn.onSending();
    running.stdin.write(session === null ? turn.freshPrompt : turn.prompt);
    running.stdin.end();
    result = await Promise.race([running.done, closing(ended.signal, running, () => (failure === null ? closeMs : 0))]);
  } catch (error) {
    await running.end();
    throw error;
  }
  if (failure === null) lines.flush();
  await sink.idle();

  const said = parser.result();
  const known = said.session ?? session ?? newSession;
  const base = { session: known, resumed: session !== null, summary: said.summary, denied: said.denied };
  if (turn.signal.aborted) return { outcome: outcomeOf({ ...base, outcome: 'cancelled' }), noSession: false };
  if (failure !== null)
    return {
      outcome: outcomeOf({ ...base, outcome: 'failed', error: failure, auth: waitsForLogin }),
      noSession: false,
    };
  const { completed, error } = judge(dialect, said, result, noise.text());
  if (completed) return { outcome: outcomeOf({ ...base, outcome: 'completed' }), noSession: false };
  const noSession = session !== null && (said.noSession || (said.state === 'running' && sessionIsGone(noise.text())));
  return {
    outcome: outcomeOf({ ...base, outcome: 'failed', error, auth: said.auth || launch.speaksOfLogin(error) }),
    noSession,
  };
}

/** After the last word, or a failure: waits a moment for the program to end by itself, then ends it. */
async function closing(signal: AbortSignal, running: RunningProcess, closeMs: () => number): Promise<ProcessResult> {
  await aborted(signal);
  await within(closeMs(), running.done);
  await running.end();
  return running.done;
}

const sessionIsGone = (text: string): boolean =>
  /no (rollout|conversation|session|thread) found|(thread|session|conversation)\b.{0,60}\b(not found|does not exist|could not be found)/i.test(
    text,
  );

function judge(
  dialect: Dialect,
  said: StreamResult,
  exit: ProcessResult,
  noise: string,
): { completed: boolean; error: string } {
  if (said.state === 'failed')
    return { completed: false, error: said.error || lastWords(noise) || exitWords(exit, noise) };
  if (said.state === 'running') {
    const error =
      exit.code === 0 ? `it ended without a result${noise ? `: ${lastWords(noise)}` : ''}` : exitWords(exit, noise);
    return { completed: false, error };
  }
  // Of Codex the exit code counts too; one that we had to end after its last word has none.
  if (dialect === 'codex' && exit.code !== 0 && exit.code !== null)
    return { completed: false, error: exitWords(exit, noise) };
  return { completed: true, error: '' };
}
