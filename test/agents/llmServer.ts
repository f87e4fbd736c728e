/**
 * A language model that does what the prompt says, for real agents: OpenAI Responses, OpenAI Chat,
 * Anthropic Messages and Gemini over HTTP. Each line `LLM:run <command>` of the last prompt becomes
 * one call of the agent's shell tool; `LLM:error <status>` fails every request; without more to do
 * it answers "Done after N calls."
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

type Json = Record<string, unknown>;

/** What the conversation asks for next. */
type Next = { say: string } | { call: string; input: Json } | { error: number };

const SHELLS = [
  'Bash',
  'bash',
  'exec_command',
  'shell_command',
  'shell',
  'local_shell',
  'run_shell_command',
  'execute',
];

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const objects = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
const words = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : objects(content)
        .map((part) => (typeof part.text === 'string' ? part.text : ''))
        .join('\n');

function decide(
  prompt: string,
  results: number,
  tools: readonly string[],
  shape: (command: string, tool: string) => Json,
): Next {
  const error = /LLM:error (\d+)/.exec(prompt);
  if (error) return { error: Number(error[1]) };
  const commands = [...prompt.matchAll(/LLM:run ([^\n]+)/g)].map((match) => match[1] ?? '');
  const command = commands[results];
  const tool = SHELLS.find((name) => tools.includes(name));
  if (command === undefined) return { say: `Done after ${results} calls.` };
  if (!tool) return { say: `There is no shell among ${tools.join(', ')}.` };
  return { call: tool, input: shape(command, tool) };
}

const shellInput = (command: string, tool: string): Json => {
  if (tool === 'exec_command') return { cmd: command };
  if (tool === 'shell') return { command: ['bash', '-lc', command] };
  return { command, description: 'scripted' };
};

/** From the end back to the prompt: its text, and how many tool results came after it. */
function conversation(
  items: Json[],
  results: (item: Json) => number,
  prompt: (item: Json) => string | null,
): { prompt: string; results: number } {
  let count = 0;
  let last: string | null = null;
  for (const item of items.toReversed()) {
    count += results(item);
    const said = prompt(item);
    last ??= said;
    // Agents add reminders of their own after the prompt.
    if (said?.includes('LLM:')) return { prompt: said, results: count };
  }
  return { prompt: last ?? '', results: count };
}

let ids = 0;
const id = (prefix: string): string => `${prefix}_${Date.now().toString(36)}${++ids}`;

function events(response: ServerResponse): (name: string | null, data: unknown) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  return (name, data) => {
    response.write(
      `${name ? `event: ${name}\n` : ''}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`,
    );
  };
}

function fail(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(
    JSON.stringify({
      type: 'error',
      error: { type: 'api_error', message: `scripted error ${status}`, code: String(status) },
    }),
  );
}

function answerResponses(body: Json, response: ServerResponse): void {
  const tools = objects(body.tools)
    .flatMap((tool) => (Array.isArray(tool.tools) ? objects(tool.tools) : [tool]))
    .map((tool) => String(tool.name ?? tool.type));
  const said = conversation(
    objects(body.input),
    (item) => (String(item.type).endsWith('_call_output') ? 1 : 0),
    (item) => (item.role === 'user' ? words(item.content) : null),
  );
  const next: Next = tools.length > 0 ? decide(said.prompt, said.results, tools, shellInput) : { say: 'ok' };
  if ('error' in next) return fail(response, next.error);
  const send = events(response);
  let sequence = 0;
  const emit = (type: string, data: Json): void => send(type, { type, sequence_number: sequence++, ...data });
  const base = {
    id: id('resp'),
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    model: body.model,
    status: 'in_progress',
    output: [],
  };
  emit('response.created', { response: base });
  const item =
    'call' in next
      ? {
          type: 'function_call',
          id: id('fc'),
          call_id: id('call'),
          name: next.call,
          arguments: JSON.stringify(next.input),
          status: 'completed',
        }
      : {
          type: 'message',
          id: id('msg'),
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: next.say, annotations: [] }],
        };
  emit('response.output_item.added', { output_index: 0, item: { ...item, status: 'in_progress' } });
  if ('say' in next)
    emit('response.output_text.delta', { item_id: item.id, output_index: 0, content_index: 0, delta: next.say });
  emit('response.output_item.done', { output_index: 0, item });
  const usage = {
    input_tokens: 10,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 5,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 15,
  };
  emit('response.completed', { response: { ...base, status: 'completed', output: [item], usage } });
  response.end();
}

function answerChat(body: Json, response: ServerResponse): void {
  const tools = objects(body.tools).map((tool) => (isObject(tool.function) ? String(tool.function.name) : ''));
  const said = conversation(
    objects(body.messages),
    (message) => (message.role === 'tool' ? 1 : 0),
    (message) => (message.role === 'user' ? words(message.content) : null),
  );
  // A request without tools is the agent's own, for a title.
  const next: Next = tools.length > 0 ? decide(said.prompt, said.results, tools, shellInput) : { say: 'A title' };
  if ('error' in next) return fail(response, next.error);
  const delta =
    'call' in next
      ? {
          tool_calls: [
            {
              index: 0,
              id: id('call'),
              type: 'function',
              function: { name: next.call, arguments: JSON.stringify(next.input) },
            },
          ],
        }
      : { content: next.say };
  const base = { id: id('chatcmpl'), created: 1, model: body.model };
  const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
  const reason = 'call' in next ? 'tool_calls' : 'stop';
  if (body.stream !== true) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        ...base,
        object: 'chat.completion',
        choices: [{ index: 0, message: { role: 'assistant', content: null, ...delta }, finish_reason: reason }],
        usage,
      }),
    );
    return;
  }
  const send = events(response);
  const chunk = (part: Json, finish: string | null, more: Json = {}): void =>
    send(null, {
      ...base,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta: part, finish_reason: finish }],
      ...more,
    });
  chunk({ role: 'assistant', content: '' }, null);
  chunk(delta, null);
  chunk({}, reason, { usage });
  send(null, '[DONE]');
  response.end();
}

function answerMessages(body: Json, response: ServerResponse): void {
  const tools = objects(body.tools).map((tool) => String(tool.name));
  const said = conversation(
    objects(body.messages),
    (message) =>
      message.role === 'user' ? objects(message.content).filter((part) => part.type === 'tool_result').length : 0,
    (message) => (message.role === 'user' ? words(message.content) || null : null),
  );
  const next: Next = tools.length > 0 ? decide(said.prompt, said.results, tools, shellInput) : { say: 'ok' };
  if ('error' in next) return fail(response, next.error);
  const usage = { input_tokens: 10, output_tokens: 5, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  const message = {
    id: id('msg'),
    type: 'message',
    role: 'assistant',
    model: body.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  };
  const block =
    'call' in next
      ? { type: 'tool_use', id: id('toolu'), name: next.call, input: next.input }
      : { type: 'text', text: next.say };
  const stop = 'call' in next ? 'tool_use' : 'end_turn';
  if (body.stream !== true) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...message, content: [block], stop_reason: stop }));
    return;
  }
  const send = events(response);
  const emit = (type: string, data: Json): void => send(type, { type, ...data });
  emit('message_start', { message });
  emit('content_block_start', {
    index: 0,
    content_block: 'call' in next ? { ...block, input: {} } : { type: 'text', text: '' },
  });
  const delta =
    'call' in next
      ? { type: 'input_json_delta', partial_json: JSON.stringify(next.input) }
      : { type: 'text_delta', text: next.say };
  emit('content_block_delta', { index: 0, delta });
  emit('content_block_stop', { index: 0 });
  emit('message_delta', { delta: { stop_reason: stop, stop_sequence: null }, usage: { output_tokens: 5 } });
  emit('message_stop', {});
  response.end();
}

function answerGemini(body: Json, response: ServerResponse, streams: boolean): void {
  const tools = objects(body.tools)
    .flatMap((tool) => objects(tool.functionDeclarations))
    .map((tool) => String(tool.name));
  const parts = (content: Json): Json[] => objects(content.parts);
  const said = conversation(
    objects(body.contents),
    (content) => parts(content).filter((part) => part.functionResponse).length,
    (content) =>
      content.role === 'user' && !parts(content).some((part) => part.functionResponse) ? words(content.parts) : null,
  );
  const next: Next =
    tools.length > 0
      ? decide(said.prompt, said.results, tools, shellInput)
      : {
          say: JSON.stringify({
            reasoning: '',
            next_speaker: 'user',
            model_choice: 'flash',
            complexity_score: 1,
            complexity_reasoning: '',
          }),
        };
  if ('error' in next) return fail(response, next.error);
  const part = 'call' in next ? { functionCall: { name: next.call, args: next.input } } : { text: next.say };
  const answer = {
    candidates: [{ content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }],
    usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 5, totalTokenCount: 15 },
  };
  if (streams) events(response)(null, answer);
  else response.writeHead(200, { 'content-type': 'application/json' }).write(JSON.stringify(answer));
  response.end();
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const sent = await text(request);
  const parsed: unknown = sent && request.method === 'POST' ? JSON.parse(sent) : {};
  const body = isObject(parsed) ? parsed : {};
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  if (pathname.endsWith('/responses')) return answerResponses(body, response);
  if (pathname.endsWith('/chat/completions')) return answerChat(body, response);
  if (pathname.endsWith('/messages')) return answerMessages(body, response);
  if (pathname.endsWith('/count_tokens') || pathname.endsWith(':countTokens')) {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"input_tokens":10,"totalTokens":10}');
    return;
  }
  const gemini = /:(streamGenerateContent|generateContent)$/.exec(pathname);
  if (gemini) return answerGemini(body, response, gemini[1] === 'streamGenerateContent');
  response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"message":"not scripted"}}');
}

export interface LlmServer {
  url: string;
  close(): Promise<void>;
}

export async function startLlmServer(): Promise<LlmServer> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
