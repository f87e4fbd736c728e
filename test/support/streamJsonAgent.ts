/**
 * Claude Code, Amp and Codex as far as their JSON lines go: `node test/support/streamJsonAgent.ts claude|amp|codex …`,
 * with lines recorded from the real programs. The prompt on stdin says what happens: `hang`, `crash`,
 * `api-error`, `login`, `denied`, `large`, `noise`, or else a file `a.txt` is written.
 * STREAM_AGENT_JOURNAL names a file that gets its arguments and prompt.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

const [dialect = '', ...args] = process.argv.slice(2);
const print = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const after = (flag: string): string | undefined => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);

const prompt = await text(process.stdin);
if (process.env.STREAM_AGENT_JOURNAL)
  appendFileSync(process.env.STREAM_AGENT_JOURNAL, `${JSON.stringify({ args, prompt })}\n`);

if (prompt.includes('large')) process.stdout.write(`${'x'.repeat(33 * 1024 * 1024)}\n`);
if (prompt.includes('noise')) process.stdout.write('npm notice: a new version\n');
if (dialect === 'codex') codex();
else claude();
if (prompt.includes('hang')) setInterval(() => {}, 1000);

function claude(): void {
  const resumed = dialect === 'amp' ? after('continue') : after('--resume');
  const session = resumed ?? after('--session-id') ?? 'T-5928a90d-d53b-488f-a829-4e36442142ee';
  if (resumed === 'gone') {
    process.stderr.write(`No conversation found with session ID: ${resumed}\n`);
    print({
      type: 'result',
      subtype: 'error_during_execution',
      is_error: true,
      num_turns: 0,
      session_id: resumed,
      total_cost_usd: 0,
      errors: [`No conversation found with session ID: ${resumed}`],
    });
    process.exit(1);
  }
  print({ type: 'system', subtype: 'init', cwd: process.cwd(), session_id: session, tools: ['Bash'], mcp_servers: [] });
  if (prompt.includes('crash')) {
    process.stderr.write('Segmentation fault\n');
    process.exit(139);
  }
  const say = (content: unknown, more: object = {}): void =>
    print({
      type: 'assistant',
      message: { type: 'message', role: 'assistant', content: [content], stop_reason: null },
      parent_tool_use_id: null,
      session_id: session,
      ...more,
    });
  const result = (more: object): void =>
    print({
      type: 'result',
      subtype: 'success',
      is_error: false,
      duration_ms: 12,
      num_turns: 2,
      session_id: session,
      total_cost_usd: 0.000525,
      usage: { input_tokens: 20, cache_creation_input_tokens: 0, cache_read_input_tokens: 4, output_tokens: 10 },
      permission_denials: [],
      ...more,
    });
  if (prompt.includes('api-error')) {
    say({ type: 'text', text: 'API Error: 400 stub error 400' }, { error: 'unknown' });
    result({ is_error: true, api_error_status: 400, result: 'API Error: 400 stub error 400' });
    process.exit(1);
  }
  if (prompt.includes('login')) {
    say({ type: 'text', text: 'Not logged in · Please run /login' }, { error: 'authentication_failed' });
    result({ is_error: true, api_error_status: null, result: 'Not logged in · Please run /login' });
    process.exit(1);
  }
  if (prompt.includes('hang')) return;
  const denied = prompt.includes('denied');
  say({ type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'echo hi > a.txt', description: 'stub' } });
  if (!denied) writeFileSync('a.txt', 'hi\n');
  print({
    type: 'user',
    message: {
      role: 'user',
      content: [{ tool_use_id: 'toolu_1', type: 'tool_result', content: denied ? 'refused' : '', is_error: denied }],
    },
    session_id: session,
  });
  say({ type: 'text', text: 'Finished.' });
  result({
    result: 'Finished.',
    permission_denials: denied
      ? [{ tool_name: 'Bash', tool_use_id: 'toolu_1', tool_input: { command: 'echo hi > a.txt' } }]
      : [],
  });
}

function codex(): void {
  const resumed = args.includes('resume') ? args.at(-2) : undefined;
  if (resumed === 'gone') {
    process.stderr.write(
      'Error: thread/resume: thread/resume failed: no rollout found for thread id gone (code -32600)\n',
    );
    process.exit(1);
  }
  print({ type: 'thread.started', thread_id: resumed ?? '01a1f771-7752-7ff2-bf59-7ee677cee4ad' });
  print({
    type: 'item.completed',
    item: { id: 'item_0', type: 'error', message: 'Model metadata for `stub` not found.' },
  });
  print({ type: 'turn.started' });
  if (prompt.includes('crash')) process.exit(101);
  if (prompt.includes('api-error') || prompt.includes('login')) {
    const message = prompt.includes('login')
      ? 'unexpected status 401 Unauthorized: stub error 401, url: http://127.0.0.1:4711/v1/responses'
      : '{"type":"error","error":{"type":"api_error","message":"stub error 400","code":"400"}}';
    print({ type: 'error', message: 'Reconnecting... 1/1' });
    print({ type: 'turn.failed', error: { message } });
    process.exit(1);
  }
  if (prompt.includes('hang')) return;
  const item = {
    id: 'item_1',
    type: 'command_execution',
    command: "/bin/bash -lc 'echo hi > a.txt'",
    aggregated_output: '',
  };
  const denied = prompt.includes('denied');
  print({ type: 'item.started', item: { ...item, exit_code: null, status: 'in_progress' } });
  if (!denied) writeFileSync('a.txt', 'hi\n');
  print({
    type: 'item.completed',
    item: { ...item, exit_code: denied ? null : 0, status: denied ? 'declined' : 'completed' },
  });
  print({ type: 'item.completed', item: { id: 'item_2', type: 'agent_message', text: 'Finished.' } });
  print({ type: 'turn.completed', usage: { input_tokens: 20, cached_input_tokens: 0, output_tokens: 10 } });
  if (prompt.includes('bad-exit')) process.exitCode = 1;
}
