/** The JSON lines of `codex exec --json`. */
import type { AgentEvent } from '../../tasks/ports.ts';
import { newStreamResult, type StreamParser } from './streamResult.ts';
import { arrayField, field, numberField, plainError, SIGN_OF_LIFE, textField } from './turn.ts';

function itemTitle(type: string, item: unknown): string {
  switch (type) {
    case 'command_execution':
      return textField(item, 'command') ?? 'command';
    case 'file_change':
      return `edit: ${arrayField(item, 'changes')
        .map((change) => textField(change, 'path') ?? '?')
        .join(', ')}`;
    case 'mcp_tool_call':
      return `${textField(item, 'server') ?? 'mcp'}: ${textField(item, 'tool') ?? 'tool'}`;
    case 'web_search':
      return `search: ${textField(item, 'query') ?? ''}`;
    default:
      return type.replaceAll('_', ' ');
  }
}

const TOOLS = new Set(['command_execution', 'file_change', 'mcp_tool_call', 'web_search', 'collab_tool_call']);

/**
 * Reads one run's lines. An item of type `error` and a line of type `error` are remarks (a
 * fallback, a reconnect); only `turn.failed` and the exit code tell that the turn failed.
 */
export function createCodexParser(): StreamParser {
  const result = newStreamResult();
  const started = new Set<string>();

  const item = (kind: string, value: unknown): AgentEvent[] => {
    const type = textField(value, 'type') ?? '';
    const id = textField(value, 'id') ?? '';
    const text = textField(value, 'text') ?? '';
    if (TOOLS.has(type)) {
      const title = itemTitle(type, value);
      const events: AgentEvent[] = [];
      if (!started.has(id)) {
        started.add(id);
        events.push({ type: 'tool', id, title, state: 'started' });
      }
      const status = textField(value, 'status');
      if (status === 'declined') {
        result.denied = true;
        events.push({ type: 'denied', title });
      }
      if (kind === 'item.completed') {
        const failed = status === 'failed' || status === 'declined';
        events.push({ type: 'tool', id, title, state: failed ? 'failed' : 'completed' });
      }
      return events;
    }
    if (kind !== 'item.completed') return [SIGN_OF_LIFE];
    if (type === 'agent_message' && text) {
      result.summary = text;
      return [{ type: 'text', text }];
    }
    if (type === 'reasoning' && text) return [{ type: 'thought', text }];
    const remark = textField(value, 'message');
    return [{ type: 'output', chunk: remark ? `${remark}\n` : '' }];
  };

  return {
    push: (line) => {
      const type = textField(line, 'type') ?? '';
      switch (type) {
        case 'thread.started': {
          const session = textField(line, 'thread_id');
          if (!session) return [SIGN_OF_LIFE];
          result.session = session;
          return [{ type: 'session', session }];
        }
        case 'turn.started':
          return [SIGN_OF_LIFE];
        case 'item.started':
        case 'item.updated':
        case 'item.completed':
          return item(type, field(line, 'item'));
        case 'turn.completed': {
          result.state = 'completed';
          const usage = field(line, 'usage');
          const inputTokens = numberField(usage, 'input_tokens');
          const outputTokens = numberField(usage, 'output_tokens');
          if (inputTokens === undefined || outputTokens === undefined) return [];
          return [{ type: 'usage', inputTokens, outputTokens }];
        }
        case 'turn.failed':
          result.state = 'failed';
          result.error = plainError(textField(field(line, 'error'), 'message') ?? '');
          return [];
        case 'error':
          return [{ type: 'output', chunk: `${plainError(textField(line, 'message') ?? '')}\n` }];
        default:
          return [{ type: 'output', chunk: `${JSON.stringify(line).slice(0, 2000)}\n` }];
      }
    },
    result: () => result,
  };
}
