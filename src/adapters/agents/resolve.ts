/** Which agent a task gets, decided once, and what is there to choose from. */
import { AmpaError } from '../../errors.ts';
import type { AgentSpec, PermissionMode } from '../../tasks/task.ts';
import { CUSTOM_AGENT, KNOWN_AGENTS, knownAgent, transportOf } from './known.ts';
import type { KnownAgent, Transport } from './known.ts';

/** Finds a program on PATH, outside the workspace; null when there is none. */
export type FindProgram = (program: string) => Promise<string | null>;

export interface ResolveAgentOptions {
  find: FindProgram;
  /** Unset: the custom agent if one is defined, else the first known one that is installed. */
  name?: string | undefined;
  /** Command line of an agent of one's own; defines `custom`. */
  customCommand?: string | undefined;
  customType?: AgentSpec['type'] | undefined;
  /** The mode that the notes are about. */
  permissions: PermissionMode;
}

export interface ResolvedAgent {
  spec: AgentSpec;
  /** What a person should know: the nearest mode an agent has, an adapter that is missing. */
  notes: string[];
}

/**
 * Splits a command line into words: quotes and backslashes as a shell reads them, nothing expanded.
 * Throws `AmpaError` (`agent`) when a quote is left open.
 */
export function splitCommand(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    const next = text[i + 1] ?? '';
    if (quote) {
      if (char === quote) quote = '';
      else if (char === '\\' && quote === '"' && ['"', '\\'].includes(next)) {
        word += next;
        i++;
      } else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (char === '\\' && (next === ' ' || next === '\\' || next === '"' || next === "'")) {
      word = (word ?? '') + next;
      i++;
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (quote)
    throw new AmpaError('agent', `the agent command has an open quote: ${text}`, 'Close it in ampa.agentCommand.');
  if (word !== null) words.push(word);
  return words;
}

async function findTransport(
  agent: KnownAgent,
  find: FindProgram,
): Promise<{ transport: Transport; file: string } | null> {
  for (const transport of agent.transports) {
    const file = await find(transport.program);
    if (file) return { transport, file };
  }
  return null;
}

function missing(agent: KnownAgent): AmpaError {
  return new AmpaError(
    'agent',
    `the agent ${agent.name} (${agent.title}) is not installed`,
    `Install it with \`${agent.install}\`.`,
  );
}

async function resolveCustom(command: string, type: AgentSpec['type'], find: FindProgram): Promise<AgentSpec> {
  if (type === 'command') return { name: CUSTOM_AGENT, type, argv: [command], dialect: null };
  const [program, ...args] = splitCommand(command);
  const file = program ? await find(program) : null;
  if (!program || !file) {
    throw new AmpaError(
      'agent',
      `the program ${JSON.stringify(program ?? '')} of the custom agent was not found on PATH`,
      'Correct AMPA_AGENT_COMMAND or the setting ampa.agentCommand.',
    );
  }
  const dialect = type === 'stream-json' ? (transportOf(file)?.dialect ?? 'claude') : null;
  return { name: CUSTOM_AGENT, type, argv: [file, ...args], dialect };
}

/**
 * Resolves an agent to what is stored with a task. Rejects with `AmpaError` (`agent`) that names
 * what to install when it is unknown, missing, or none is installed.
 */
export async function resolveAgent(options: ResolveAgentOptions): Promise<ResolvedAgent> {
  const { find, permissions } = options;
  const custom = options.customCommand?.trim() || undefined;
  const name = options.name || (custom ? CUSTOM_AGENT : undefined);
  if (name === CUSTOM_AGENT) {
    if (!custom) {
      throw new AmpaError(
        'agent',
        'the agent custom is not defined',
        'Set AMPA_AGENT_COMMAND or the setting ampa.agentCommand.',
      );
    }
    return { spec: await resolveCustom(custom, options.customType ?? 'command', find), notes: [] };
  }
  const wanted = name === undefined ? undefined : knownAgent(name);
  if (name !== undefined && !wanted) {
    const names = KNOWN_AGENTS.map((agent) => agent.name).join(', ');
    throw new AmpaError(
      'agent',
      `the agent ${JSON.stringify(name)} is not known`,
      `Choose one of ${names}, or define your own with ampa.agentCommand (AMPA_AGENT_COMMAND).`,
    );
  }
  for (const agent of wanted ? [wanted] : KNOWN_AGENTS) {
    const found = await findTransport(agent, find);
    if (!found) continue;
    const { transport, file } = found;
    const notes = [transport.ways[permissions].note].filter((note) => note !== undefined);
    const better = agent.transports[0] !== transport && agent.installAdapter;
    if (better && permissions !== 'all') notes.push(`install the adapter for being asked: ${better}`);
    return {
      spec: { name: agent.name, type: transport.type, argv: [file, ...transport.args], dialect: transport.dialect },
      notes,
    };
  }
  if (wanted) throw missing(wanted);
  const choices = KNOWN_AGENTS.map((agent) => `${agent.title} (\`${agent.install}\`)`).join(', ');
  throw new AmpaError(
    'agent',
    'no coding agent was found on PATH',
    `Install one: ${choices}; or set ampa.agentCommand (AMPA_AGENT_COMMAND).`,
  );
}

/** A known agent, as people choose it. */
export interface ListedAgent {
  name: string;
  title: string;
  found: boolean;
  /** Program that would be run. */
  path: string | null;
  /** How it is, or would be, spoken to. */
  adapter: Transport['type'];
  install: string;
  /** What a person types in a terminal to sign in. */
  login: string;
  /** In words, where the agent as it is installed cannot do what a permission mode says; null where it can. */
  permissionNotes: string | null;
}

/** Every known agent, found or not, in the order in which an unnamed one is chosen. */
export async function listAgents(find: FindProgram): Promise<ListedAgent[]> {
  return Promise.all(
    KNOWN_AGENTS.map(async (agent) => {
      const found = await findTransport(agent, find);
      const notes = new Set(Object.values(found?.transport.ways ?? {}).map((way) => way.note));
      notes.delete(undefined);
      return {
        name: agent.name,
        title: agent.title,
        found: found !== null,
        path: found?.file ?? null,
        adapter: (found?.transport ?? agent.transports[0]).type,
        install: agent.install,
        login: agent.login,
        permissionNotes: notes.size > 0 ? `${[...notes].join('. ')}.` : null,
      };
    }),
  );
}
