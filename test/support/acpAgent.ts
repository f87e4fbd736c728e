/**
 * An ACP agent for tests, on the SDK's own agent side: `node test/support/acpAgent.ts`.
 *
 * It does what the prompt says, line by line (`AGENT:<verb> <arguments>`); other lines are ignored.
 * Where the prompt holds no such line, the file that ACP_AGENT_SCRIPT names does: its sections,
 * divided by lines of `---`, are for the first, second, … prompt, and the last is repeated.
 *
 *   write PATH TEXT     writes a file, and says so as a tool call, without asking
 *   edit PATH TEXT      the same, asking first (kind edit, with the path as location)
 *   run COMMAND         runs a shell command, asking first (kind execute)
 *   shell COMMAND       runs a shell command without asking
 *   read PATH           asks to read a file
 *   ask-always          asks with allow_always and reject_always only
 *   ask-and-withdraw    asks, and withdraws the question once it is told that it is open
 *   elicit QUESTION     asks by form
 *   form JSON           asks by form: {"message": …, "requestedSchema": …}, and journals the whole answer
 *   ask-many COUNT      asks to run `echo 1\` … `echo COUNT` at the same time, and journals each answer
 *   list A / B          a message that lists A and B, a line each
 *   say TEXT            a message · think TEXT  a thought
 *   cost USD            a usage update with the cumulative cost
 *   tokens IN OUT       reported with the answer
 *   flood COUNT         COUNT messages · large BYTES  one message of that size · noise TEXT  no message at all
 *   wait MS             silence · hang  until cancelled · hang-deaf  for ever, whatever is asked
 *   crash CODE          exits · error TEXT  fails the prompt · auth  wants a login · stop REASON  ends with it
 *   system-error TEXT   ends in order, but reports Codex's thread status
 *   orphan FILE         leaves a process in a session of its own, and its pid in FILE
 *
 * ACP_AGENT_STATE     folder that keeps sessions (so that they survive it) and `journal.jsonl`, what it was asked
 * ACP_AGENT_RESUME    `resume` (default), `load` (replays what was said), `none`
 * ACP_AGENT_LOGIN     a login is wanted; its value is the id of the one method that gives it
 * ACP_AGENT_MODES     modes on offer, joined by commas, the first being current; `config:` before them offers an option instead
 * ACP_AGENT_VERSION   protocol version to claim
 */
import { agent, methods, ndJsonStream, PROTOCOL_VERSION, RequestError } from '@agentclientprotocol/sdk';
import type {
  AgentContext,
  PermissionOption,
  PromptResponse,
  RequestPermissionResponse,
  SessionUpdate,
  ToolKind,
} from '@agentclientprotocol/sdk';
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

interface Session {
  cwd: string;
  said: string[];
}

const env = process.env;
const state = env.ACP_AGENT_STATE ?? null;
const resume = env.ACP_AGENT_RESUME ?? 'resume';
const sessions = new Map<string, Session>();
const turns = new Map<string, AbortController>();
let loggedIn = env.ACP_AGENT_LOGIN === undefined;
let calls = 0;
let many = 0;

if (state) mkdirSync(state, { recursive: true });

function journal(entry: Record<string, unknown>): void {
  if (state) appendFileSync(path.join(state, 'journal.jsonl'), `${JSON.stringify(entry)}\n`);
}

const sessionFile = (id: string): string | null => (state ? path.join(state, `${id}.session`) : null);

function save(id: string, session: Session): void {
  sessions.set(id, session);
  const file = sessionFile(id);
  if (file) writeFileSync(file, JSON.stringify(session));
}

function find(id: string): Session {
  const file = sessionFile(id);
  const known =
    sessions.get(id) ?? (file && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Session) : null);
  if (!known) throw RequestError.sessionNotFound(id);
  sessions.set(id, known);
  return known;
}

function modes(): Record<string, unknown> {
  const [kind, list] = env.ACP_AGENT_MODES?.startsWith('config:')
    ? ['config', env.ACP_AGENT_MODES.slice(7)]
    : ['modes', env.ACP_AGENT_MODES];
  const names = list?.split(',') ?? [];
  if (names.length === 0) return {};
  if (kind === 'modes')
    return { modes: { currentModeId: names[0], availableModes: names.map((id) => ({ id, name: id })) } };
  const options = names.map((value) => ({ value, name: value }));
  return {
    configOptions: [{ id: 'mode', name: 'Mode', category: 'mode', type: 'select', currentValue: names[0], options }],
  };
}

/** The lines to follow: the prompt's own, else the script's section for this prompt. */
function directives(text: string): string[] {
  const own = text.split('\n').filter((line) => line.startsWith('AGENT:'));
  const script = env.ACP_AGENT_SCRIPT;
  if (own.length > 0 || !script) return own;
  const counter = `${script}.count`;
  const count = existsSync(counter) ? Number(readFileSync(counter, 'utf8')) : 0;
  writeFileSync(counter, String(count + 1));
  const sections = readFileSync(script, 'utf8').split(/^---$/m);
  const section = sections[Math.min(count, sections.length - 1)] ?? '';
  return section.split('\n').filter((line) => line.startsWith('AGENT:'));
}

const ONCE: PermissionOption[] = [
  { optionId: 'always', kind: 'allow_always', name: 'Always' },
  { optionId: 'once', kind: 'allow_once', name: 'Once' },
  { optionId: 'no', kind: 'reject_once', name: 'No' },
];
const ALWAYS: PermissionOption[] = [
  { optionId: 'always', kind: 'allow_always', name: 'Always' },
  { optionId: 'never', kind: 'reject_always', name: 'Never' },
];

function shell(command: string, cwd: string): Promise<string> {
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', command], { cwd }, (error, stdout, stderr) =>
      resolve(error ? `${stdout}${stderr}${error.message}` : stdout),
    );
  });
}

async function prompt(
  client: AgentContext,
  sessionId: string,
  text: string,
): Promise<PromptResponse & Record<string, unknown>> {
  const session = find(sessionId);
  const turn = new AbortController();
  turns.set(sessionId, turn);
  let usage: Record<string, number> | undefined;
  let stopReason: PromptResponse['stopReason'] = 'end_turn';
  const update = (value: SessionUpdate): Promise<void> =>
    client.notify(methods.client.session.update, { sessionId, update: value });
  const say = async (words: string): Promise<void> => {
    session.said.push(words);
    save(sessionId, session);
    await update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: words } });
  };
  const tool = async (
    kind: ToolKind,
    title: string,
    paths: string[],
    input: unknown,
    asks: PermissionOption[] | null,
    act: () => Promise<string>,
  ): Promise<void> => {
    const toolCallId = `call-${++calls}`;
    const locations = paths.map((file) => ({ path: file }));
    await update({
      sessionUpdate: 'tool_call',
      toolCallId,
      title,
      kind,
      status: 'pending',
      locations,
      rawInput: input,
    });
    if (asks) {
      journal({ asking: title, at: Date.now() });
      const { outcome }: RequestPermissionResponse = await client.request(
        methods.client.session.requestPermission,
        { sessionId, toolCall: { toolCallId, title, kind, locations, rawInput: input }, options: asks },
        { cancellationSignal: turn.signal },
      );
      const chosen = outcome.outcome === 'selected' ? outcome.optionId : outcome.outcome;
      journal({ permission: title, outcome: chosen, at: Date.now() });
      if (outcome.outcome !== 'selected' || !['once', 'always'].includes(outcome.optionId)) {
        await update({ sessionUpdate: 'tool_call_update', toolCallId, status: 'failed' });
        return;
      }
    }
    await update({ sessionUpdate: 'tool_call_update', toolCallId, status: 'in_progress' });
    const output = await act();
    await update({
      sessionUpdate: 'tool_call_update',
      toolCallId,
      status: 'completed',
      content: [{ type: 'content', content: { type: 'text', text: output } }],
    });
  };
  const write = (file: string, content: string) => async (): Promise<string> => {
    const target = path.resolve(session.cwd, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, `${content}\n`);
    return 'written';
  };

  for (const line of directives(text)) {
    if (turn.signal.aborted) break;
    const [, verb = '', rest = ''] = /^AGENT:(\S+)\s?(.*)$/.exec(line) ?? [];
    const [file = '', ...words] = rest.split(' ');
    const target = path.resolve(session.cwd, file);
    switch (verb) {
      case 'write':
        await tool('edit', `write ${file}`, [target], { filePath: target }, null, write(file, words.join(' ')));
        break;
      case 'edit':
        await tool('edit', `edit ${file}`, [target], { filePath: target }, ONCE, write(file, words.join(' ')));
        break;
      case 'read':
        await tool('read', `read ${file}`, [target], { filePath: target }, ONCE, async () =>
          readFileSync(target, 'utf8'),
        );
        break;
      case 'run':
        await tool('execute', rest, [], { command: rest }, ONCE, () => shell(rest, session.cwd));
        break;
      case 'shell':
        await tool('execute', rest, [], { command: rest }, null, () => shell(rest, session.cwd));
        break;
      case 'ask-always':
        await tool('execute', 'always', [], { command: 'true' }, ALWAYS, async () => 'done');
        break;
      case 'ask-and-withdraw': {
        const withdrawn = new AbortController();
        const answer = client.request(
          methods.client.session.requestPermission,
          {
            sessionId,
            toolCall: { toolCallId: `call-${++calls}`, title: 'never mind', kind: 'execute' },
            options: ONCE,
          },
          { cancellationSignal: withdrawn.signal },
        );
        // Whoever is asked says so in this file.
        while (!existsSync(path.join(session.cwd, 'asked'))) await sleep(10);
        withdrawn.abort();
        const outcome = await answer.then(
          (response) => response.outcome.outcome,
          () => 'error',
        );
        journal({ withdrawn: outcome });
        break;
      }
      case 'elicit': {
        const answer = await client.request(methods.client.elicitation.create, {
          mode: 'form',
          sessionId,
          message: rest,
          requestedSchema: { type: 'object', properties: { answer: { type: 'string' } } },
        });
        journal({ elicitation: answer.action });
        break;
      }
      case 'form': {
        const answer = await client.request(
          methods.client.elicitation.create,
          {
            mode: 'form',
            sessionId,
            ...(JSON.parse(rest) as { message: string; requestedSchema: { type: 'object' } }),
          },
          { cancellationSignal: turn.signal },
        );
        journal({ form: answer });
        break;
      }
      case 'ask-many':
        await Promise.all(
          Array.from({ length: Number(rest) }, async () => {
            const title = `echo ${++many}`;
            const { outcome } = await client.request(methods.client.session.requestPermission, {
              sessionId,
              toolCall: { toolCallId: `call-${++calls}`, title, kind: 'execute', rawInput: { command: title } },
              options: ONCE,
            });
            journal({
              many: title,
              outcome: outcome.outcome === 'selected' ? outcome.optionId : outcome.outcome,
              at: Date.now(),
            });
          }),
        );
        break;
      case 'list':
        await say(`There is this:\n\n${rest.split(' / ').join('\n')}\n`);
        break;
      case 'say':
        await say(rest);
        break;
      case 'think':
        await update({ sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text: rest } });
        break;
      case 'cost':
        await update({
          sessionUpdate: 'usage_update',
          used: 10,
          size: 1000,
          cost: { amount: Number(rest), currency: 'USD' },
        });
        break;
      case 'tokens': {
        const [inputTokens = 0, outputTokens = 0] = rest.split(' ').map(Number);
        usage = { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
        break;
      }
      case 'flood':
        for (let i = 0; i < Number(rest); i++)
          await update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: `${i}\n` } });
        break;
      case 'large':
        await update({
          sessionUpdate: 'agent_message_chunk',
          content: { type: 'text', text: 'x'.repeat(Number(rest)) },
        });
        break;
      case 'noise':
        process.stdout.write(`${rest}\n`);
        break;
      case 'wait':
        await sleep(Number(rest), undefined, { signal: turn.signal }).catch(() => {});
        break;
      case 'hang':
        await new Promise((resolve) => turn.signal.addEventListener('abort', resolve));
        break;
      case 'hang-deaf':
        process.on('SIGTERM', () => journal({ signal: 'SIGTERM' }));
        await new Promise(() => setInterval(() => {}, 1000));
        break;
      case 'crash':
        process.stderr.write('panic: it crashed\n');
        process.exit(Number(rest || 1));
      // eslint-disable-next-line no-fallthrough
      case 'error':
        throw RequestError.internalError({ details: rest });
      case 'auth':
        throw RequestError.authRequired();
      case 'stop':
        stopReason = rest as PromptResponse['stopReason'];
        break;
      case 'system-error':
        await update({
          sessionUpdate: 'session_info_update',
          _meta: { codex: { threadStatus: { type: 'systemError' } } },
        });
        await say(rest);
        break;
      case 'orphan': {
        const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
        child.unref();
        writeFileSync(target, `${child.pid}\n`);
        break;
      }
      default:
        throw RequestError.invalidParams({ details: `unknown verb ${verb}` });
    }
  }
  turns.delete(sessionId);
  if (turn.signal.aborted) stopReason = 'cancelled';
  return { stopReason, ...(usage ? { usage } : {}) };
}

agent({ name: 'test-agent' })
  .onRequest(methods.agent.initialize, ({ params }) => {
    journal({ initialize: params.clientCapabilities });
    return {
      protocolVersion: Number(env.ACP_AGENT_VERSION ?? PROTOCOL_VERSION),
      agentInfo: { name: 'test-agent', version: '1.0.0' },
      agentCapabilities: {
        loadSession: resume === 'load',
        sessionCapabilities: resume === 'resume' ? { resume: {} } : {},
      },
      authMethods: env.ACP_AGENT_LOGIN ? [{ id: env.ACP_AGENT_LOGIN, name: 'Key' }] : [],
    };
  })
  .onRequest(methods.agent.authenticate, ({ params }) => {
    journal({ authenticate: params.methodId });
    loggedIn = params.methodId === env.ACP_AGENT_LOGIN;
    return {};
  })
  .onRequest(methods.agent.session.new, ({ params }) => {
    if (!loggedIn) throw RequestError.authRequired();
    const sessionId = randomUUID();
    save(sessionId, { cwd: params.cwd, said: [] });
    journal({ session: 'new', sessionId, mcpServers: params.mcpServers });
    return { sessionId, ...modes() };
  })
  .onRequest(methods.agent.session.resume, ({ params }) => {
    if (!loggedIn) throw RequestError.authRequired();
    find(params.sessionId);
    journal({ session: 'resume', sessionId: params.sessionId });
    return modes();
  })
  .onRequest(methods.agent.session.load, async ({ params, client }) => {
    const session = find(params.sessionId);
    journal({ session: 'load', sessionId: params.sessionId });
    for (const text of session.said) {
      await client.notify(methods.client.session.update, {
        sessionId: params.sessionId,
        update: { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: `replayed: ${text}` } },
      });
    }
    return modes();
  })
  .onRequest(methods.agent.session.setMode, ({ params }) => {
    journal({ mode: params.modeId });
    return {};
  })
  .onRequest(methods.agent.session.setConfigOption, ({ params }) => {
    journal({ option: params.configId, value: params.value });
    return { configOptions: [] };
  })
  .onRequest(methods.agent.session.prompt, ({ params, client }) => {
    const text = params.prompt.map((block) => (block.type === 'text' ? block.text : '')).join('\n');
    journal({ prompt: text, sessionId: params.sessionId });
    return prompt(client, params.sessionId, text);
  })
  .onNotification(methods.agent.session.cancel, ({ params }) => {
    journal({ cancel: params.sessionId });
    turns.get(params.sessionId)?.abort();
  })
  .connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>));
