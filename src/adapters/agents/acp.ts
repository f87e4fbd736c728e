/** Agents that speak the Agent Client Protocol on stdio: one process and one prompt per turn. */
import { client, methods, PROTOCOL_VERSION, RequestError } from '@agentclientprotocol/sdk';
import type {
  CreateElicitationRequest,
  CreateElicitationResponse,
  RequestPermissionRequest,
  RequestPermissionResponse,
  SessionNotification,
} from '@agentclientprotocol/sdk';
import { setImmediate as settled } from 'node:timers/promises';
import {
  AGENT_GONE,
  type AgentEvent,
  type AgentTurn,
  type ProcessResult,
  type TaskProcesses,
  type TurnOutcome,
} from '../../tasks/ports.ts';
import type { AgentSpec } from '../../tasks/task.ts';
import { aborted } from '../../tasks/waiting.ts';
import { within } from '../process/within.ts';
import { formOf } from './acpForm.ts';
import { chooseMode, errorWords, type KeyLogins, openSession, wantsLogin } from './acpSession.ts';
import { createAcpPipe } from './acpStream.ts';
import { createUpdateReader, stopFailure } from './acpUpdates.ts';
import type { Launch } from './known.ts';
import { createTail, MessageTooLong } from './lines.ts';
import { isAllowed, permissionRequest, toolCallFacts } from './permissions.ts';
import { createSink, exitWords, field, lastWords, numberField, outcomeOf, SIGN_OF_LIFE, textField } from './turn.ts';

export interface AcpOptions extends KeyLogins {
  launch: Launch;
  /** Milliseconds for the agent to act on `session/cancel`. */
  cancelMs: number;
  /** Milliseconds for its process to end after the turn; 1 s. */
  closeMs: number;
}

/** One turn. Rejects only when a listener of the turn throws or the program cannot be started. */
export async function runAcpTurn(
  spec: AgentSpec,
  turn: AgentTurn,
  processes: TaskProcesses,
  options: AcpOptions,
): Promise<TurnOutcome> {
  const { launch } = options;
  if (turn.signal.aborted) return outcomeOf({ outcome: 'cancelled', session: turn.session, resumed: false });
  const sink = createSink(turn);
  const errors = createTail(16_000);
  const decoder = new TextDecoder();
  let reader = createUpdateReader();
  let session: string | null = null;
  let resumed = false;
  let replaying = false;
  let prompting = false;
  let denied = false;
  let usage: AgentEvent | null = null;
  let modelFailed = false;
  let exit: ProcessResult | null = null;
  /** Why the turn is given up, where neither the agent nor a person ended it. */
  let failure: string | null = null;
  /** What a listener of ours threw: it is no failure of the agent. */
  let thrown: { error: unknown } | null = null;
  const givenUp = new AbortController();
  /** Aborts when no question may be put any more; with `AGENT_GONE` where the agent's process has ended by itself. */
  const over = new AbortController();
  const questions = new Map<string, AbortController>();

  const giveUp = (reason: string): void => {
    failure ??= reason;
    givenUp.abort();
  };
  const own = async <T>(promise: Promise<T>): Promise<T> => {
    try {
      return await promise;
    } catch (error) {
      thrown ??= { error };
      givenUp.abort();
      throw error;
    }
  };
  const remark = (text: string): void => sink.emit({ type: 'output', chunk: `${text}\n` });

  const pipe = createAcpPipe({
    write: (text) => running.stdin.write(text),
    onNoise: (line) => {
      errors.add(`${line}\n`);
      remark(line);
    },
    onMessage: (message) => {
      const counts = field(field(message, 'result'), 'usage');
      const outputTokens = numberField(counts, 'outputTokens');
      const total = numberField(counts, 'totalTokens');
      const inputTokens =
        total === undefined || outputTokens === undefined ? numberField(counts, 'inputTokens') : total - outputTokens;
      if (inputTokens !== undefined && outputTokens !== undefined) usage = { type: 'usage', inputTokens, outputTokens };
    },
  });

  const running = await processes.start({
    kind: 'agent',
    command: { argv: [...spec.argv, ...launch.args] },
    cwd: turn.cwd,
    env: { ...turn.env, ...launch.env },
    onOutput: (chunk, stream) => {
      if (stream === 'stderr') {
        const text = decoder.decode(chunk, { stream: true });
        errors.add(text);
        sink.emit({ type: 'output', chunk: text });
      } else if (failure === null) {
        try {
          pipe.push(chunk);
        } catch (error) {
          if (!(error instanceof MessageTooLong)) throw error;
          giveUp(error.message);
        }
      }
      return sink.pressure();
    },
  });
  const exited = running.done.then(
    (result) => {
      exit = result;
      over.abort(AGENT_GONE);
      pipe.close();
    },
    (error: unknown) => {
      thrown ??= { error };
      pipe.close();
    },
  );

  const onUpdate = (notification: SessionNotification): void => {
    const { update } = notification;
    // History that is replayed was logged when it happened; a subagent's session is not ours to tell.
    if (replaying || (session !== null && notification.sessionId !== session)) return sink.emit(SIGN_OF_LIFE);
    for (const event of reader.read(update)) {
      sink.emit(event);
      if (event.type === 'tool' && event.state !== 'started') questions.get(event.id)?.abort();
    }
  };

  const onPermission = async (
    request: RequestPermissionRequest,
    cancelled: AbortSignal,
  ): Promise<RequestPermissionResponse> => {
    const { toolCallId } = request.toolCall;
    const known = reader.toolCall(toolCallId);
    for (const event of known.events) sink.emit(event);
    const facts = toolCallFacts(known.facts, request.toolCall);
    const asked = permissionRequest(facts);
    // Only `once`: an agent that is told `always` may write that into the user's own settings.
    const pick = (kind: 'allow_once' | 'reject_once'): RequestPermissionResponse => {
      const option = request.options.find((candidate) => candidate.kind === kind);
      return { outcome: option ? { outcome: 'selected', optionId: option.optionId } : { outcome: 'cancelled' } };
    };
    const deny = (why: string): RequestPermissionResponse => {
      denied = true;
      sink.emit({ type: 'denied', title: asked.title });
      remark(why);
      return pick('reject_once');
    };
    const canAllow = request.options.some((option) => option.kind === 'allow_once');
    if (!canAllow) return deny(`refused, since it offers no way to allow it once: ${asked.title}`);
    if (await isAllowed(turn.permissions, turn.cwd, facts)) return pick('allow_once');

    const closed = new AbortController();
    questions.set(toolCallId, closed);
    const withdrawn = AbortSignal.any([cancelled, over.signal, closed.signal]);
    try {
      if (withdrawn.aborted) return { outcome: { outcome: 'cancelled' } };
      const answer = await Promise.race([
        own(turn.onPermission(asked, withdrawn)),
        aborted(withdrawn).then(() => 'cancelled' as const),
      ]);
      if (answer === 'cancelled') return { outcome: { outcome: 'cancelled' } };
      return answer === 'allow' ? pick('allow_once') : deny(`refused: ${asked.title}`);
    } finally {
      questions.delete(toolCallId);
    }
  };

  const onForm = async (
    request: CreateElicitationRequest,
    cancelled: AbortSignal,
  ): Promise<CreateElicitationResponse> => {
    const form = formOf(request);
    if (form === null) {
      remark(`it asked for what nobody could fill in, which was declined: ${request.message}`);
      return { action: 'decline' };
    }
    const withdrawn = AbortSignal.any([cancelled, over.signal]);
    if (withdrawn.aborted) return { action: 'cancel' };
    const content = await Promise.race([
      own(turn.onForm(form, withdrawn)),
      aborted(withdrawn).then(() => 'cancelled' as const),
    ]);
    if (content === 'cancelled') return { action: 'cancel' };
    return content === 'declined' ? { action: 'decline' } : { action: 'accept', content };
  };

  const connection = client({ name: 'ampa' })
    .onRequest(methods.client.session.requestPermission, ({ params, signal }) => onPermission(params, signal))
    .onRequest(methods.client.elicitation.create, ({ params, signal }) => onForm(params, signal))
    .onNotification(methods.client.session.update, ({ params }) => onUpdate(params))
    .onNotification('*', () => sink.emit(SIGN_OF_LIFE))
    .connect(pipe.stream);
  const { agent } = connection;

  const steps = async (): Promise<string> => {
    const hello = await agent.request(methods.agent.initialize, {
      protocolVersion: PROTOCOL_VERSION,
      clientInfo: { name: 'ampa', version: '1' },
      clientCapabilities: { elicitation: { form: {} }, auth: { terminal: true } },
    });
    if (hello.protocolVersion !== PROTOCOL_VERSION)
      throw new Error(`it speaks version ${hello.protocolVersion} of the protocol, not ${PROTOCOL_VERSION}`);
    const opened = await openSession(agent, hello, turn, options, {
      remark,
      onReplay: (begins) => (replaying = begins),
    });
    session = opened.session;
    resumed = opened.resumed;
    await chooseMode(agent, opened.session, opened.state, launch.modes, remark);
    sink.emit({ type: 'session', session });
    await own(turn.onSession(session));
    await own(turn.onSending());
    turn.signal.throwIfAborted();
    prompting = true;
    for (let text = resumed ? turn.prompt : turn.freshPrompt; ;) {
      reader = createUpdateReader();
      const response = await agent.request(methods.agent.session.prompt, {
        sessionId: session,
        prompt: [{ type: 'text', text }],
      });
      if (usage !== null) sink.emit(usage);
      const status = field(field(field(response, '_meta'), 'codex'), 'threadStatus');
      if (textField(status, 'type') === 'systemError') modelFailed = true;
      // The SDK hands updates on a few steps later than the response that came after them.
      await settled();
      if (response.stopReason !== 'end_turn' || modelFailed || reader.systemError()) return response.stopReason;
      const next = await own(turn.onAnswered(reader.lastText(), over.signal));
      if (next === null) return response.stopReason;
      turn.signal.throwIfAborted();
      text = next;
    }
  };

  const ended = steps().then(
    (stopReason) => ({ stopReason, error: null }),
    (error: unknown) => ({ stopReason: null, error }),
  );
  const interrupted = aborted(AbortSignal.any([turn.signal, givenUp.signal, sink.broken])).then(() => null);
  let end = await Promise.race([ended, interrupted]);
  over.abort();
  if (turn.signal.aborted && prompting && session !== null && exit === null) {
    await agent.notify(methods.agent.session.cancel, { sessionId: session }).catch(() => {}); // It is ended below, whether it hears or not.
    await within(options.cancelMs, Promise.race([ended, exited]));
  }
  running.stdin.end();
  if (end !== null && exit === null) await within(options.closeMs, exited);
  await running.end();
  await exited;
  connection.close();
  end ??= await ended;

  if (thrown !== null) throw (thrown as { error: unknown }).error;
  await sink.idle();
  const base = { session: session ?? turn.session, resumed, summary: lastWords(reader.lastText() ?? ''), denied };
  if (turn.signal.aborted) return outcomeOf({ ...base, outcome: 'cancelled' });
  if (failure !== null) return outcomeOf({ ...base, outcome: 'failed', error: failure });
  if (end.stopReason === null) {
    const isAuth = wantsLogin(end.error);
    const fromAgent = end.error instanceof RequestError || !isClosed(end.error);
    const error = fromAgent || exit === null ? errorWords(end.error) : exitWords(exit, errors.text());
    return outcomeOf({ ...base, outcome: 'failed', error, auth: isAuth || launch.speaksOfLogin(error) });
  }
  const systemError = modelFailed || reader.systemError();
  const error = stopFailure(end.stopReason, systemError, reader.lastText());
  if (error === null) return outcomeOf({ ...base, outcome: 'completed' });
  // What it says in a refusal is its own words about the task.
  return outcomeOf({ ...base, outcome: 'failed', error, auth: systemError && launch.speaksOfLogin(error) });
}

const isClosed = (error: unknown): boolean => error instanceof Error && /closed/i.test(error.message);
