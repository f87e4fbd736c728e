/** Whether an agent can be used: its program, and its login where that is cheap to know. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { codeOf } from '../../errors.ts';
import type { AgentReadiness } from '../../tasks/ports.ts';
import type { AgentSpec } from '../../tasks/task.ts';
import { probe } from '../process/probe.ts';
import { knownAgent } from './known.ts';
import type { FindProgram } from './resolve.ts';
import { field } from './turn.ts';

export interface CheckOptions {
  env: Readonly<Record<string, string>>;
  find: FindProgram;
  /** Milliseconds for each question to a program; 5 s. */
  timeoutMs: number;
}

/** Variables with which an agent needs no login of its own. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  claude: [
    'ANTHROPIC_API_KEY',
    'ANTHROPIC_AUTH_TOKEN',
    'CLAUDE_CODE_OAUTH_TOKEN',
    'CLAUDE_CODE_USE_BEDROCK',
    'CLAUDE_CODE_USE_VERTEX',
  ],
  codex: ['CODEX_API_KEY', 'OPENAI_API_KEY', 'CODEX_ACCESS_TOKEN'],
};

async function ask(
  argv: readonly string[],
  { env, timeoutMs }: CheckOptions,
): Promise<{ code: number | null; output: string }> {
  const result = await probe(argv, { cwd: path.parse(process.execPath).root, env, timeoutMs });
  return result.timedOut ? { code: null, output: '' } : result;
}

/** Codex needs no login of its own where its configuration names a provider. */
async function codexHasProvider(env: Readonly<Record<string, string>>): Promise<boolean> {
  const home = env.CODEX_HOME ?? path.join(env.HOME ?? homedir(), '.codex');
  try {
    return /^\s*model_provider\s*=/m.test(await readFile(path.join(home, 'config.toml'), 'utf8'));
  } catch (error) {
    // A configuration that cannot be read must not keep a task from starting.
    return codeOf(error) !== 'ENOENT';
  }
}

/** False only when the agent itself says that nobody is signed in; what cannot be told counts as signed in. */
async function isSignedIn(name: string, program: string, options: CheckOptions): Promise<boolean> {
  if (KEYS[name]?.some((key) => options.env[key])) return true;
  const base = path.basename(program);
  if (name === 'codex') {
    const cli = base.startsWith('codex-acp') ? [program, 'cli'] : [program];
    const status = await ask([...cli, 'login', 'status'], options);
    return !(status.code === 1 && /not logged in/i.test(status.output)) || codexHasProvider(options.env);
  }
  if (name === 'claude') {
    const cli = base.startsWith('claude-agent-acp') ? [program, '--cli'] : [program];
    const status = await ask([...cli, 'auth', 'status'], options);
    try {
      return field(JSON.parse(status.output.trim()), 'loggedIn') !== false;
    } catch {
      // An older version that does not know the question.
      return true;
    }
  }
  return true;
}

/** The first word of shell text, where that is plainly a program's name; the shell itself knows whether there is one. */
async function missingWord(text: string, options: CheckOptions): Promise<string | null> {
  const word = /^\s*([\w./~-]+)(?=\s|$)/.exec(text)?.[1];
  // A relative path starts at the worktree, which is not there yet.
  const isRelative = word?.includes('/') && !word.startsWith('/');
  if (word === undefined || isRelative || process.platform === 'win32') return null;
  const { code } = await ask(['/bin/sh', '-c', 'command -v -- "$1"', 'sh', word], options);
  return code === 0 || code === null ? null : word;
}

/** The program of an agent where it is not there, or may not be executed; null: it is there, as far as can be told. */
export async function missingProgram(spec: AgentSpec, options: CheckOptions): Promise<string | null> {
  const program = spec.argv[0] ?? '';
  if (spec.type === 'command') return missingWord(program, options);
  return (await options.find(program)) === null ? program : null;
}

/** Looks the program up, asks its version and whether somebody is signed in. Starts no session. */
export async function checkAgent(spec: AgentSpec, options: CheckOptions): Promise<AgentReadiness> {
  const known = spec.type === 'command' ? undefined : knownAgent(spec.name);
  const missing = await missingProgram(spec, options);
  if (missing !== null) {
    const hint = known ? `Install it with \`${known.install}\`.` : 'Correct ampa.agentCommand.';
    return {
      ready: false,
      reason: 'agent_missing',
      detail: `${missing} is not there, or may not be executed. ${hint}`,
    };
  }
  const program = spec.argv[0] ?? '';
  // A program that is not in the table may do anything when asked for its version.
  if (!known) return { ready: true, version: null };
  const [version, signedIn] = await Promise.all([
    ask([program, ...(path.basename(program).startsWith('claude-agent-acp') ? ['--cli'] : []), '--version'], options),
    isSignedIn(known.name, program, options),
  ]);
  if (!signedIn) {
    return {
      ready: false,
      reason: 'agent_auth',
      detail: `${known.title} is not signed in. Run \`${known.login}\` in a terminal.`,
    };
  }
  return { ready: true, version: version.code === 0 ? (/\d+\.\d+\S*/.exec(version.output)?.[0] ?? null) : null };
}
