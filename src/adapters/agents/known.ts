/**
 * The one table of known agents: how each is detected, spoken to, installed and signed in to, and
 * which of its own ways each permission mode means. Found by running them.
 */
import path from 'node:path';
import type { AgentSpec, PermissionMode } from '../../tasks/task.ts';

/** What a permission mode means for a program. */
interface Way {
  /** Arguments for the stream-json dialects, which have no other way to be told. */
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** ACP session modes to choose, the first that the agent offers. */
  modes?: readonly string[];
  /** In words for people, where the agent cannot do what the mode says. */
  note?: string;
}

export interface Transport {
  type: 'acp' | 'stream-json';
  dialect: AgentSpec['dialect'];
  /** Looked up on PATH. */
  program: string;
  /** Always added. */
  args: readonly string[];
  ways: Readonly<Record<PermissionMode, Way>>;
  /** Added for the superuser: the program refuses to run otherwise, in these modes. */
  asRoot?: { modes: readonly PermissionMode[]; env: Readonly<Record<string, string>> };
}

export interface KnownAgent {
  name: string;
  title: string;
  /** `Name <address>` as its maker signs commits; GitHub shows its picture by it. */
  coAuthor: string;
  /** Preferred first. */
  transports: readonly [Transport, ...Transport[]];
  install: string;
  /** Installs the preferred way to speak to it, where that is a program of its own. */
  installAdapter?: string;
  /** What a person types in a terminal. */
  login: string;
  /** How its errors begin when the login is missing or refused; other words of a failed turn may be anybody's. */
  loginErrors: RegExp;
  /** Whether a session survives the death of its process. */
  resumes: boolean;
  /** ACP login methods that need no person: used when the variable is set and the agent wants a login. */
  keyLogins?: readonly { variable: string; method: string }[];
}

/** Everything is asked, so that AMPA's own policy decides; its housekeeping tools need no asking. */
const OPENCODE_ASKS = JSON.stringify({
  '*': 'ask',
  todowrite: 'allow',
  todoread: 'allow',
  task: 'allow',
  skill: 'allow',
});
/** At the beginning of a line, or behind the words that an adapter puts in front. */
const begins = ({ source }: RegExp): RegExp => new RegExp(`(?:^|: |\\[)(?:${source})`, 'im');
const CLAUDE_ROOT = { IS_SANDBOX: '1' } as const;
const CANNOT_ASK = 'what it would ask is refused';

export const KNOWN_AGENTS: readonly KnownAgent[] = [
  {
    name: 'amp',
    title: 'Amp',
    coAuthor: 'Amp <amp@ampcode.com>',
    transports: [
      {
        type: 'stream-json',
        dialect: 'amp',
        program: 'amp',
        args: [],
        ways: {
          ask: { note: `Amp cannot ask: its own permission rules decide, and ${CANNOT_ASK}` },
          edits: { note: `Amp cannot ask: its own permission rules decide, and ${CANNOT_ASK}` },
          all: { args: ['--dangerously-allow-all'] },
        },
      },
    ],
    install: 'npm install -g @sourcegraph/amp',
    login: 'amp login',
    loginErrors: begins(/no api key found|invalid api key|(401 )?unauthorized\b/),
    resumes: true,
  },
  {
    name: 'claude',
    title: 'Claude Code',
    coAuthor: 'Claude <noreply@anthropic.com>',
    transports: [
      {
        type: 'acp',
        dialect: null,
        program: 'claude-agent-acp',
        args: [],
        ways: { ask: { modes: ['default'] }, edits: { modes: ['default'] }, all: { modes: ['default'] } },
        asRoot: { modes: ['ask', 'edits', 'all'], env: CLAUDE_ROOT },
      },
      {
        type: 'stream-json',
        dialect: 'claude',
        program: 'claude',
        args: [],
        ways: {
          ask: {
            args: ['--permission-mode', 'default'],
            note: `Claude Code cannot ask without claude-agent-acp: it runs in its mode "default", and ${CANNOT_ASK}`,
          },
          edits: {
            args: ['--permission-mode', 'acceptEdits'],
            note: `Claude Code cannot ask without claude-agent-acp: it runs in its mode "acceptEdits", and ${CANNOT_ASK}`,
          },
          all: { args: ['--permission-mode', 'bypassPermissions'] },
        },
        asRoot: { modes: ['all'], env: CLAUDE_ROOT },
      },
    ],
    install: 'npm install -g @anthropic-ai/claude-code',
    installAdapter: 'npm install -g @agentclientprotocol/claude-agent-acp',
    login: 'claude auth login',
    loginErrors: begins(
      /not logged in\b|invalid api key\b|failed to authenticate\b|api error: 401\b|authentication_failed$/,
    ),
    resumes: true,
  },
  {
    name: 'codex',
    title: 'Codex',
    coAuthor: 'Codex <noreply@openai.com>',
    transports: [
      {
        type: 'acp',
        dialect: null,
        program: 'codex-acp',
        args: [],
        ways: {
          ask: {
            env: { INITIAL_AGENT_MODE: 'read-only' },
            modes: ['read-only'],
            note: 'Codex runs commands that only read in its sandbox, unasked',
          },
          edits: {
            env: { INITIAL_AGENT_MODE: 'workspace-write' },
            modes: ['workspace-write', 'agent', 'auto'],
            note: 'Codex runs commands unasked in its sandbox, without network; leaving it is asked',
          },
          all: { env: { INITIAL_AGENT_MODE: 'agent-full-access' }, modes: ['agent-full-access', 'full-access'] },
        },
      },
      {
        type: 'stream-json',
        dialect: 'codex',
        program: 'codex',
        args: [],
        ways: {
          ask: {
            args: ['-c', 'sandbox_mode="read-only"'],
            note: 'Codex cannot ask without codex-acp: it runs in its sandbox "read-only"',
          },
          edits: {
            args: ['-c', 'sandbox_mode="workspace-write"'],
            note: 'Codex cannot ask without codex-acp: it runs in its sandbox "workspace-write", without network',
          },
          all: { args: ['--dangerously-bypass-approvals-and-sandbox'] },
        },
      },
    ],
    install: 'npm install -g @openai/codex',
    installAdapter: 'npm install -g @agentclientprotocol/codex-acp',
    login: 'codex login',
    loginErrors: begins(
      /not logged in\b|unexpected status 401\b|incorrect api key provided\b|.*log out and sign in again/,
    ),
    resumes: true,
    keyLogins: [
      { variable: 'CODEX_API_KEY', method: 'api-key' },
      { variable: 'OPENAI_API_KEY', method: 'api-key' },
    ],
  },
  {
    name: 'opencode',
    title: 'OpenCode',
    coAuthor: 'opencode <noreply@opencode.ai>',
    transports: [
      {
        type: 'acp',
        dialect: null,
        program: 'opencode',
        args: ['acp'],
        ways: {
          ask: { env: { OPENCODE_PERMISSION: OPENCODE_ASKS } },
          edits: { env: { OPENCODE_PERMISSION: OPENCODE_ASKS } },
          all: {},
        },
      },
    ],
    install: 'npm install -g opencode-ai',
    login: 'opencode auth login',
    loginErrors: begins(
      /unauthorized\b|(incorrect|invalid|missing|invalid or missing) (x-)?api[ -]key\b|api key is (invalid|missing)|\w+ api key is missing/,
    ),
    resumes: true,
  },
  {
    name: 'gemini',
    title: 'Gemini CLI',
    coAuthor: 'gemini-cli <gemini-cli@google.com>',
    transports: [
      {
        type: 'acp',
        dialect: null,
        program: 'gemini',
        args: ['--acp'],
        ways: { ask: { modes: ['default'] }, edits: { modes: ['default'] }, all: { modes: ['default'] } },
      },
    ],
    install: 'npm install -g @google/gemini-cli',
    login: 'gemini',
    loginErrors: begins(/(api error: )?api key (not valid|not found)\. please pass a valid api key/),
    resumes: false,
    keyLogins: [{ variable: 'GEMINI_API_KEY', method: 'gemini-api-key' }],
  },
];

/** Named by people without a name of their own in the table. */
export const CUSTOM_AGENT = 'custom';

export const knownAgent = (name: string): KnownAgent | undefined => KNOWN_AGENTS.find((agent) => agent.name === name);

/** The transport whose program this is, whatever folder it lies in. */
export function transportOf(program: string): Transport | undefined {
  const name = path.basename(program).replace(/\.(exe|cmd|bat|ps1)$/i, '');
  return KNOWN_AGENTS.flatMap((agent) => agent.transports).find((transport) => transport.program === name);
}

/** How a stored spec is launched in a permission mode. */
export interface Launch {
  /** Permission arguments; the adapter puts them where the dialect wants them. */
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  modes: readonly string[];
  note: string | null;
  /** A program that is not in the table: it gets no arguments it was not given. */
  foreign: boolean;
  /** Whether what it says of a failed turn speaks of a missing or refused login. */
  speaksOfLogin(error: string): boolean;
}

/** A custom agent that runs a known program gets that program's ways; any other gets none. */
export function launchOf(spec: AgentSpec, permissions: PermissionMode, isRoot: boolean): Launch {
  const own = knownAgent(spec.name)?.transports.find(
    (transport) => transport.type === spec.type && transport.dialect === spec.dialect,
  );
  const byProgram = spec.argv[0] === undefined ? undefined : transportOf(spec.argv[0]);
  const transport = own ?? (byProgram?.type === spec.type ? byProgram : undefined);
  if (!transport) return { args: [], env: {}, modes: [], note: null, foreign: true, speaksOfLogin: () => false };
  const way = transport.ways[permissions];
  const root = isRoot && transport.asRoot?.modes.includes(permissions) ? transport.asRoot.env : {};
  const agent = KNOWN_AGENTS.find(({ transports }) => transports.includes(transport));
  return {
    args: way.args ?? [],
    env: { ...way.env, ...root },
    modes: way.modes ?? [],
    note: way.note ?? null,
    foreign: false,
    speaksOfLogin: (error) => agent?.loginErrors.test(error) ?? false,
  };
}
