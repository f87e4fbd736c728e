import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { mock } from 'node:test';
import { createAgents } from '../../src/adapters/agents/agents.ts';
import { findOnPath } from '../../src/adapters/process/find.ts';
import { listProcesses, markedPids, readProcess } from '../../src/adapters/process/table.ts';
import { createTaskProcesses } from '../../src/adapters/process/taskProcesses.ts';
import type { Agents, TaskProcesses, TurnOutcome } from '../../src/tasks/ports.ts';
import type { Form } from '../../src/conversations/form.ts';
import type { AgentSpec } from '../../src/tasks/task.ts';
import { acpAgentSpec, acpJournal, recordTurn } from '../support/agentTurn.ts';
import type { RecordedTurn } from '../support/agentTurn.ts';
import { until } from '../support/until.ts';

describe('agents', () => {
  let folder: string;
  let cwd: string;
  let state: string;
  let env: Record<string, string>;
  let owner: string;
  let processes: TaskProcesses;
  let agents: Agents;

  /** After a change of `env`. What an agent hears it acts on at once: only the deaf sit through the times it is given. */
  const create = ({ cancelMs = 10_000, graceMs = 10_000 } = {}): void => {
    processes = createTaskProcesses({
      owner,
      baseEnv: env,
      ledger: { record: async () => {}, forget: async () => {} },
      graceMs,
      pipeGraceMs: 500,
    });
    agents = createAgents({
      env,
      find: (program) => findOnPath(program, env, { notIn: [cwd] }),
      cancelMs,
      closeMs: 1000,
    });
  };
  const run = (turn: RecordedTurn, spec: AgentSpec = acpAgentSpec()): Promise<TurnOutcome> =>
    agents.runTurn(spec, turn, processes);
  const prompt = (...lines: string[]): string => ['Please.', ...lines.map((line) => `AGENT:${line}`)].join('\n');
  const left = async (): Promise<number[]> => {
    const rows = await listProcesses();
    return [...(await markedPids(rows, owner))];
  };

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(path.join(tmpdir(), 'ampa-agents-')));
    cwd = path.join(folder, 'worktree');
    state = path.join(folder, 'state');
    await mkdir(cwd);
    owner = `test-${randomUUID()}`;
    env = { ...(process.env as Record<string, string>), ACP_AGENT_STATE: state };
    create();
  });
  afterEach(async () => {
    await processes.endAll();
    await rm(folder, { recursive: true, force: true });
  });

  describe('over ACP', () => {
    it('a turn does its work, tells of it in order, and leaves no process', async () => {
      const turn = recordTurn({
        cwd,
        prompt: prompt(
          'think hm',
          'say Beginning.',
          'write a.txt hello',
          'cost 0.25',
          'tokens 100 20',
          'say All done.',
        ),
      });
      const outcome = await run(turn);
      assert.equal(await readFile(path.join(cwd, 'a.txt'), 'utf8'), 'hello\n');
      assert.deepEqual(
        { ...outcome, session: typeof outcome.session },
        {
          outcome: 'completed',
          session: 'string',
          resumed: false,
          summary: 'All done.',
          error: null,
          auth: false,
          denied: false,
        },
      );
      assert.equal(turn.said('thought'), 'hm');
      assert.equal(turn.said('text'), 'Beginning.All done.');
      const tools = turn.events
        .filter((event) => event.type === 'tool')
        .map((event) => `${event.title}: ${event.state}`);
      assert.deepEqual(tools, ['write a.txt: started', 'write a.txt: completed']);
      const usage = turn.events.filter((event) => event.type === 'usage');
      assert.deepEqual(usage, [
        { type: 'usage', costUsd: 0.25 },
        { type: 'usage', inputTokens: 100, outputTokens: 20 },
      ]);
      assert.deepEqual(await left(), []);
    });

    it('the session is committed before the prompt is sent', async () => {
      let seen: Record<string, unknown>[] = [];
      const turn = recordTurn({
        cwd,
        prompt: prompt('say ok'),
        onSending: async () => {
          seen = acpJournal(state);
        },
      });
      const outcome = await run(turn);
      assert.deepEqual(turn.steps, [`session ${outcome.session}`]);
      assert.equal(
        seen.some((entry) => 'prompt' in entry),
        false,
      );
    });

    it('a listener that loses its claim stops the turn before the prompt, and is heard of', async () => {
      const turn = recordTurn({
        cwd,
        prompt: prompt('write a.txt x'),
        onSession: async () => {
          throw new Error('lost claim');
        },
      });
      await assert.rejects(run(turn), /lost claim/);
      assert.equal(existsSync(path.join(cwd, 'a.txt')), false);
      assert.deepEqual(await left(), []);
    });

    it('a listener of events that throws ends the turn and is heard of', async () => {
      const turn = recordTurn({
        cwd,
        prompt: prompt('say x', 'hang'),
        onEvent: (event) => {
          if (event.type === 'text') throw new Error('log is full');
        },
      });
      await assert.rejects(run(turn), /log is full/);
      assert.deepEqual(await left(), []);
    });

    it('AMPA offers forms and terminal logins, no files, no terminals and no MCP servers', async () => {
      await run(recordTurn({ cwd, prompt: prompt('say ok') }));
      const journal = acpJournal(state);
      const offered = journal.find((entry) => 'initialize' in entry)?.initialize as Record<string, unknown>;
      assert.deepEqual(offered.elicitation, { form: {} });
      assert.deepEqual(offered.auth, { terminal: true });
      assert.equal((offered.fs as { readTextFile?: boolean } | undefined)?.readTextFile ?? false, false);
      assert.equal(offered.terminal ?? false, false);
      assert.deepEqual(journal.find((entry) => entry.session === 'new')?.mcpServers, []);
    });

    it('a session is resumed after its process was killed', async () => {
      create({ cancelMs: 300, graceMs: 300 });
      const first = recordTurn({ cwd, prompt: prompt('say one', 'hang-deaf') });
      const running = run(first);
      await until('the first words', () => first.said('text') === 'one');
      first.abort.abort();
      const { session } = await running;
      const second = recordTurn({ cwd, session, prompt: prompt('say two'), freshPrompt: prompt('say fresh') });
      const outcome = await run(second);
      assert.equal(outcome.session, session);
      assert.equal(outcome.resumed, true);
      assert.equal(second.said('text'), 'two');
    });

    it('history that is replayed by a load is not told again', async () => {
      env.ACP_AGENT_RESUME = 'load';
      create();
      const { session } = await run(recordTurn({ cwd, prompt: prompt('say one', 'say two') }));
      const second = recordTurn({ cwd, session, prompt: prompt('say three'), freshPrompt: prompt('say fresh') });
      const outcome = await run(second);
      assert.equal(outcome.resumed, true);
      assert.equal(second.said('text'), 'three');
      assert.equal(outcome.summary, 'three');
    });

    it('where a session cannot be resumed, a new one gets the whole story', async () => {
      for (const mode of ['none', 'resume', 'load']) {
        env.ACP_AGENT_RESUME = mode;
        create();
        const turn = recordTurn({
          cwd,
          session: 'gone',
          prompt: prompt('say short'),
          freshPrompt: prompt('say whole story'),
        });
        const outcome = await run(turn);
        assert.equal(outcome.outcome, 'completed', `${mode}: ${outcome.error}`);
        assert.equal(outcome.resumed, false);
        assert.notEqual(outcome.session, 'gone');
        assert.equal(turn.said('text'), 'whole story');
      }
    });

    describe('permissions', () => {
      it('in the mode edits, reads and edits inside the worktree are allowed and a command is asked', async () => {
        const turn = recordTurn({ cwd, prompt: prompt('edit sub/a.txt x', 'read sub/a.txt', 'run touch ran.txt') });
        const outcome = await run(turn);
        const command = 'touch ran.txt';
        assert.deepEqual(turn.asked, [{ kind: 'execute', title: command, detail: command, command }]);
        assert.ok(existsSync(path.join(cwd, 'sub/a.txt')));
        assert.ok(existsSync(path.join(cwd, 'ran.txt')));
        assert.equal(outcome.denied, false);
        const answers = acpJournal(state)
          .filter((entry) => 'permission' in entry)
          .map((entry) => entry.outcome);
        assert.deepEqual(answers, ['once', 'once', 'once']);
      });

      it('in the mode edits, what leaves the worktree is asked, through links and git data too', async () => {
        await symlink(folder, path.join(cwd, 'link'));
        const outside = path.join(folder, 'outside.txt');
        await writeFile(outside, 'x');
        const turn = recordTurn({
          cwd,
          prompt: prompt(
            'edit ../o.txt x',
            'edit link/o.txt x',
            `edit ${outside} x`,
            'edit .git/hooks/pre-commit x',
            `read ${outside}`,
          ),
          onPermission: async (request) => {
            turn.asked.push(request);
            return 'reject';
          },
        });
        const outcome = await run(turn);
        assert.equal(turn.asked.length, 5);
        assert.equal(outcome.denied, true);
        assert.equal(await readFile(outside, 'utf8'), 'x');
        assert.deepEqual(await readFile(path.join(folder, 'o.txt'), 'utf8').catch(() => 'none'), 'none');
      });

      it('in the mode ask, everything but reading is asked; in the mode all, nothing is', async () => {
        await writeFile(path.join(cwd, 'r.txt'), 'x');
        const lines = prompt('read r.txt', 'edit a.txt x', 'run true');
        const ask = recordTurn({ cwd, permissions: 'ask', prompt: lines });
        await run(ask);
        assert.deepEqual(
          ask.asked.map((request) => request.kind),
          ['edit', 'execute'],
        );
        const all = recordTurn({ cwd, permissions: 'all', prompt: lines });
        await run(all);
        assert.deepEqual(all.asked, []);
      });

      it('a refusal is told and remembered, and the turn goes on', async () => {
        const turn = recordTurn({
          cwd,
          prompt: prompt('run touch ran.txt', 'say went on'),
          onPermission: async () => 'reject',
        });
        const outcome = await run(turn);
        assert.equal(existsSync(path.join(cwd, 'ran.txt')), false);
        assert.deepEqual(
          { outcome: outcome.outcome, denied: outcome.denied, summary: outcome.summary },
          { outcome: 'completed', denied: true, summary: 'went on' },
        );
        assert.ok(turn.events.some((event) => event.type === 'denied' && event.title === 'touch ran.txt'));
      });

      it('what could only be allowed for ever is refused', async () => {
        const turn = recordTurn({ cwd, permissions: 'all', prompt: prompt('ask-always') });
        const outcome = await run(turn);
        assert.equal(outcome.denied, true);
        assert.equal(acpJournal(state).find((entry) => 'permission' in entry)?.outcome, 'cancelled');
      });

      it('a question that the agent withdraws is closed', async () => {
        let closed = false;
        const turn = recordTurn({
          cwd,
          prompt: prompt('ask-and-withdraw', 'say went on'),
          onPermission: async (_request, withdrawn) => {
            // Listening first: the agent withdraws as soon as it sees the file.
            const withdrawal = new Promise((resolve) => withdrawn.addEventListener('abort', resolve));
            await writeFile(path.join(cwd, 'asked'), '');
            await withdrawal;
            closed = true;
            return 'cancelled';
          },
        });
        const outcome = await run(turn);
        assert.equal(outcome.outcome, 'completed');
        assert.equal(closed, true);
        assert.equal(outcome.denied, false);
        assert.equal(outcome.summary, 'went on');
      });

      it('a form is asked by its fields, and one that nobody could fill in is declined, and that is said', async () => {
        const forms: Form[] = [];
        const odd = {
          message: 'Odd',
          requestedSchema: { type: 'object', required: ['x'], properties: { x: { type: 'blob' } } },
        };
        const turn = recordTurn({
          cwd,
          prompt: prompt('elicit Which colour?', `form ${JSON.stringify(odd)}`),
          onForm: async (form) => {
            forms.push(form);
            return { answer: 'blue' };
          },
        });
        const outcome = await run(turn);
        assert.equal(outcome.outcome, 'completed');
        assert.deepEqual(
          forms.map(({ message, fields }) => [
            message,
            fields.map(({ name, type, required }) => [name, type, required]),
          ]),
          [['Which colour?', [['answer', 'text', false]]]],
        );
        const journal = acpJournal(state);
        assert.equal(journal.find((entry) => 'elicitation' in entry)?.elicitation, 'accept');
        assert.deepEqual(journal.find((entry) => 'form' in entry)?.form, { action: 'decline' });
        assert.match(turn.said('output'), /could fill in, which was declined: Odd/);
      });

      it('what follows is told in the same session, until there is nothing more to say', async () => {
        const told = [prompt('say two'), prompt('say three')];
        const heard: (string | null)[] = [];
        const turn = recordTurn({
          cwd,
          prompt: prompt('say one'),
          onAnswered: async (words) => {
            heard.push(words);
            return told.shift() ?? null;
          },
        });
        const outcome = await run(turn);
        assert.deepEqual(heard, ['one', 'two', 'three']);
        assert.deepEqual([outcome.outcome, outcome.summary], ['completed', 'three']);
        const sessions = acpJournal(state).flatMap((entry) => ('prompt' in entry ? [entry.sessionId] : []));
        assert.deepEqual(sessions, [outcome.session, outcome.session, outcome.session]);
      });
    });

    describe('ending', () => {
      it("a cancelled turn ends by the agent's own cancel", async () => {
        const turn = recordTurn({ cwd, prompt: prompt('say one', 'hang') });
        const running = run(turn);
        await until('the first words', () => turn.said('text') === 'one');
        turn.abort.abort();
        const outcome = await running;
        assert.equal(outcome.outcome, 'cancelled');
        assert.ok(acpJournal(state).some((entry) => 'cancel' in entry));
        assert.deepEqual(await left(), []);
      });

      it('an agent that is deaf to its cancel and to SIGTERM is ended', async () => {
        create({ cancelMs: 300, graceMs: 60_000 });
        const turn = recordTurn({ cwd, prompt: prompt('say one', 'hang-deaf') });
        const running = run(turn);
        await until('the first words', () => turn.said('text') === 'one');
        turn.abort.abort();
        await until('it has heard SIGTERM', () => acpJournal(state).some((entry) => entry.signal === 'SIGTERM'));
        const now = Date.now();
        const clock = mock.method(Date, 'now', () => now + 60_000);
        const outcome = await running.finally(() => clock.mock.restore());
        assert.equal(outcome.outcome, 'cancelled');
        assert.deepEqual(await left(), []);
      });

      it('a cancel answers the open question as cancelled', async () => {
        const turn = recordTurn({
          cwd,
          prompt: prompt('run touch ran.txt'),
          onPermission: (request) => {
            turn.asked.push(request);
            return new Promise(() => {});
          },
        });
        const running = run(turn);
        await until('the question', () => turn.asked.length === 1);
        turn.abort.abort();
        const outcome = await running;
        assert.equal(outcome.outcome, 'cancelled');
        assert.equal(outcome.denied, false);
        const answer = acpJournal(state).find((entry) => 'permission' in entry);
        assert.equal(answer?.outcome, 'cancelled');
      });

      it('a turn that was cancelled before it began starts nothing', async () => {
        const turn = recordTurn({ cwd, prompt: prompt('say x'), signal: AbortSignal.abort() });
        assert.equal((await run(turn)).outcome, 'cancelled');
        assert.equal(existsSync(state), false);
      });

      it('what the agent sent into a session of its own ends with the turn', async () => {
        const turn = recordTurn({ cwd, prompt: prompt('orphan pid.txt') });
        assert.equal((await run(turn)).outcome, 'completed');
        const pid = Number(await readFile(path.join(cwd, 'pid.txt'), 'utf8'));
        const row = await readProcess(pid);
        assert.ok(row === null || row.zombie);
      });
    });

    describe('failures', () => {
      const fails = async (lines: string[], error: RegExp, more: Partial<TurnOutcome> = {}): Promise<RecordedTurn> => {
        const turn = recordTurn({ cwd, prompt: prompt(...lines) });
        const outcome = await run(turn);
        assert.equal(outcome.outcome, 'failed');
        assert.match(outcome.error ?? '', error);
        assert.deepEqual({ auth: outcome.auth, ...more }, { auth: more.auth ?? false, ...more });
        assert.deepEqual(await left(), []);
        return turn;
      };

      it('a crash is a failure with the exit code and the last words on stderr', async () => {
        await fails(['say one', 'crash 3'], /exit code 3.*panic: it crashed/s);
      });
      it('an error of the agent is a failure in its own words', async () => {
        await fails(['error model overloaded'], /^model overloaded$/);
      });
      it('an API error that Codex reports as an ordinary end is a failure', async () => {
        await fails(['system-error {"type":"error","error":{"message":"stub error 400"}}'], /^stub error 400$/);
      });
      it('a refusal and a limit are failures by name', async () => {
        await fails(['stop refusal'], /refused/);
        await fails(['stop max_tokens'], /limit of tokens/);
        await fails(['stop max_turn_requests'], /limit of requests/);
      });
      it('a message over 32 MiB is a failure by name', async () => {
        await fails([`large ${33 * 1024 * 1024}`], /over 32 MiB/);
      }).timeout(90_000);
      it('a login that is wanted in the middle is a failure that says so', async () => {
        const outcome = await run(recordTurn({ cwd, prompt: prompt('auth') }));
        assert.deepEqual({ outcome: outcome.outcome, auth: outcome.auth }, { outcome: 'failed', auth: true });
      });
      it('a login that is wanted at the start is a failure that says so, and nothing is sent', async () => {
        env.ACP_AGENT_LOGIN = 'api-key';
        create();
        const turn = recordTurn({ cwd, prompt: prompt('say x') });
        const outcome = await run(turn);
        assert.deepEqual(
          { outcome: outcome.outcome, auth: outcome.auth, session: outcome.session },
          { outcome: 'failed', auth: true, session: null },
        );
        assert.deepEqual(turn.steps, []);
      });
      it('an agent of another protocol version is a failure by name', async () => {
        env.ACP_AGENT_VERSION = '7';
        create();
        const outcome = await run(recordTurn({ cwd, prompt: prompt('say x') }));
        assert.match(outcome.error ?? '', /version 7/);
      });
      it('a program that is gone is a failure by name', async () => {
        const outcome = await run(recordTurn({ cwd, prompt: 'x' }), {
          ...acpAgentSpec(),
          argv: [path.join(folder, 'gone')],
        });
        assert.equal(outcome.outcome, 'failed');
        assert.match(outcome.error ?? '', /gone/);
      });
    });

    it('a login that needs no person is made with the key that is there', async () => {
      env.ACP_AGENT_LOGIN = 'api-key';
      env.OPENAI_API_KEY = 'k';
      create();
      const outcome = await run(recordTurn({ cwd, prompt: prompt('say in') }), { ...acpAgentSpec(), name: 'codex' });
      assert.equal(outcome.summary, 'in');
      assert.ok(acpJournal(state).some((entry) => entry.authenticate === 'api-key'));
    });

    it('the session is put into the mode that the permissions mean, however it is offered', async () => {
      for (const modes of [
        'agent,read-only,workspace-write,agent-full-access',
        'config:agent,read-only,workspace-write,agent-full-access',
      ]) {
        env.ACP_AGENT_MODES = modes;
        create();
        await run(recordTurn({ cwd, permissions: 'ask', prompt: prompt('say x') }), {
          ...acpAgentSpec(),
          name: 'codex',
        });
      }
      const journal = acpJournal(state);
      assert.ok(journal.some((entry) => entry.mode === 'read-only'));
      assert.ok(journal.some((entry) => entry.option === 'mode' && entry.value === 'read-only'));
    });

    it('remarks on stdout that are no messages go to the log', async () => {
      const turn = recordTurn({ cwd, prompt: prompt('noise npm update available', 'say ok') });
      assert.equal((await run(turn)).outcome, 'completed');
      assert.match(turn.said('output'), /npm update available/);
    });

    it('a slow listener holds back the agent, and loses nothing', async () => {
      let most = 0;
      let waiting = 0;
      const turn = recordTurn({
        cwd,
        prompt: prompt('flood 3000'),
        onEvent: async (event) => {
          most = Math.max(most, ++waiting);
          await new Promise((resolve) => setImmediate(resolve));
          waiting--;
          turn.events.push(event);
        },
      });
      assert.equal((await run(turn)).outcome, 'completed');
      assert.equal(most, 1);
      assert.equal(turn.said('text').trim().split('\n').length, 3000);
    });

    it('an unprompted agent follows the script, section by section', async () => {
      const script = path.join(folder, 'script');
      await writeFile(script, 'AGENT:write a.txt one\n---\nAGENT:write a.txt two\n');
      env.ACP_AGENT_SCRIPT = script;
      create();
      const { session } = await run(recordTurn({ cwd, prompt: 'Do it.' }));
      assert.equal(await readFile(path.join(cwd, 'a.txt'), 'utf8'), 'one\n');
      await run(recordTurn({ cwd, session, prompt: 'Again.' }));
      assert.equal(await readFile(path.join(cwd, 'a.txt'), 'utf8'), 'two\n');
    });
  });

  describe('as JSON lines', () => {
    const program = path.resolve('test/support/streamJsonAgent.ts');
    /** A custom agent gets a known program's arguments when it is called like it. */
    const spec = async (dialect: 'amp' | 'claude' | 'codex'): Promise<AgentSpec> => {
      const file = path.join(folder, dialect);
      await writeFile(
        file,
        `#!/bin/sh\nexec ${JSON.stringify(process.execPath)} ${JSON.stringify(program)} ${dialect} "$@"\n`,
        { mode: 0o755 },
      );
      return { name: dialect, type: 'stream-json', argv: [file], dialect };
    };
    const calls = async (): Promise<{ args: string[]; prompt: string }[]> =>
      (await readFile(path.join(folder, 'journal'), 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { args: string[]; prompt: string });
    beforeEach(() => {
      env.STREAM_AGENT_JOURNAL = path.join(folder, 'journal');
      create();
    });

    for (const dialect of ['amp', 'claude', 'codex'] as const) {
      describe(dialect, () => {
        it('a turn does its work, with the prompt on stdin, and is resumed', async () => {
          const turn = recordTurn({ cwd, prompt: 'short', freshPrompt: 'whole story' });
          const outcome = await run(turn, await spec(dialect));
          assert.deepEqual(
            { ...outcome, session: typeof outcome.session },
            {
              outcome: 'completed',
              session: 'string',
              resumed: false,
              summary: 'Finished.',
              error: null,
              auth: false,
              denied: false,
            },
          );
          assert.equal(await readFile(path.join(cwd, 'a.txt'), 'utf8'), 'hi\n');
          assert.deepEqual(
            turn.events.filter((event) => event.type === 'tool').map((event) => event.state),
            ['started', 'completed'],
          );
          assert.ok(turn.events.some((event) => event.type === 'usage' && event.outputTokens === 10));
          const { session } = outcome;
          const commit = turn.steps.indexOf(`session ${session}`);
          // Only Claude Code lets us choose the session, and so commit it before the prompt is sent.
          if (dialect === 'claude') assert.equal(commit, 0);
          else assert.equal(commit, 1);

          const again = await run(
            recordTurn({ cwd, session, prompt: 'short', freshPrompt: 'whole story' }),
            await spec(dialect),
          );
          assert.deepEqual(
            { outcome: again.outcome, session: again.session, resumed: again.resumed },
            { outcome: 'completed', session, resumed: true },
          );
          const [first, second] = await calls();
          assert.equal(first?.prompt, 'whole story');
          assert.equal(second?.prompt, 'short');
          assert.ok(second?.args.includes(session ?? ''));
        });

        it('a session that is gone is begun anew with the whole story', async () => {
          const turn = recordTurn({ cwd, session: 'gone', prompt: 'short', freshPrompt: 'whole story' });
          const outcome = await run(turn, await spec(dialect));
          assert.equal(outcome.outcome, 'completed', outcome.error ?? '');
          assert.equal(outcome.resumed, false);
          assert.notEqual(outcome.session, 'gone');
          assert.deepEqual(
            (await calls()).map((call) => call.prompt),
            ['short', 'whole story'],
          );
        });

        it('an API error, a missing login and a crash are failures, each by name', async () => {
          const error = await run(recordTurn({ cwd, prompt: 'api-error' }), await spec(dialect));
          assert.deepEqual({ outcome: error.outcome, auth: error.auth }, { outcome: 'failed', auth: false });
          assert.match(error.error ?? '', /stub error 400$/);
          const login = await run(recordTurn({ cwd, prompt: 'login' }), await spec(dialect));
          assert.deepEqual({ outcome: login.outcome, auth: login.auth }, { outcome: 'failed', auth: true });
          const crash = await run(recordTurn({ cwd, prompt: 'crash' }), await spec(dialect));
          assert.match(crash.error ?? '', dialect === 'codex' ? /exit code 101/ : /exit code 139: Segmentation fault/);
        });

        it('what it was denied is told', async () => {
          const turn = recordTurn({ cwd, prompt: 'denied' });
          const outcome = await run(turn, await spec(dialect));
          assert.equal(outcome.denied, true);
          assert.ok(turn.events.some((event) => event.type === 'denied' && event.title.includes('echo hi > a.txt')));
        });

        it('a cancel ends it', async () => {
          const turn = recordTurn({ cwd, prompt: 'hang' });
          const running = run(turn, await spec(dialect));
          await until('its session', () => turn.events.some((event) => event.type === 'session'));
          turn.abort.abort();
          assert.equal((await running).outcome, 'cancelled');
          assert.deepEqual(await left(), []);
        });

        it('a line over 32 MiB is a failure by name, and a line that is no JSON is a remark', async () => {
          const large = await run(recordTurn({ cwd, prompt: 'large' }), await spec(dialect));
          assert.match(large.error ?? '', /over 32 MiB/);
          const turn = recordTurn({ cwd, prompt: 'noise' });
          assert.equal((await run(turn, await spec(dialect))).outcome, 'completed');
          assert.match(turn.said('output'), /npm notice/);
        }).timeout(90_000);
      });
    }

    it('the exit code of Codex counts even after a completed turn', async () => {
      const outcome = await run(recordTurn({ cwd, prompt: 'bad-exit' }), await spec('codex'));
      assert.match(outcome.error ?? '', /exit code 1/);
    });

    it('Amp that waits for a login nobody can give is ended at once', async () => {
      const file = path.join(folder, 'amp');
      await writeFile(file, '#!/bin/sh\necho "No API key found. Starting login flow..."\nexec sleep 60\n', {
        mode: 0o755,
      });
      const outcome = await run(recordTurn({ cwd, prompt: 'x' }), {
        name: 'amp',
        type: 'stream-json',
        argv: [file],
        dialect: 'amp',
      });
      assert.deepEqual({ outcome: outcome.outcome, auth: outcome.auth }, { outcome: 'failed', auth: true });
    });

    it('a program that stays after its last word is ended, and the turn counts', async () => {
      const file = path.join(folder, 'claude');
      await writeFile(
        file,
        `#!/bin/sh\necho '{"type":"result","is_error":false,"result":"ok","session_id":"s"}'\nexec sleep 60\n`,
        { mode: 0o755 },
      );
      const outcome = await run(recordTurn({ cwd, prompt: 'x' }), {
        name: 'claude',
        type: 'stream-json',
        argv: [file],
        dialect: 'claude',
      });
      assert.deepEqual({ outcome: outcome.outcome, summary: outcome.summary }, { outcome: 'completed', summary: 'ok' });
    });
  });

  describe('as a shell command', () => {
    const command = (shell: string): AgentSpec => ({ name: 'custom', type: 'command', argv: [shell], dialect: null });

    it('it gets the whole story on stdin and the environment of the turn; its last lines are the summary', async () => {
      const turn = recordTurn({ cwd, prompt: 'short', freshPrompt: 'whole story\n', env: { AMPA_TASK_ID: 'T1' } });
      const outcome = await run(
        turn,
        command('cat > got.txt; echo "$AMPA_TASK_ID" >> got.txt; echo working; echo done'),
      );
      assert.equal(await readFile(path.join(cwd, 'got.txt'), 'utf8'), 'whole story\nT1\n');
      assert.deepEqual(
        { outcome: outcome.outcome, summary: outcome.summary, session: outcome.session },
        { outcome: 'completed', summary: 'working\ndone', session: null },
      );
      assert.deepEqual(turn.steps, ['sending']);
    });

    it('an exit other than 0 is a failure with the last words, and a missing command is named', async () => {
      const failed = await run(recordTurn({ cwd, prompt: 'x' }), command('echo broken >&2; exit 4'));
      assert.match(failed.error ?? '', /exit code 4: broken/);
      const missing = await run(recordTurn({ cwd, prompt: 'x' }), command('no-such-agent --now'));
      assert.match(missing.error ?? '', /not found.*no-such-agent/s);
    });

    it('a cancel ends it and what it started', async () => {
      const turn = recordTurn({ cwd, prompt: 'x' });
      const running = run(turn, command('echo up; sleep 60 & setsid sleep 60 & wait'));
      await until('its output', () => turn.said('output').includes('up'));
      turn.abort.abort();
      assert.equal((await running).outcome, 'cancelled');
      assert.deepEqual(await left(), []);
    });
  });

  describe('readiness', () => {
    const fake = async (name: string, body: string): Promise<string> => {
      const bin = path.join(folder, 'bin');
      await mkdir(bin, { recursive: true });
      await writeFile(path.join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
      return path.join(bin, name);
    };
    const check = (spec: Partial<AgentSpec> & Pick<AgentSpec, 'name' | 'argv'>): ReturnType<Agents['check']> =>
      agents.check({ type: 'stream-json', dialect: 'codex', ...spec });
    beforeEach(() => {
      for (const key of ['OPENAI_API_KEY', 'CODEX_API_KEY', 'ANTHROPIC_API_KEY']) delete env[key];
      env.HOME = folder;
      create();
    });

    it('a program that is gone is named, with what to install', async () => {
      const readiness = await check({ name: 'codex', argv: [path.join(folder, 'gone')] });
      assert.ok(!readiness.ready);
      assert.equal(readiness.reason, 'agent_missing');
      assert.match(readiness.detail, /npm install -g @openai\/codex/);
    });

    it('an agent that says that nobody is signed in is not ready, unless it has a key or a provider of its own', async () => {
      const codex = await fake(
        'codex',
        'case "$1" in --version) echo codex-cli 0.169.0;; login) echo Not logged in >&2; exit 1;; esac',
      );
      const no = await check({ name: 'codex', argv: [codex] });
      assert.ok(!no.ready);
      assert.equal(no.reason, 'agent_auth');
      await mkdir(path.join(folder, '.codex'));
      await writeFile(path.join(folder, '.codex/config.toml'), 'model_provider = "x"\n');
      assert.deepEqual(await check({ name: 'codex', argv: [codex] }), { ready: true, version: '0.169.0' });
      await rm(path.join(folder, '.codex'), { recursive: true });
      env.OPENAI_API_KEY = 'k';
      create();
      assert.deepEqual(await check({ name: 'codex', argv: [codex] }), { ready: true, version: '0.169.0' });

      const claude = await fake(
        'claude',
        'case "$1" in --version) echo 2.1.197;; auth) echo "{\\"loggedIn\\": false}"; exit 1;; esac',
      );
      const out = await check({ name: 'claude', dialect: 'claude', argv: [claude] });
      assert.ok(!out.ready);
      assert.match(out.detail, /claude auth login/);
    });

    it('a shell command is looked up where its first word plainly is a program', async () => {
      const of = (text: string): ReturnType<Agents['check']> =>
        check({ name: 'custom', type: 'command', argv: [text] });
      for (const text of [
        'cat > got',
        'cd /tmp && ls',
        'X=1 no-such-agent',
        './scripts/agent.sh',
        '~/bin/agent',
        '"no such" agent',
      ]) {
        assert.deepEqual(await of(text), { ready: true, version: null }, text);
      }
      for (const text of ['no-such-agent --now', '/no/such/agent']) assert.equal((await of(text)).ready, false, text);
    });

    it("what cannot be told counts as ready: an old version, a question that hangs, a program of one's own", async () => {
      const old = await fake('claude', 'echo unknown command; exit 1');
      assert.deepEqual(await check({ name: 'claude', dialect: 'claude', argv: [old] }), { ready: true, version: null });
      agents = createAgents({ env, find: (name) => findOnPath(name, env), checkMs: 200 });
      const hangs = await fake('codex', 'exec sleep 60');
      assert.deepEqual(await check({ name: 'codex', argv: [hangs] }), { ready: true, version: null });
      const own = await fake('mine', 'touch "$HOME/ran"');
      assert.deepEqual(await check({ name: 'custom', argv: [own] }), { ready: true, version: null });
      assert.equal(existsSync(path.join(folder, 'ran')), false);
    });
  });
});
