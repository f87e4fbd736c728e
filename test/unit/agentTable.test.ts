import assert from 'node:assert/strict';
import { KNOWN_AGENTS, launchOf, transportOf } from '../../src/adapters/agents/known.ts';
import { listAgents, resolveAgent, splitCommand } from '../../src/adapters/agents/resolve.ts';
import { streamJsonArgv } from '../../src/adapters/agents/streamJson.ts';
import type { AgentSpec } from '../../src/tasks/task.ts';

const installed =
  (...programs: string[]) =>
  async (program: string): Promise<string | null> => {
    const name = program.split('/').at(-1) ?? '';
    return programs.includes(name) ? `/bin/${name}` : null;
  };

describe('the table of agents', () => {
  it('it is in the order in which an unnamed agent is chosen', () => {
    assert.deepEqual(
      KNOWN_AGENTS.map((agent) => agent.name),
      ['amp', 'claude', 'codex', 'opencode', 'gemini'],
    );
  });

  it('unset, the first agent that is found is taken', async () => {
    const { spec } = await resolveAgent({ find: installed('gemini', 'opencode'), permissions: 'edits' });
    assert.deepEqual(spec, { name: 'opencode', type: 'acp', argv: ['/bin/opencode', 'acp'], dialect: null });
  });

  it('ACP is preferred where its adapter is installed, and named where it is not', async () => {
    const acp = await resolveAgent({
      name: 'claude',
      find: installed('claude', 'claude-agent-acp'),
      permissions: 'edits',
    });
    assert.deepEqual(acp, {
      spec: { name: 'claude', type: 'acp', argv: ['/bin/claude-agent-acp'], dialect: null },
      notes: [],
    });
    const lines = await resolveAgent({ name: 'claude', find: installed('claude'), permissions: 'edits' });
    assert.deepEqual(lines.spec, { name: 'claude', type: 'stream-json', argv: ['/bin/claude'], dialect: 'claude' });
    assert.match(lines.notes.join(' '), /acceptEdits.*claude-agent-acp/s);
    const all = await resolveAgent({ name: 'claude', find: installed('claude'), permissions: 'all' });
    assert.deepEqual(all.notes, []);
  });

  it('a missing, an unknown and no agent at all are errors that name what to install', async () => {
    const find = installed();
    await assert.rejects(resolveAgent({ name: 'codex', find, permissions: 'edits' }), {
      code: 'agent',
      hint: /npm install -g @openai\/codex/,
    });
    await assert.rejects(resolveAgent({ name: 'cursor', find, permissions: 'edits' }), {
      code: 'agent',
      hint: /amp, claude, codex/,
    });
    await assert.rejects(resolveAgent({ find, permissions: 'edits' }), {
      code: 'agent',
      hint: /claude-code.*opencode-ai/s,
    });
    await assert.rejects(resolveAgent({ name: 'custom', find, permissions: 'edits' }), {
      code: 'agent',
      hint: /AMPA_AGENT_COMMAND/,
    });
  });

  it("a command of one's own defines the agent custom and selects it, unless another is named", async () => {
    const find = installed('mine', 'amp');
    const customCommand = 'mine --flag "two words"';
    const command = await resolveAgent({ customCommand, find, permissions: 'edits' });
    assert.deepEqual(command.spec, { name: 'custom', type: 'command', argv: [customCommand], dialect: null });
    const acp = await resolveAgent({ customCommand, customType: 'acp', find, permissions: 'edits' });
    assert.deepEqual(acp.spec, {
      name: 'custom',
      type: 'acp',
      argv: ['/bin/mine', '--flag', 'two words'],
      dialect: null,
    });
    const lines = await resolveAgent({
      customCommand: 'amp --mode rush',
      customType: 'stream-json',
      find,
      permissions: 'edits',
    });
    assert.deepEqual(lines.spec, {
      name: 'custom',
      type: 'stream-json',
      argv: ['/bin/amp', '--mode', 'rush'],
      dialect: 'amp',
    });
    const named = await resolveAgent({ name: 'amp', customCommand, find, permissions: 'edits' });
    assert.equal(named.spec.name, 'amp');
    await assert.rejects(resolveAgent({ customCommand: 'gone', customType: 'acp', find, permissions: 'edits' }), {
      code: 'agent',
      message: /gone/,
    });
  });

  it('a command line is split as a shell would, with nothing expanded', () => {
    assert.deepEqual(splitCommand(`  a 'b c' "d \\" e" f\\ g '' $HOME C:\\x `), [
      'a',
      'b c',
      'd " e',
      'f g',
      '',
      '$HOME',
      'C:\\x',
    ]);
    assert.throws(() => splitCommand('a "b'), { code: 'agent' });
  });

  it('the list tells what is found, how it is spoken to and what to install', async () => {
    const list = await listAgents(installed('codex', 'opencode'));
    assert.deepEqual(
      list.map(({ name, found, adapter }) => [name, found, adapter]),
      [
        ['amp', false, 'stream-json'],
        ['claude', false, 'acp'],
        ['codex', true, 'stream-json'],
        ['opencode', true, 'acp'],
        ['gemini', false, 'acp'],
      ],
    );
    assert.match(list[2]?.permissionNotes ?? '', /read-only.*workspace-write/s);
    assert.equal(list[3]?.permissionNotes, null);
    assert.ok(list.every((agent) => agent.install.startsWith('npm install -g ')));
  });
});

describe('how an agent is launched', () => {
  const spec = (name: string, dialect: AgentSpec['dialect'], program = name): AgentSpec => ({
    name,
    type: dialect ? 'stream-json' : 'acp',
    argv: [`/bin/${program}`],
    dialect,
  });
  const argv = (
    agent: AgentSpec,
    permissions: 'ask' | 'edits' | 'all',
    session: string | null,
    newSession: string | null = null,
  ): string =>
    streamJsonArgv(agent.argv, agent.dialect ?? 'claude', {
      session,
      newSession,
      launch: launchOf(agent, permissions, false),
    }).join(' ');

  it('each dialect gets its arguments in each mode, new and resumed', () => {
    assert.equal(argv(spec('amp', 'amp'), 'edits', null), '/bin/amp -x --stream-json');
    assert.equal(
      argv(spec('amp', 'amp'), 'all', 'T-1'),
      '/bin/amp threads continue T-1 -x --stream-json --dangerously-allow-all',
    );
    assert.equal(
      argv(spec('claude', 'claude'), 'edits', null, 'u'),
      '/bin/claude -p --output-format stream-json --verbose --permission-mode acceptEdits --session-id u',
    );
    assert.equal(
      argv(spec('claude', 'claude'), 'all', 's'),
      '/bin/claude -p --output-format stream-json --verbose --permission-mode bypassPermissions --resume s',
    );
    assert.equal(argv(spec('codex', 'codex'), 'ask', null), '/bin/codex exec --json -c sandbox_mode="read-only" -');
    assert.equal(
      argv(spec('codex', 'codex'), 'all', 's'),
      '/bin/codex exec resume --json --dangerously-bypass-approvals-and-sandbox s -',
    );
  });

  it('a custom agent that is a known program gets its arguments, any other gets only its own', () => {
    assert.equal(
      argv(spec('custom', 'claude', 'claude'), 'all', 's'),
      '/bin/claude -p --output-format stream-json --verbose --permission-mode bypassPermissions --resume s',
    );
    assert.equal(argv(spec('custom', 'claude', 'mine'), 'all', 's'), '/bin/mine');
    assert.equal(transportOf('C:/npm/codex.cmd')?.dialect, 'codex');
  });

  it('Claude Code runs as the superuser only with its variable, and only where it needs it', () => {
    assert.deepEqual(launchOf(spec('claude', 'claude'), 'all', true).env, { IS_SANDBOX: '1' });
    assert.deepEqual(launchOf(spec('claude', 'claude'), 'edits', true).env, {});
    assert.deepEqual(launchOf(spec('claude', null, 'claude-agent-acp'), 'edits', true).env, { IS_SANDBOX: '1' });
    assert.deepEqual(launchOf(spec('claude', null, 'claude-agent-acp'), 'edits', false).env, {});
  });

  it('OpenCode asks for everything unless everything is allowed', () => {
    const opencode: AgentSpec = { name: 'opencode', type: 'acp', argv: ['/bin/opencode', 'acp'], dialect: null };
    const asks = launchOf(opencode, 'edits', false).env.OPENCODE_PERMISSION ?? '{}';
    assert.equal((JSON.parse(asks) as Record<string, string>)['*'], 'ask');
    assert.deepEqual(launchOf(opencode, 'all', false).env, {});
  });

  describe('a missing login', () => {
    const known = (name: string): AgentSpec => {
      const [transport] = KNOWN_AGENTS.find((agent) => agent.name === name)!.transports;
      return { name, type: transport.type, argv: [`/bin/${transport.program}`], dialect: transport.dialect };
    };
    const speaks = (agent: AgentSpec, text: string): boolean => launchOf(agent, 'edits', false).speaksOfLogin(text);
    const table: [string, string[]][] = [
      ['amp', ['No API key found. Starting login flow...', 'it ended with exit code 1: Unauthorized']],
      [
        'claude',
        [
          'Not logged in · Please run /login',
          'Invalid API key · Please run /login',
          'API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"OAuth token has expired."}}',
          'Failed to authenticate. API Error: 401',
          'authentication_failed',
        ],
      ],
      [
        'codex',
        [
          'unexpected status 401 Unauthorized: Incorrect API key provided',
          'Incorrect API key provided: sk-x',
          'Your access token could not be refreshed. Please log out and sign in again.',
        ],
      ],
      ['opencode', ['Unauthorized: {"error":"User not found."}', 'invalid x-api-key', 'OpenAI API key is missing.']],
      ['gemini', ['[API Error: API key not valid. Please pass a valid API key. (Status: INVALID_ARGUMENT)]']],
    ];
    for (const [name, texts] of table) {
      it(`of ${name} is told by how its errors begin, and by nothing else`, () => {
        for (const text of texts) assert.equal(speaks(known(name), text), true, text);
        for (const text of [
          'stub error 400',
          'port 4010 is in use',
          'rate limited, retry after 401 s',
          'the login page test fails',
          'expected status 200, got 401',
          'GET /me answers unauthorized in the test of the session',
          'authentication failed in test/login.test.ts',
        ])
          assert.equal(speaks(known(name), text), false, text);
      });
    }

    it('is no business of a command that we do not know', () => {
      const custom: AgentSpec = { name: 'custom', type: 'command', argv: ['./mine'], dialect: null };
      for (const [, texts] of table) for (const text of texts) assert.equal(speaks(custom, text), false, text);
      const claude: AgentSpec = { name: 'custom', type: 'stream-json', argv: ['/opt/claude'], dialect: 'claude' };
      assert.equal(speaks(claude, 'Not logged in · Please run /login'), true, 'a known program in other words');
    });
  });
});
