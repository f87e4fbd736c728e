import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { createAgents } from '../../src/adapters/agents/agents.ts';
import { knownAgent } from '../../src/adapters/agents/known.ts';
import { resolveAgent } from '../../src/adapters/agents/resolve.ts';
import { findOnPath } from '../../src/adapters/process/find.ts';
import { listProcesses, markedPids } from '../../src/adapters/process/table.ts';
import { createTaskProcesses } from '../../src/adapters/process/taskProcesses.ts';
import type { Agents, TaskProcesses, TurnOutcome } from '../../src/tasks/ports.ts';
import type { AgentSpec } from '../../src/tasks/task.ts';
import { recordTurn } from '../support/agentTurn.ts';
import type { RecordedTurn } from '../support/agentTurn.ts';
import { until } from '../support/until.ts';
import { startLlmServer } from './llmServer.ts';
import type { LlmServer } from './llmServer.ts';

interface Case {
  title: string;
  agent: string;
  /** Programs on PATH; all of them must be there. */
  programs: string[];
  type: AgentSpec['type'];
  /** Installed with this folder: its absence is a failure, not a skip. */
  required: boolean;
}

const CASES: Case[] = [
  {
    title: 'OpenCode over ACP',
    agent: 'opencode',
    programs: ['opencode'],
    type: 'acp',
    required: true,
  },
  { title: 'Codex over ACP', agent: 'codex', programs: ['codex-acp'], type: 'acp', required: true },
  {
    title: 'Codex as JSON lines',
    agent: 'codex',
    programs: ['codex'],
    type: 'stream-json',
    required: true,
  },
  {
    title: 'Claude Code over ACP',
    agent: 'claude',
    programs: ['claude-agent-acp'],
    type: 'acp',
    required: false,
  },
  {
    title: 'Claude Code as JSON lines',
    agent: 'claude',
    programs: ['claude'],
    type: 'stream-json',
    required: false,
  },
  { title: 'Gemini over ACP', agent: 'gemini', programs: ['gemini'], type: 'acp', required: false },
];

describe('real agents against a scripted model', function () {
  this.timeout(120_000);
  let llm: LlmServer;
  let folder: string;
  let cwd: string;
  let env: Record<string, string>;
  let owner: string;
  let processes: TaskProcesses;
  let agents: Agents;

  before(async () => {
    llm = await startLlmServer();
  });
  after(() => llm.close());

  beforeEach(async () => {
    // Not under the system's temporary folder: Codex refuses to keep its home there.
    const parent = path.join(homedir(), '.cache/ampa-test-agents');
    await mkdir(parent, { recursive: true });
    folder = await realpath(await mkdtemp(path.join(parent, 'run-')));
    cwd = path.join(folder, 'worktree');
    await mkdir(cwd);
    execFileSync('git', ['init', '-q', cwd]);
    await mkdir(path.join(folder, 'codex'));
    await writeFile(
      path.join(folder, 'codex/config.toml'),
      `model = "scripted"
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "${llm.url}/v1"
env_key = "SCRIPTED_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
`,
    );
    const bins = [path.join(import.meta.dirname, 'node_modules/.bin'), process.env.AMPA_TEST_AGENTS_PATH ?? ''];
    owner = `agents-${randomUUID()}`;
    env = {
      PATH: [...bins.filter(Boolean), path.dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
      HOME: folder,
      CODEX_HOME: path.join(folder, 'codex'),
      SCRIPTED_KEY: 'k',
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_CONFIG_CONTENT: JSON.stringify({
        model: 'scripted/m',
        provider: {
          scripted: {
            npm: '@ai-sdk/openai-compatible',
            options: { baseURL: `${llm.url}/v1`, apiKey: 'k' },
            models: { m: { name: 'm' } },
          },
        },
      }),
      ANTHROPIC_BASE_URL: llm.url,
      ANTHROPIC_API_KEY: 'sk-ant-scripted',
      DISABLE_TELEMETRY: '1',
      DISABLE_AUTOUPDATER: '1',
      GEMINI_API_KEY: 'k',
      GOOGLE_GEMINI_BASE_URL: llm.url,
    };
    processes = createTaskProcesses({
      owner,
      baseEnv: env,
      ledger: { record: async () => {}, forget: async () => {} },
    });
    agents = createAgents({ env, find: (program) => findOnPath(program, env, { notIn: [cwd] }) });
  });
  afterEach(async () => {
    await processes.endAll();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  for (const { title, agent, programs, type, required } of CASES) {
    describe(title, () => {
      let spec: AgentSpec;
      const run = (turn: RecordedTurn): Promise<TurnOutcome> => agents.runTurn(spec, turn, processes);
      const describeTurn = (turn: RecordedTurn, outcome: TurnOutcome): string =>
        `${outcome.error}\n${turn.events
          .map((event) => JSON.stringify(event))
          .join('\n')
          .slice(0, 8000)}`;

      beforeEach(async function () {
        const find = async (program: string): Promise<string | null> =>
          programs.includes(program) ? findOnPath(program, env, { notIn: [cwd] }) : null;
        if (!required && (await find(programs[0] ?? '')) === null) return this.skip();
        ({ spec } = await resolveAgent({ name: agent, permissions: 'all', find }));
        assert.equal(spec.type, type);
      });

      it('it is ready, runs a shell command that writes a file, and takes its session up again', async () => {
        const readiness = await agents.check(spec);
        assert.ok(readiness.ready, JSON.stringify(readiness));
        assert.match(readiness.version ?? '', /^\d+\./);

        const first = recordTurn({ cwd, permissions: 'all', prompt: 'Please.\nLLM:run echo one > one.txt' });
        const outcome = await run(first);
        assert.equal(outcome.outcome, 'completed', describeTurn(first, outcome));
        assert.equal(await readFile(path.join(cwd, 'one.txt'), 'utf8'), 'one\n');
        assert.equal(outcome.summary, 'Done after 1 calls.');
        const tools = first.events.filter((event) => event.type === 'tool');
        assert.deepEqual(
          tools.map((event) => event.state),
          ['started', 'completed'],
        );
        assert.match(tools[0]?.title ?? '', /one\.txt/);
        assert.ok(outcome.session);
        assert.deepEqual([...(await markedPids(await listProcesses(), owner))], []);

        const second = recordTurn({
          cwd,
          session: outcome.session,
          permissions: 'all',
          prompt: 'Again.\nLLM:run echo two > two.txt',
          freshPrompt: 'LLM:run echo fresh > fresh.txt',
        });
        const again = await run(second);
        assert.equal(again.outcome, 'completed', describeTurn(second, again));
        // Gemini forgets its sessions, and gets the whole story instead.
        if (!knownAgent(agent)?.resumes) return assert.ok(existsSync(path.join(cwd, 'fresh.txt')));
        assert.equal(again.resumed, true, describeTurn(second, again));
        assert.equal(again.session, outcome.session);
        assert.equal(await readFile(path.join(cwd, 'two.txt'), 'utf8'), 'two\n');
        assert.equal(existsSync(path.join(cwd, 'fresh.txt')), false);
        assert.doesNotMatch(second.said('text'), /Done after 1 calls\..*Done after 1 calls\./s);
      });

      it('a session that it does not know is begun anew with the whole story', async () => {
        const session =
          type === 'acp' && agent === 'opencode'
            ? 'ses_000000000000000000000000000'
            : '11111111-1111-4111-8111-111111111111';
        const turn = recordTurn({
          cwd,
          session,
          permissions: 'all',
          prompt: 'x',
          freshPrompt: 'LLM:run echo fresh > fresh.txt',
        });
        const outcome = await run(turn);
        assert.equal(outcome.outcome, 'completed', describeTurn(turn, outcome));
        assert.equal(outcome.resumed, false);
        assert.notEqual(outcome.session, session);
        assert.ok(existsSync(path.join(cwd, 'fresh.txt')));
      });

      it("an error of its model is a failure in the model's words", async () => {
        const turn = recordTurn({ cwd, permissions: 'all', prompt: 'LLM:error 400' });
        const outcome = await run(turn);
        assert.equal(outcome.outcome, 'failed', describeTurn(turn, outcome));
        assert.match(outcome.error ?? '', /scripted error 400/);
        assert.equal(outcome.auth, false);
      });

      it('a cancelled turn leaves no process', async () => {
        const turn = recordTurn({ cwd, permissions: 'all', prompt: 'LLM:run touch begun; sleep 100' });
        const running = run(turn);
        await until('the command', () => existsSync(path.join(cwd, 'begun')), 60_000);
        turn.abort.abort();
        assert.equal((await running).outcome, 'cancelled');
        await processes.endAll();
        assert.deepEqual([...(await markedPids(await listProcesses(), owner))], []);
      });

      if (type !== 'acp') return;
      it('a command that leaves the worktree is asked in the mode edits, and refused by a person it is not run', async () => {
        const target = path.join(folder, 'outside.txt');
        const turn = recordTurn({
          cwd,
          permissions: 'edits',
          prompt: `LLM:run touch ${target}`,
          onPermission: async (request) => {
            turn.asked.push(request);
            return 'reject';
          },
        });
        const outcome = await run(turn);
        assert.equal(existsSync(target), false, describeTurn(turn, outcome));
        // Codex does not ask before its sandbox has refused, and asks only if its model wants to.
        if (agent === 'codex') return;
        assert.equal(turn.asked.length, 1, describeTurn(turn, outcome));
        assert.match(turn.asked[0]?.detail ?? '', /outside\.txt/);
        assert.equal(outcome.denied, true);
      });
    });
  }
});
