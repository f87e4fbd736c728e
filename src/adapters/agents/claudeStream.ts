/** The JSON lines of Claude Code's `--output-format stream-json` and of Amp's `--stream-json`, which follows it. */
import type { AgentEvent } from '../../tasks/ports.ts';
import { newStreamResult, type StreamParser } from './streamResult.ts';
import { arrayField, field, numberField, plainError, SIGN_OF_LIFE, textField } from './turn.ts';

/** A tool call in a few words: its name and the argument that tells most. */
function toolTitle(name: string, input: unknown): string {
  for (const key of ['command', 'cmd', 'file_path', 'path', 'pattern', 'url', 'query', 'description', 'prompt']) {
    const value = textField(input, key);
    if (value) return `${name}: ${value.split('\n')[0]?.slice(0, 200)}`;
  }
  return name;
}

/** Reads one run's lines. Pure but for its own state; a line it does not know gives `output`. */
export function createClaudeParser(): StreamParser {
  const titles = new Map<string, string>();
  const result = newStreamResult();

  const assistant = (line: unknown): AgentEvent[] => {
    const events: AgentEvent[] = [];
    // A subagent's words are not the agent's last words.
    const isOwn = !textField(line, 'parent_tool_use_id');
    if (textField(line, 'error') === 'authentication_failed') result.auth = true;
    for (const block of arrayField(field(line, 'message'), 'content')) {
      const type = textField(block, 'type');
      const text = textField(block, 'text') ?? textField(block, 'thinking') ?? '';
      if (type === 'text' && text && isOwn) {
        events.push({ type: 'text', text });
        result.summary = text;
      } else if (type === 'thinking' && text && isOwn) events.push({ type: 'thought', text });
      else if (type === 'tool_use') {
        const id = textField(block, 'id') ?? '';
        const title = toolTitle(textField(block, 'name') ?? 'tool', field(block, 'input'));
        titles.set(id, title);
        events.push({ type: 'tool', id, title, state: 'started' });
      } else if (text) events.push({ type: 'output', chunk: `${text}\n` });
    }
    return events;
  };

  const user = (line: unknown): AgentEvent[] => {
    const events: AgentEvent[] = [];
    for (const block of arrayField(field(line, 'message'), 'content')) {
      const id = textField(block, 'tool_use_id');
      if (textField(block, 'type') !== 'tool_result' || id === null) continue;
      events.push({
        type: 'tool',
        id,
        title: titles.get(id) ?? 'tool',
        state: field(block, 'is_error') === true ? 'failed' : 'completed',
      });
    }
    return events;
  };

  const end = (line: unknown): AgentEvent[] => {
    const events: AgentEvent[] = [];
    const usage = field(line, 'usage');
    const input = ['input_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens'].map((key) =>
      numberField(usage, key),
    );
    const inputTokens = input.some((count) => count !== undefined)
      ? input.reduce<number>((sum, count) => sum + (count ?? 0), 0)
      : undefined;
    const costUsd = numberField(line, 'total_cost_usd');
    const outputTokens = numberField(usage, 'output_tokens');
    if (costUsd !== undefined || inputTokens !== undefined || outputTokens !== undefined) {
      events.push({
        type: 'usage',
        ...(costUsd === undefined ? {} : { costUsd }),
        ...(inputTokens === undefined ? {} : { inputTokens }),
        ...(outputTokens === undefined ? {} : { outputTokens }),
      });
    }
    for (const denial of arrayField(line, 'permission_denials')) {
      result.denied = true;
      events.push({
        type: 'denied',
        title: toolTitle(textField(denial, 'tool_name') ?? 'tool', field(denial, 'tool_input')),
      });
    }
    const said = textField(line, 'result');
    // Claude reports API errors with the subtype `success`: only `is_error` tells.
    if (field(line, 'is_error') === false) {
      result.state = 'completed';
      result.summary = said || result.summary;
      return events;
    }
    const errors = arrayField(line, 'errors').map(String).join('\n');
    result.state = 'failed';
    result.error = plainError(textField(line, 'error') ?? (errors || said || textField(line, 'subtype') || ''));
    result.auth ||= numberField(line, 'api_error_status') === 401;
    result.noSession = /no conversation found|thread .*not found|no such thread/i.test(result.error);
    return events;
  };

  return {
    push: (line) => {
      const session = textField(line, 'session_id');
      const events: AgentEvent[] = [];
      if (session && session !== result.session && textField(line, 'type') !== 'result') {
        result.session = session;
        events.push({ type: 'session', session });
      }
      switch (textField(line, 'type')) {
        case 'assistant':
          return [...events, ...assistant(line)];
        case 'user':
          return [...events, ...user(line)];
        case 'result':
          return [...events, ...end(line)];
        case 'system': {
          if (textField(line, 'subtype') !== 'api_retry') return [...events, SIGN_OF_LIFE];
          const reason = textField(line, 'error') ?? 'unknown';
          const status = numberField(line, 'error_status') ?? '?';
          const of = `${numberField(line, 'attempt') ?? '?'} of ${numberField(line, 'max_retries') ?? '?'}`;
          return [...events, { type: 'output', chunk: `the model's API failed (${status}, ${reason}): retry ${of}\n` }];
        }
        default:
          return [...events, { type: 'output', chunk: `${JSON.stringify(line).slice(0, 2000)}\n` }];
      }
    },
    result: () => result,
  };
}
