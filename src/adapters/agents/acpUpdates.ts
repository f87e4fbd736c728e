/** What the updates of an ACP session say, as events of a turn. */
import type { SessionUpdate } from '@agentclientprotocol/sdk';
import type { AgentEvent } from '../../tasks/ports.ts';
import { field, plainError, SIGN_OF_LIFE, textField } from './turn.ts';

export interface UpdateReader {
  /** One update. `SIGN_OF_LIFE` where it tells nothing. */
  read(update: SessionUpdate): AgentEvent[];
  /** A permission is asked for a call: it is in progress, and these are its facts so far. */
  toolCall(id: string): { facts: unknown; events: AgentEvent[] };
  /** The words since the last tool call, trimmed. */
  lastText(): string | null;
  /** Codex reports a failed turn as an ordinary end, and tells only here. */
  systemError(): boolean;
}

interface ToolCall {
  title: string;
  started: boolean;
  ended: boolean;
  facts: Record<string, unknown>;
}

export function createUpdateReader(): UpdateReader {
  const calls = new Map<string, ToolCall>();
  let text = '';
  let messageId: string | null = null;
  let systemError = false;

  const begin = (id: string, call: ToolCall): AgentEvent[] => {
    if (call.started) return [];
    call.started = true;
    return [{ type: 'tool', id, title: call.title, state: 'started' }];
  };

  const tool = (update: Extract<SessionUpdate, { sessionUpdate: 'tool_call' | 'tool_call_update' }>): AgentEvent[] => {
    const id = update.toolCallId;
    const call: ToolCall = calls.get(id) ?? { title: 'tool', started: false, ended: false, facts: {} };
    calls.set(id, call);
    call.title = update.title || call.title;
    for (const [key, value] of Object.entries(update))
      if (value !== null && value !== undefined) call.facts[key] = value;
    text = '';
    if (call.ended) return [SIGN_OF_LIFE];
    // A call that is only announced often has no title yet.
    if (update.sessionUpdate === 'tool_call' && update.status === 'pending') return [SIGN_OF_LIFE];
    const events = begin(id, call);
    if (update.status === 'completed' || update.status === 'failed') {
      call.ended = true;
      events.push({ type: 'tool', id, title: call.title, state: update.status });
    }
    return events.length > 0 ? events : [SIGN_OF_LIFE];
  };

  return {
    read: (update) => {
      switch (update.sessionUpdate) {
        case 'agent_message_chunk': {
          if (update.content.type !== 'text' || !update.content.text) return [SIGN_OF_LIFE];
          const id = update.messageId ?? null;
          if (id !== messageId) text = '';
          messageId = id;
          text += update.content.text;
          return [{ type: 'text', text: update.content.text }];
        }
        case 'agent_thought_chunk':
          if (update.content.type !== 'text' || !update.content.text) return [SIGN_OF_LIFE];
          return [{ type: 'thought', text: update.content.text }];
        case 'tool_call':
        case 'tool_call_update':
          return tool(update);
        case 'usage_update': {
          const cost = update.cost;
          // Other currencies cannot be held against a limit in dollars.
          return cost?.currency === 'USD' ? [{ type: 'usage', costUsd: cost.amount }] : [SIGN_OF_LIFE];
        }
        case 'session_info_update': {
          const status = field(field(field(update, '_meta'), 'codex'), 'threadStatus');
          if (status !== undefined) systemError = textField(status, 'type') === 'systemError';
          return [SIGN_OF_LIFE];
        }
        default:
          return [SIGN_OF_LIFE];
      }
    },
    toolCall: (id) => {
      const call = calls.get(id);
      return { facts: call?.facts, events: call && !call.ended ? begin(id, call) : [] };
    },
    lastText: () => text.trim() || null,
    systemError: () => systemError,
  };
}

/** Why a turn that ended in order still failed, or null. */
export function stopFailure(stopReason: string, systemError: boolean, lastText: string | null): string | null {
  if (systemError) return plainError(lastText ?? 'its model could not be reached');
  switch (stopReason) {
    case 'end_turn':
      return null;
    case 'refusal':
      return `it refused to go on${lastText ? `: ${lastText}` : ''}`;
    case 'max_tokens':
      return 'its answer reached the limit of tokens';
    case 'max_turn_requests':
      return 'it reached the limit of requests in one turn';
    case 'cancelled':
      return 'it cancelled the turn by itself';
    default:
      return `it stopped for a reason that AMPA does not know: ${stopReason}`;
  }
}
