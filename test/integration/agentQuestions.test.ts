import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { App } from '../../src/app/api.ts';
import { leapingClock } from '../support/leapingClock.ts';
import { CHECK, CLI, processesOf } from '../support/project.ts';
import { createQuestions, type Questions } from '../support/questionProject.ts';
import { until } from '../support/until.ts';

const never = new AbortController().signal;

describe('A question of an agent', () => {
  let it_: Questions;
  beforeEach(() => {
    it_ = createQuestions('ampa-agent-asks-');
  });
  afterEach(() => it_.project.remove());
  const start = (app: App): Promise<{ id: string }> => app.start({ prompt: 'Make it good', checks: CHECK });
  const by = 'Ada';
  const GOOD = 'run echo good > state.txt';

  it('waits where nobody is asked, says so on stderr, and goes on with the answer from another terminal', async () => {
    const vars = it_.env([GOOD]);
    const app = await it_.open(vars);
    const running = it_.project.ampa(['start', '--task', 'Make it good', '--checks', CHECK, '--wait'], vars);
    const prompt = await it_.question(app);
    assert.deepEqual(
      [prompt.asks, prompt.kind, prompt.detail, prompt.choices],
      ['permission', 'execute', 'echo good > state.txt', ['allow', 'reject', 'always']],
    );
    assert.match(prompt.context[0]!.content, /Make it good/);
    const { task } = await app.show(prompt.task_id!);
    assert.deepEqual([task.status, task.slot], ['running', false], 'it holds no slot');
    const answered = await it_.project.ampa(['respond', prompt.id, 'allow'], vars);
    assert.equal(answered.code, 0, answered.stderr);
    const ended = await running;
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, new RegExp(`ampa respond ${prompt.id} allow\\|reject\\|always`));
    assert.equal(it_.journal().find((entry) => 'permission' in entry)?.['permission'], 'echo good > state.txt');
  }).timeout(90_000);

  it('is refused in words, which the agent hears when it has answered', async () => {
    const app = await it_.open(it_.env([GOOD, 'write state.txt good']));
    const { id } = await start(app);
    const carried = app.carryHere(id, never);
    const prompt = await it_.question(app);
    await app.respond({ promptId: prompt.id, response: 'write it by hand', by });
    const task = await carried;
    assert.equal(task.status, 'success', task.reason_detail ?? '');
    assert.equal(task.attempts, 1);
    const told = it_.journal().filter((entry) => 'prompt' in entry);
    assert.match(
      String(told[1]!['prompt']),
      /Ada rejected this[\s\S]*> echo good > state.txt[\s\S]*> write it by hand/,
    );
    const { entries } = await app.conversation(id, 1);
    assert.ok(entries.some((entry) => entry.kind === 'prompt' && entry.text.includes('write it by hand')));
  });

  it('is asked once where the very same is always allowed in this task, and again for anything else', async () => {
    const app = await it_.open(it_.env([`run true\nrun true\n${GOOD}`]));
    const { id } = await start(app);
    const carried = app.carryHere(id, never);
    const first = await it_.question(app);
    await app.alwaysAllow(first.id, by);
    const second = await it_.question(app, (it) => it.id !== first.id);
    assert.equal(second.detail, 'echo good > state.txt');
    await app.respond({ promptId: second.id, response: 'allow', by });
    const task = await carried;
    assert.equal(task.status, 'success');
    assert.deepEqual(task.allowed, [{ kind: 'execute', command: 'true' }]);
    assert.deepEqual(
      it_.journal().flatMap((entry) => ('permission' in entry ? [entry['outcome']] : [])),
      ['once', 'once', 'once'],
      'the agent is never told always',
    );
  });

  it('in a form is asked field by field, each with buttons or in words', async () => {
    const form = {
      message: 'How shall it be stored?',
      requestedSchema: {
        type: 'object',
        required: ['database', 'tables'],
        properties: {
          database: {
            type: 'string',
            title: 'Database',
            oneOf: [
              { const: 'pg', title: 'Postgres' },
              { const: 'lite', title: 'SQLite' },
            ],
          },
          tables: { type: 'integer', minimum: 1 },
          backup: { type: 'boolean' },
          note: { type: 'string' },
        },
      },
    };
    const app = await it_.open(it_.env([`write state.txt good\nform ${JSON.stringify(form)}`]));
    const { id } = await start(app);
    const carried = app.carryHere(id, never);
    const seen: string[] = [];
    const answer = async (response: string): Promise<void> => {
      const prompt = await it_.question(app, (it) => !seen.includes(it.id));
      seen.push(prompt.id);
      if (response === '3') {
        await assert.rejects(app.respond({ promptId: prompt.id, response: 'three', by }), /is not a number/);
        assert.match(prompt.prompt_text, /\(2 of 4\)/);
      } else if (response === 'SQLite') assert.deepEqual(prompt.choices, ['Postgres', 'SQLite', 'decline']);
      await app.respond({ promptId: prompt.id, response, by });
    };
    for (const response of ['SQLite', '3', 'yes', 'skip']) await answer(response);
    assert.equal((await carried).status, 'success');
    const told = it_.journal().find((entry) => 'form' in entry);
    assert.deepEqual(told?.['form'], { action: 'accept', content: { database: 'lite', tables: 3, backup: true } });
  });

  it('in a form is declined as a whole, by a person or by a rule', async () => {
    const form = { message: 'Really?', requestedSchema: { type: 'object', properties: {} } };
    const script = `write state.txt good\nform ${JSON.stringify(form)}`;
    const app = await it_.open(it_.env([script]));
    const { id } = await start(app);
    const carried = app.carryHere(id, never);
    const prompt = await it_.question(app);
    assert.deepEqual(prompt.choices, ['accept', 'decline']);
    await app.respond({ promptId: prompt.id, response: 'no', by });
    await carried;
    const ruled = await it_.open(it_.env([script], { AMPA_FALLBACK_MODE: 'accept' }));
    await it_.project.run(ruled);
    assert.deepEqual(
      it_.journal().flatMap((entry) => ('form' in entry ? [(entry['form'] as { action: string }).action] : [])),
      ['decline', 'accept'],
    );
  });

  it('that the agent withdraws is closed, and cannot be answered any more', async () => {
    const app = await it_.open(it_.env(['ask-and-withdraw\nwrite state.txt good']));
    const { id } = await start(app);
    const carried = app.carryHere(id, never);
    const prompt = await it_.question(app);
    assert.deepEqual(prompt.choices, ['allow', 'reject'], 'it names nothing exact to allow for good');
    writeFileSync(path.join((await app.find(id)).worktree!, 'asked'), '');
    assert.equal((await carried).status, 'success');
    await assert.rejects(app.respond({ promptId: prompt.id, response: 'allow', by }), /withdrawn by the agent/);
  });

  it('that nobody answers in time ends its turn in prompt_expired', async () => {
    const app = await it_.open(it_.env([GOOD], { AMPA_RESUME_TIMEOUT_SECONDS: '1' }));
    const task = await it_.project.run(app);
    assert.deepEqual([task.status, task.reason], ['needs_review', 'prompt_expired']);
    assert.match(task.reason_detail!, /echo good > state.txt/);
    assert.equal((await app.show(task.id)).attempts[0]!.outcome, 'cancelled');
    assert.deepEqual(processesOf(task.id), []);
  });

  it('that a script in its task asks, and waits for in vain, ends its turn like any other', async () => {
    const ask = `${process.execPath} ${CLI} ask db "Which one?" --wait || echo good > state.txt`;
    const app = await it_.open(it_.env([`shell ${ask}\nwait 60000`], { AMPA_RESUME_TIMEOUT_SECONDS: '2' }));
    const task = await it_.project.run(app);
    assert.deepEqual([task.status, task.reason], ['needs_review', 'prompt_expired'], task.reason_detail ?? '');
    assert.match(task.reason_detail!, /Which one\?/);
  });

  it('that a script in its task asks stops the clocks, and reaches the script', async () => {
    const ask = `${process.execPath} ${CLI} ask db "Which one?" --choice pg --choice lite --wait > answer.txt && echo good > state.txt`;
    const vars = it_.env([`shell ${ask}`], { AMPA_MAX_TASK_MINUTES: '60', AMPA_TOOL_SILENT_MINUTES: '60' });
    const { clock, begun, leap } = leapingClock();
    const app = await it_.open(vars, { clock });
    const { id } = await start(app);
    const carried = app.carryHere(id, never);
    const prompt = await it_.question(app);
    assert.deepEqual([prompt.task_id, prompt.session], [id, 'db']);
    await until('the slot is free while it waits', async () => !(await app.find(id)).slot);
    for (let hours = 0; hours < 3; hours++) {
      const before = begun();
      leap(3_600_000);
      await until('the carrier has looked at its limits', () => begun() > before);
    }
    await app.respond({ promptId: prompt.id, response: 'lite', by });
    const task = await carried;
    assert.equal(task.status, 'success', `${task.reason} ${task.reason_detail}`);
    assert.equal(readFileSync(path.join(task.worktree!, 'answer.txt'), 'utf8'), 'lite\n');
  }).timeout(90_000);

  describe('whose process dies', () => {
    it('is lost with the carrier; an answer given meanwhile is quoted to the session, and permits nothing', async () => {
      const vars = it_.env([GOOD, 'write state.txt good']);
      const app = await it_.open(vars);
      const { id } = await start(app);
      it_.project.spawnAmpa(['work', id], vars);
      const prompt = await it_.question(app);
      const carrier = (await app.hosts()).find((host) => host.id === (prompt as { holder?: string }).holder)!;
      process.kill(carrier.pid, 'SIGKILL');
      await assert.rejects(
        app.respond({ promptId: prompt.id, response: 'allow', by }),
        (error: { code?: string; message?: string }) =>
          error.code === 'agent_error' && /has died|lost meanwhile/.test(error.message!),
      );
      const task = await app.carryHere(id, never);
      assert.equal(task.status, 'success');
      const told = it_.journal().filter((entry) => 'prompt' in entry);
      assert.match(
        String(told[1]!['prompt']),
        /You were interrupted[\s\S]*You had asked this[\s\S]*Ada answered meanwhile: allow[\s\S]*permits anything/,
      );
      assert.equal(told[1]!['sessionId'], told[0]!['sessionId'], 'the session is resumed');
      assert.ok(!it_.journal().some((entry) => 'permission' in entry), 'nothing was permitted');
      await assert.rejects(app.respond({ promptId: prompt.id, response: 'allow', by }), /the answer of Ada/);
    }).timeout(90_000);

    it('is quoted with the reason for which it was refused, where the agent had not yet heard that', async () => {
      const vars = it_.env([`${GOOD}\nwait 60000`, 'write state.txt good']);
      const app = await it_.open(vars);
      const { id } = await start(app);
      it_.project.spawnAmpa(['work', id], vars);
      const prompt = await it_.question(app);
      await app.respond({ promptId: prompt.id, response: 'write it by hand', by });
      await until('it is refused', () => it_.journal().some((entry) => 'permission' in entry));
      process.kill((await app.hosts()).find((host) => host.kind === 'carrier')!.pid, 'SIGKILL');
      assert.equal((await app.carryHere(id, never)).status, 'success');
      const told = it_.journal().filter((entry) => 'prompt' in entry);
      assert.match(String(told[1]!['prompt']), /Ada answered meanwhile: write it by hand/);
    }).timeout(90_000);

    it('is quoted once where its task had ended before it was gone on with', async () => {
      const vars = it_.env([GOOD, 'write state.txt good']);
      const app = await it_.open(vars);
      const { id } = await start(app);
      it_.project.spawnAmpa(['work', id], vars);
      const prompt = await it_.question(app);
      process.kill((await app.hosts()).find((host) => host.kind === 'carrier')!.pid, 'SIGKILL');
      await assert.rejects(app.respond({ promptId: prompt.id, response: 'allow', by }));
      await app.abort(id);
      await app.carryHere(id, never).catch(() => undefined);
      assert.equal((await app.find(id)).status, 'aborted');
      await app.continue(id, 'Finish it');
      assert.equal((await app.carryHere(id, never)).status, 'success');
      const told = it_.journal().flatMap((entry) => ('prompt' in entry ? [String(entry['prompt'])] : []));
      assert.equal(told.length, 2);
      assert.match(told[1]!, /Finish it[\s\S]*You had asked this[\s\S]*Ada answered meanwhile: allow/);
      await app.continue(id, 'And now?');
      await app.carryHere(id, never);
      assert.doesNotMatch(
        String(it_.journal().findLast((entry) => 'prompt' in entry)?.['prompt']),
        /answered meanwhile/,
      );
    }).timeout(90_000);

    it('is asked again where nobody had answered it', async () => {
      const vars = it_.env([GOOD, GOOD]);
      const app = await it_.open(vars);
      const { id } = await start(app);
      it_.project.spawnAmpa(['work', id], vars);
      const first = await it_.question(app);
      process.kill((await app.hosts()).find((host) => host.kind === 'carrier')!.pid, 'SIGKILL');
      const carried = app.carryHere(id, never);
      const second = await it_.question(app, (it) => it.id !== first.id);
      await app.respond({ promptId: second.id, response: 'allow', by });
      assert.equal((await carried).status, 'success');
      const told = it_.journal().filter((entry) => 'prompt' in entry);
      assert.match(String(told[1]!['prompt']), /nobody had answered it yet/);
    }).timeout(90_000);

    it('takes the questions of its scripts along where it is started once more', async () => {
      const ask = `${process.execPath} ${CLI} ask db "Which one?"`;
      const app = await it_.open(it_.env([`shell ${ask}\ncrash 1`, 'write state.txt good']));
      const { id } = await start(app);
      assert.equal((await app.carryHere(id, never)).status, 'success');
      assert.deepEqual(await app.prompts(), []);
      const told = it_.journal().filter((entry) => 'prompt' in entry);
      assert.match(String(told[1]!['prompt']), /You had asked this, and nobody had answered it yet:\s+> Which one\?/);
    }).timeout(90_000);

    for (const [end, script, vars] of [
      ['agent_failed', 'crash 1', {}],
      ['agent_stalled', 'wait 60000', { AMPA_AGENT_SILENT_MINUTES: '0.05' }],
      ['budget_time', 'wait 60000', { AMPA_MAX_TASK_MINUTES: '0.05' }],
    ] as const)
      it(`is lost with the questions of its scripts, however its turn ends: ${end}`, async () => {
        const turn = `shell ${process.execPath} ${CLI} ask db "Which one?"\n${script}`;
        const app = await it_.open(it_.env([turn, turn], vars));
        const task = await it_.project.run(app);
        assert.equal(task.reason, end, task.reason_detail ?? '');
        assert.deepEqual(await app.prompts(), []);
        await assert.rejects(app.respond({ session: 'db', response: 'pg', by }), { code: 'not_found' });
      });

    it('goes on once where the agent died, and ends in prompt_lost where it dies again', async () => {
      const app = await it_.open(it_.env(['run kill -9 $PPID']));
      const { id } = await start(app);
      const carried = app.carryHere(id, never);
      // The agent is killed from outside while it waits: nothing but its own process is gone.
      for (const round of [1, 2]) {
        const open = await it_.question(app, (it) => it.state === 'waiting');
        const agent = processesOf(id).find((pid) =>
          readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('acpAgent.ts'),
        );
        process.kill(agent!, 'SIGKILL');
        await until(`question ${round} is lost`, async () => !(await app.prompts()).some((it) => it.id === open.id));
      }
      const task = await carried;
      assert.deepEqual([task.status, task.reason], ['needs_review', 'prompt_lost']);
      assert.match(task.reason_detail!, /kill -9/);
      const told = it_.journal().filter((entry) => 'prompt' in entry);
      assert.match(String(told[1]!['prompt']), /You were interrupted[\s\S]*You had asked this/);
      assert.equal(existsSync(path.join(task.worktree!, 'state.txt')), false);
    }).timeout(90_000);
  });

  describe('that a rule answers', () => {
    it('is answered by its kind, and shown as answered by that rule', async () => {
      const app = await it_.open(it_.env([`run exit 1\nedit ../outside.txt x\n${GOOD}`]));
      writeFileSync(
        it_.project.box.write(path.join(it_.project.repo, '.worklog/ampa/fallback_config.json'), ''),
        JSON.stringify({ public_default: 'decline', default: 'accept' }),
      );
      // The repository's origin is a path, so that no project is known.
      const task = await it_.project.run(app);
      assert.equal(task.reason, 'permission_denied');
      writeFileSync(
        path.join(it_.project.repo, '.worklog/ampa/fallback_config.json'),
        JSON.stringify({ public_default: 'accept' }),
      );
      const next = await it_.project.run(app);
      assert.equal(next.status, 'success', next.reason_detail ?? '');
      const { text } = await app.readLog(next.id, { attempt: 1 });
      assert.match(text, /allow, answered by AMPA \(auto-accept, by public_default\): echo good > state\.txt/);
      const { entries } = await app.conversation(next.id, 1);
      assert.ok(entries.some((entry) => entry.kind === 'note' && entry.text.includes('by public_default')));
      assert.deepEqual(await app.prompts(), []);
    });

    it('is answered by a rule that was set after its carrier had begun', async () => {
      const many = Array.from({ length: 40 }, (_, i) => `run true ${i}`).join('\n');
      const app = await it_.open(it_.env([`${many}\nwrite state.txt good`]));
      await app.startEngine({ schedule: false });
      const { id } = await start(app);
      const first = await it_.question(app);
      writeFileSync(path.join(it_.project.repo, '.worklog/ampa/.env'), 'AMPA_FALLBACK_MODE=auto-accept\n');
      const answered = new Set<string>();
      await until('the task ends', async () => {
        const [open] = (await app.prompts()).filter((it) => it.state === 'waiting' && !answered.has(it.id));
        if (open) await app.respond({ promptId: open.id, response: 'allow', by });
        if (open) answered.add(open.id);
        return (await app.find(id)).status === 'success';
      });
      assert.ok(answered.has(first.id) && answered.size < 40, `${answered.size} were asked`);
      const { text } = await app.readLog(id, { attempt: 1 });
      assert.match(text, /allow, answered by AMPA \(auto-accept, by AMPA_FALLBACK_MODE\): true 39/);
    });

    it('for discussion is declined with that as the reason; the agent lays out options, and a person chooses', async () => {
      const app = await it_.open(
        it_.env(
          [
            'run rm -rf build',
            'list - Clean it: slow, safe / - Keep it: fast, stale / I would clean it.',
            'write state.txt good',
          ],
          { AMPA_FALLBACK_MODE: 'discuss-options' },
        ),
      );
      const { id } = await start(app);
      const carried = app.carryHere(id, never);
      const prompt = await it_.question(app);
      assert.deepEqual([prompt.asks, prompt.choices], ['question', ['Clean it', 'Keep it']]);
      assert.deepEqual(prompt.automatic, { mode: 'discuss-options', rule: 'AMPA_FALLBACK_MODE' });
      assert.deepEqual(
        prompt.context.map((entry) => entry.role),
        ['user', 'user', 'assistant'],
      );
      assert.match(prompt.context[2]!.content, /Keep it: fast, stale/);
      await app.respond({ promptId: prompt.id, response: 'keep it', by });
      const task = await carried;
      assert.equal(task.status, 'success', task.reason_detail ?? '');
      const journal = it_.journal();
      assert.equal(journal.find((entry) => 'permission' in entry)?.['outcome'], 'no');
      const told = journal.filter((entry) => 'prompt' in entry);
      assert.match(String(told[1]!['prompt']), /not given that permission[\s\S]*> rm -rf build[\s\S]*trade-offs/);
      assert.match(String(told[2]!['prompt']), /Ada has decided[\s\S]*The answer: Keep it/);
      assert.equal(new Set(told.map((entry) => entry['sessionId'])).size, 1, 'all of it in its own session');
      assert.equal(task.attempts, 1);
    });

    it('for discussion holds after two rounds without options, and asks a person when it comes back', async () => {
      const app = await it_.open(
        it_.env(['run rm -rf build', 'say Well.', 'say I do not know.', 'run rm -rf build\nwrite state.txt good'], {
          AMPA_FALLBACK_MODE: 'discuss',
        }),
      );
      const { id } = await start(app);
      const carried = app.carryHere(id, never);
      const first = await it_.question(app);
      assert.deepEqual(first.choices, []);
      assert.equal(first.context.filter((entry) => entry.role === 'assistant').length, 2);
      await app.respond({ promptId: first.id, response: 'do it', by });
      const second = await it_.question(app, (it) => it.id !== first.id);
      assert.deepEqual([second.asks, second.detail], ['permission', 'rm -rf build'], 'not discussed over and over');
      await app.respond({ promptId: second.id, response: 'allow', by });
      assert.equal((await carried).status, 'success');
    });

    it("for discussion of a script's question: the agent's answer is added to it, and it goes on waiting", async () => {
      const app = await it_.open(
        it_.env(
          [
            `shell ${process.execPath} ${CLI} ask db "Which database?" --choice any\nwrite state.txt good`,
            'list - Postgres: big / - SQLite: small',
          ],
          { AMPA_FALLBACK_MODE: 'discuss-options' },
        ),
      );
      const { id } = await start(app);
      const task = await app.carryHere(id, never);
      assert.equal(task.status, 'success', task.reason_detail ?? '');
      const [prompt] = await app.prompts();
      assert.deepEqual(prompt?.choices, ['Postgres', 'SQLite']);
      assert.match(prompt?.context.at(-1)?.content ?? '', /SQLite: small/);
      assert.equal((await app.respond({ session: 'db', response: 'sqlite', by })).response, 'SQLite');
    }).timeout(90_000);
  });
});
