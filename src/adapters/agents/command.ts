/** Any shell command as an agent: the prompt on stdin, exit 0 is completed. */
import type { AgentTurn, TaskProcesses, TurnOutcome } from '../../tasks/ports.ts';
import type { AgentSpec } from '../../tasks/task.ts';
import { createTail } from './lines.ts';
import { createSink, exitWords, lastWords, outcomeOf } from './turn.ts';

/**
 * One turn. The prompt is on stdin and in the file that `AMPA_PROMPT_FILE` names; a command keeps
 * no session, so it always gets the whole story. Rejects only when a listener of the turn throws.
 */
export async function runCommandTurn(spec: AgentSpec, turn: AgentTurn, processes: TaskProcesses): Promise<TurnOutcome> {
  const shell = spec.argv[0] ?? '';
  const sink = createSink(turn);
  const said = createTail(16_000);
  const errors = createTail(16_000);
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const base = { session: null, resumed: false };
  if (turn.signal.aborted) return outcomeOf({ ...base, outcome: 'cancelled' });

  await turn.onSending();
  const result = await processes.run({
    kind: 'agent',
    command: { shell },
    cwd: turn.cwd,
    env: turn.env,
    stdin: turn.freshPrompt,
    signal: AbortSignal.any([turn.signal, sink.broken]),
    onOutput: (chunk, stream) => {
      const text = decoders[stream].decode(chunk, { stream: true });
      (stream === 'stdout' ? said : errors).add(text);
      sink.emit({ type: 'output', chunk: text });
      return sink.pressure();
    },
  });
  await sink.idle();

  const summary = lastWords(said.text())?.split('\n').slice(-20).join('\n') ?? null;
  if (turn.signal.aborted) return outcomeOf({ ...base, outcome: 'cancelled', summary });
  if (result.code === 0) return outcomeOf({ ...base, outcome: 'completed', summary });
  const words = exitWords(result, errors.text() || said.text());
  const why =
    result.code === 127
      ? 'its command was not found: '
      : result.code === 126
        ? 'its command may not be executed: '
        : '';
  return outcomeOf({ ...base, outcome: 'failed', summary, error: why + words });
}
