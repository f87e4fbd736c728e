/** How a session of an ACP agent is opened: resumed, loaded or new, logged in where that needs no person, in our mode. */
import { type ClientContext, methods, RequestError } from '@agentclientprotocol/sdk';
import type { InitializeResponse, NewSessionResponse } from '@agentclientprotocol/sdk';
import type { AgentTurn } from '../../tasks/ports.ts';
import type { KnownAgent } from './known.ts';
import { plainError, textField } from './turn.ts';

const AUTH_REQUIRED = -32000;

type SessionState = Pick<NewSessionResponse, 'modes' | 'configOptions'>;

/** The agent wants a login first. */
export const wantsLogin = (error: unknown): boolean => error instanceof RequestError && error.code === AUTH_REQUIRED;

/** The agent said no, and it was not for a login: another way may work. */
const isRefusal = (error: unknown): boolean => error instanceof RequestError && error.code !== AUTH_REQUIRED;

export interface OpeningListeners {
  /** Something for the log. */
  remark(text: string): void;
  /** The agent begins, or has ended, to tell anew what was said in the session before. */
  onReplay(begins: boolean): void;
}

/** The turn's session, resumed or loaded where the agent can, else a new one. Rejects with the agent's error. */
export async function openSession(
  agent: ClientContext,
  hello: InitializeResponse,
  { cwd, session: old }: Pick<AgentTurn, 'cwd' | 'session'>,
  logins: KeyLogins,
  { remark, onReplay }: OpeningListeners,
): Promise<{ session: string; resumed: boolean; state: SessionState }> {
  const where = { cwd, mcpServers: [] };
  const can = hello.agentCapabilities;
  const login = <T>(request: () => Promise<T>): Promise<T> => withLogin(agent, hello, logins, request);
  if (old !== null && can?.sessionCapabilities?.resume) {
    try {
      const state = await login(() => agent.request(methods.agent.session.resume, { ...where, sessionId: old }));
      return { session: old, resumed: true, state };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      remark(`the session could not be resumed: ${errorWords(error)}`);
    }
  }
  if (old !== null && can?.loadSession) {
    onReplay(true);
    try {
      const state = await login(() => agent.request(methods.agent.session.load, { ...where, sessionId: old }));
      return { session: old, resumed: true, state };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      remark(`the session could not be loaded: ${errorWords(error)}`);
    } finally {
      onReplay(false);
    }
  }
  if (old !== null) remark('a new session is begun');
  const created: NewSessionResponse = await login(() => agent.request(methods.agent.session.new, where));
  return { session: created.sessionId, resumed: false, state: created };
}

/** What an agent's error says, without the frame that the protocol puts around it. */
export function errorWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof RequestError)) return error.message;
  if (wantsLogin(error)) return 'it wants a login';
  const details = textField(error.data, 'details') ?? textField(error.data, 'message') ?? '';
  const message = error.message.replace(/^Internal error(: )?/, '');
  return plainError([message, details].filter(Boolean).join(': ') || error.message);
}

/** The logins that need no person. */
export interface KeyLogins {
  /** Tried when the agent wants a login. */
  keyLogins: NonNullable<KnownAgent['keyLogins']>;
  /** What the agent's process sees: tells which of those logins has its key. */
  env: Readonly<Record<string, string>>;
}

/** Logs in with a key that is in the environment when the agent asks for a login, and tries once more. */
async function withLogin<T>(
  agent: ClientContext,
  hello: InitializeResponse,
  { keyLogins, env }: KeyLogins,
  request: () => Promise<T>,
): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!wantsLogin(error)) throw error;
    const offered = new Set(hello.authMethods?.map((method) => method.id));
    const login = keyLogins.find(({ variable, method }) => env[variable] && offered.has(method));
    if (!login) throw error;
    await agent.request(methods.agent.authenticate, { methodId: login.method });
    return request();
  }
}

/** Puts the session into the first of our modes that it offers, as a mode or as a configuration option. */
export async function chooseMode(
  agent: ClientContext,
  sessionId: string,
  state: SessionState,
  wanted: readonly string[],
  remark: (text: string) => void,
): Promise<void> {
  if (wanted.length === 0) return;
  const { modes } = state;
  if (modes) {
    const modeId = wanted.find((id) => modes.availableModes.some((mode) => mode.id === id));
    if (modeId === undefined)
      return remark(`it offers none of the modes ${wanted.join(', ')}: its own mode ${modes.currentModeId} stays`);
    if (modeId !== modes.currentModeId) await agent.request(methods.agent.session.setMode, { sessionId, modeId });
    return;
  }
  const option = state.configOptions?.find((candidate) => candidate.category === 'mode' && candidate.type === 'select');
  if (option?.type !== 'select') return;
  const values = option.options
    .flatMap((entry) => ('options' in entry ? entry.options : [entry]))
    .map((entry) => entry.value);
  const value = wanted.find((id) => values.includes(id));
  if (value === undefined || value === option.currentValue) return;
  await agent.request(methods.agent.session.setConfigOption, { sessionId, configId: option.id, value });
}
