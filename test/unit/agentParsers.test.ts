import assert from 'node:assert/strict';
import type { SessionUpdate } from '@agentclientprotocol/sdk';
import { createUpdateReader, stopFailure } from '../../src/adapters/agents/acpUpdates.ts';
import { createClaudeParser } from '../../src/adapters/agents/claudeStream.ts';
import { createCodexParser } from '../../src/adapters/agents/codexStream.ts';
import { createLineSplitter, createTail, MessageTooLong } from '../../src/adapters/agents/lines.ts';
import type { StreamParser } from '../../src/adapters/agents/streamResult.ts';
import { plainError } from '../../src/adapters/agents/turn.ts';
import type { AgentEvent } from '../../src/tasks/ports.ts';

const feed = (parser: StreamParser, lines: string): AgentEvent[] =>
  lines
    .trim()
    .split('\n')
    .flatMap((line) => parser.push(JSON.parse(line)));

/** Without bare signs of life. */
const telling = (events: AgentEvent[]): AgentEvent[] =>
  events.filter((event) => event.type !== 'output' || event.chunk !== '');

describe('lines of Claude Code', () => {
  const done = String.raw`
{"type":"system","subtype":"init","cwd":"/w","session_id":"90b87800","tools":["Bash"],"mcp_servers":[],"model":"claude-opus-4-8","permissionMode":"bypassPermissions","apiKeySource":"ANTHROPIC_API_KEY","claude_code_version":"2.1.197","uuid":"aac2b360"}
{"type":"assistant","message":{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"Bash","input":{"command":"echo hi > c.txt","description":"stub"}}],"stop_reason":null,"usage":{"input_tokens":10,"output_tokens":1}},"parent_tool_use_id":null,"session_id":"90b87800","uuid":"797b25d3"}
{"type":"user","message":{"role":"user","content":[{"tool_use_id":"toolu_1","type":"tool_result","content":"(Bash completed with no output)","is_error":false}]},"parent_tool_use_id":null,"session_id":"90b87800","tool_use_result":{"stdout":"","stderr":"","interrupted":false}}
{"type":"assistant","message":{"id":"msg_2","type":"message","role":"assistant","content":[{"type":"text","text":"Stub finished after 1 tool results."}],"stop_reason":null},"parent_tool_use_id":null,"session_id":"90b87800","uuid":"5a388553"}
{"type":"result","subtype":"success","is_error":false,"api_error_status":null,"duration_ms":120,"num_turns":2,"result":"Stub finished after 1 tool results.","stop_reason":"end_turn","session_id":"90b87800","total_cost_usd":0.000525,"usage":{"input_tokens":20,"cache_creation_input_tokens":0,"cache_read_input_tokens":5,"output_tokens":10},"permission_denials":[],"terminal_reason":"completed"}`;

  it('a turn is its session, its tools, its words and its cost', () => {
    const parser = createClaudeParser();
    assert.deepEqual(telling(feed(parser, done)), [
      { type: 'session', session: '90b87800' },
      { type: 'tool', id: 'toolu_1', title: 'Bash: echo hi > c.txt', state: 'started' },
      { type: 'tool', id: 'toolu_1', title: 'Bash: echo hi > c.txt', state: 'completed' },
      { type: 'text', text: 'Stub finished after 1 tool results.' },
      { type: 'usage', costUsd: 0.000525, inputTokens: 25, outputTokens: 10 },
    ]);
    const { state, summary, session } = parser.result();
    assert.deepEqual(
      { state, summary, session },
      { state: 'completed', summary: 'Stub finished after 1 tool results.', session: '90b87800' },
    );
  });

  it('an API error calls itself a success, and is_error tells', () => {
    const parser = createClaudeParser();
    feed(
      parser,
      `{"type":"result","subtype":"success","is_error":true,"api_error_status":400,"result":"API Error: 400 stub error 400","session_id":"7d07","total_cost_usd":0,"usage":{"input_tokens":0,"output_tokens":0},"permission_denials":[]}`,
    );
    const { state, error, auth } = parser.result();
    assert.deepEqual({ state, error, auth }, { state: 'failed', error: 'API Error: 400 stub error 400', auth: false });
  });

  it('a result that does not say whether it is an error is one', () => {
    const parser = createClaudeParser();
    feed(parser, `{"type":"result","subtype":"error_max_turns","session_id":"x"}`);
    assert.deepEqual([parser.result().state, parser.result().error], ['failed', 'error_max_turns']);
  });

  it('a missing login is told by the message and by the status', () => {
    const parser = createClaudeParser();
    feed(
      parser,
      `
{"type":"assistant","message":{"id":"e8","model":"<synthetic>","role":"assistant","content":[{"type":"text","text":"Not logged in · Please run /login"}]},"parent_tool_use_id":null,"session_id":"50a7","error":"authentication_failed"}
{"type":"result","subtype":"success","is_error":true,"api_error_status":null,"result":"Not logged in · Please run /login","session_id":"50a7","permission_denials":[]}`,
    );
    assert.equal(parser.result().auth, true);
    const other = createClaudeParser();
    feed(
      other,
      `{"type":"result","subtype":"success","is_error":true,"api_error_status":401,"result":"API Error","session_id":"5"}`,
    );
    assert.equal(other.result().auth, true);
  });

  it('retries of the API are signs of life that say why', () => {
    const events = feed(
      createClaudeParser(),
      `{"type":"system","subtype":"api_retry","attempt":2,"max_retries":10,"retry_delay_ms":1049,"error_status":401,"error":"authentication_failed","session_id":"18d7"}`,
    );
    assert.deepEqual(events.at(-1), {
      type: 'output',
      chunk: "the model's API failed (401, authentication_failed): retry 2 of 10\n",
    });
  });

  it('denials are told, and a session that is gone is known', () => {
    const parser = createClaudeParser();
    const events = feed(
      parser,
      `{"type":"result","subtype":"success","is_error":false,"result":"I may not.","session_id":"c","permission_denials":[{"tool_name":"Bash","tool_use_id":"t","tool_input":{"command":"rm x"}}]}`,
    );
    assert.deepEqual(events, [{ type: 'denied', title: 'Bash: rm x' }]);
    assert.equal(parser.result().denied, true);
    const gone = createClaudeParser();
    feed(
      gone,
      `{"type":"result","subtype":"error_during_execution","is_error":true,"num_turns":0,"session_id":"1111","errors":["No conversation found with session ID: 1111"]}`,
    );
    assert.equal(gone.result().noSession, true);
    assert.equal(gone.result().session, null);
  });

  it("a subagent's words are not the agent's", () => {
    const parser = createClaudeParser();
    const events = feed(
      parser,
      `{"type":"assistant","message":{"content":[{"type":"text","text":"inner"}]},"parent_tool_use_id":"toolu_9","session_id":"s"}`,
    );
    assert.deepEqual(events.at(-1), { type: 'output', chunk: 'inner\n' });
    assert.equal(parser.result().summary, null);
  });

  it('lines it does not know are logged', () => {
    const parser = createClaudeParser();
    assert.deepEqual(parser.push({ type: 'rate_limit_event', x: 1 }), [
      { type: 'output', chunk: '{"type":"rate_limit_event","x":1}\n' },
    ]);
    for (const odd of [null, 1, 'x', [], {}]) assert.equal(parser.push(odd)[0]?.type, 'output');
  });

  it("Amp's own error field is read", () => {
    const parser = createClaudeParser();
    feed(
      parser,
      `{"type":"result","subtype":"error_during_execution","duration_ms":1,"is_error":true,"num_turns":0,"error":"out of credits","session_id":"T-1"}`,
    );
    assert.equal(parser.result().error, 'out of credits');
  });
});

describe('lines of Codex', () => {
  it('an item of type error is a remark, and the turn is completed', () => {
    const parser = createCodexParser();
    const events = feed(
      parser,
      String.raw`
{"type":"thread.started","thread_id":"01a1f771"}
{"type":"item.completed","item":{"id":"item_0","type":"error","message":"Model metadata for stub not found."}}
{"type":"turn.started"}
{"type":"item.started","item":{"id":"item_1","type":"command_execution","command":"/bin/bash -lc 'echo hi > x.txt'","aggregated_output":"","exit_code":null,"status":"in_progress"}}
{"type":"item.completed","item":{"id":"item_1","type":"command_execution","command":"/bin/bash -lc 'echo hi > x.txt'","aggregated_output":"","exit_code":0,"status":"completed"}}
{"type":"item.completed","item":{"id":"item_3","type":"file_change","changes":[{"path":"/w/a.ts","kind":"update"}],"status":"completed"}}
{"type":"item.completed","item":{"id":"item_4","type":"reasoning","text":"hm"}}
{"type":"item.completed","item":{"id":"item_2","type":"agent_message","text":"Stub finished after 1 tool results."}}
{"type":"turn.completed","usage":{"input_tokens":20,"cached_input_tokens":0,"output_tokens":10,"reasoning_output_tokens":0}}`,
    );
    const command = "/bin/bash -lc 'echo hi > x.txt'";
    assert.deepEqual(telling(events), [
      { type: 'session', session: '01a1f771' },
      { type: 'output', chunk: 'Model metadata for stub not found.\n' },
      { type: 'tool', id: 'item_1', title: command, state: 'started' },
      { type: 'tool', id: 'item_1', title: command, state: 'completed' },
      { type: 'tool', id: 'item_3', title: 'edit: /w/a.ts', state: 'started' },
      { type: 'tool', id: 'item_3', title: 'edit: /w/a.ts', state: 'completed' },
      { type: 'thought', text: 'hm' },
      { type: 'text', text: 'Stub finished after 1 tool results.' },
      { type: 'usage', inputTokens: 20, outputTokens: 10 },
    ]);
    assert.equal(parser.result().state, 'completed');
  });

  it('turn.failed is the failure, with the message inside the JSON of the provider', () => {
    const parser = createCodexParser();
    feed(
      parser,
      String.raw`
{"type":"error","message":"Reconnecting... 1/1"}
{"type":"turn.failed","error":{"message":"{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"stub error 400\",\"code\":\"400\"}}"}}`,
    );
    assert.deepEqual([parser.result().state, parser.result().error], ['failed', 'stub error 400']);
  });

  it('a declined command is a denial', () => {
    const parser = createCodexParser();
    const events = feed(
      parser,
      `{"type":"item.completed","item":{"id":"i","type":"command_execution","command":"rm x","status":"declined"}}`,
    );
    assert.deepEqual(
      events.map((event) => event.type),
      ['tool', 'denied', 'tool'],
    );
    assert.equal(parser.result().denied, true);
  });
});

describe('updates of ACP', () => {
  const chunk = (text: string, messageId?: string): SessionUpdate => ({
    sessionUpdate: 'agent_message_chunk',
    content: { type: 'text', text },
    ...(messageId ? { messageId } : {}),
  });

  it('the last words are those since the last tool call and of the last message', () => {
    const reader = createUpdateReader();
    reader.read(chunk('before'));
    reader.read({ sessionUpdate: 'tool_call', toolCallId: 't', title: 'x', status: 'in_progress' });
    reader.read({ sessionUpdate: 'tool_call_update', toolCallId: 't', status: 'completed' });
    reader.read(chunk('warning'));
    reader.read(chunk('It is ', 'm1'));
    reader.read(chunk('done.', 'm1'));
    assert.equal(reader.lastText(), 'It is done.');
  });

  it('a tool call is told once when it begins, with the title it has by then, and once when it ends', () => {
    const reader = createUpdateReader();
    const events = [
      ...reader.read({
        sessionUpdate: 'tool_call',
        toolCallId: 't',
        title: 'bash',
        kind: 'execute',
        status: 'pending',
      }),
      ...reader.read({
        sessionUpdate: 'tool_call_update',
        toolCallId: 't',
        status: 'in_progress',
        title: 'echo oc > oc.txt',
      }),
      ...reader.read({
        sessionUpdate: 'tool_call_update',
        toolCallId: 't',
        status: 'in_progress',
        title: 'echo oc > oc.txt',
      }),
      ...reader.read({ sessionUpdate: 'tool_call_update', toolCallId: 't', status: 'completed' }),
      ...reader.read({ sessionUpdate: 'tool_call_update', toolCallId: 't', status: 'completed' }),
    ];
    assert.deepEqual(telling(events), [
      { type: 'tool', id: 't', title: 'echo oc > oc.txt', state: 'started' },
      { type: 'tool', id: 't', title: 'echo oc > oc.txt', state: 'completed' },
    ]);
    assert.equal(events.length, 5, 'every update is a sign of life');
  });

  it('only a cost in dollars counts', () => {
    const reader = createUpdateReader();
    const usage = (currency: string): SessionUpdate => ({
      sessionUpdate: 'usage_update',
      used: 1,
      size: 2,
      cost: { amount: 3, currency },
    });
    assert.deepEqual(reader.read(usage('USD')), [{ type: 'usage', costUsd: 3 }]);
    assert.deepEqual(telling(reader.read(usage('EUR'))), []);
  });

  it("Codex's thread status turns an ordinary end into a failure", () => {
    const reader = createUpdateReader();
    const status = (type: string): SessionUpdate => ({
      sessionUpdate: 'session_info_update',
      _meta: { codex: { threadStatus: { type } } },
    });
    reader.read(status('active'));
    assert.equal(reader.systemError(), false);
    reader.read(status('systemError'));
    reader.read({ sessionUpdate: 'session_info_update', title: 'x' });
    assert.equal(reader.systemError(), true);
    assert.equal(stopFailure('end_turn', true, null), 'its model could not be reached');
    assert.equal(stopFailure('end_turn', false, 'x'), null);
    assert.match(stopFailure('something_new', false, null) ?? '', /something_new/);
  });
});

describe('lines', () => {
  it('lines are whole however the bytes arrive, umlauts too', () => {
    const got: string[] = [];
    const lines = createLineSplitter((line) => got.push(line));
    for (const byte of Buffer.from('{"ä":1}\r\n\n  \nzwei\ndrei')) lines.push(Uint8Array.of(byte));
    lines.flush();
    assert.deepEqual(got, ['{"ä":1}', 'zwei', 'drei']);
  });

  it('a line over the limit is an error, one at the limit is not', () => {
    const lines = createLineSplitter(() => {}, 4);
    lines.push(Buffer.from('1234\n12'));
    assert.throws(() => lines.push(Buffer.from('345')), MessageTooLong);
  });

  it('a tail keeps the end', () => {
    const tail = createTail(4);
    tail.add('abc');
    tail.add('def');
    assert.equal(tail.text(), 'cdef');
  });
});

describe('errors of agents', () => {
  it('the message is taken out of the JSON around it', () => {
    assert.equal(plainError('{"error":{"message":"no"}}'), 'no');
    assert.equal(plainError('{"message":"no"}'), 'no');
    assert.equal(plainError('{broken'), '{broken');
    assert.equal(plainError('plain'), 'plain');
  });
});
