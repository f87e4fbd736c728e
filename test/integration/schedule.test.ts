import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { openDatabase } from '../../src/adapters/sqlite/open.ts';
import type { App } from '../../src/app/api.ts';
import type { RunReport, ScheduledCommand } from '../../src/app/scheduleApi.ts';
import { ORIGINAL_STORE } from '../support/originalStore.ts';
import { CHECK, createProject, runsIn, type Project } from '../support/project.ts';
import { until } from '../support/until.ts';

describe('scheduled commands', () => {
  let project: Project;
  beforeEach(() => {
    project = createProject('ampa schedule ');
  });
  afterEach(() => project.remove());
  const never = new AbortController().signal;
  /** Processes of runs here: other files have theirs at the same time. */
  /** Everything is due at once. */
  const FAST = { AMPA_SCHEDULER_GLOBAL_MIN_INTERVAL_SECONDS: '0' };

  const ampa = async (...args: string[]) => project.ampa(['schedule', ...args]);
  const listed = async (): Promise<ScheduledCommand[]> =>
    (JSON.parse((await ampa('list', '--json')).stdout) as { commands: ScheduledCommand[] }).commands;
  /** Without the heartbeat, which every schedule has. */
  const list = async (): Promise<ScheduledCommand[]> => (await listed()).filter((it) => it.id !== 'heartbeat');
  const history = async (id: string): Promise<RunReport[]> =>
    (JSON.parse((await ampa('history', id, '--json')).stdout) as { runs: RunReport[] }).runs;

  describe('on the command line', () => {
    it('are added, listed, changed, run and removed', async () => {
      assert.deepEqual(await list(), []);
      assert.ok(!existsSync(path.join(project.repo, '.worklog')), 'a look leaves nothing');
      const added = await ampa(
        'add',
        'hello',
        'echo "hi $AMPA_COMMAND_ID"; echo oops >&2; exit 3',
        '--every',
        '5',
        '--priority',
        '-2',
      );
      assert.deepEqual([added.code, added.stdout], [0, 'hello runs every 5 min.\n'], added.stderr);
      assert.equal((await ampa('add', 'hello', 'x', '--every', '5')).code, 1, 'the id is taken');
      const [hello] = await list();
      assert.deepEqual(
        [hello!.priority, hello!.enabled, hello!.last_run, hello!.every],
        [-2, true, null, 'every 5 min'],
      );

      const run = await ampa('run', 'hello', '--json');
      assert.equal(run.code, 1);
      const report = JSON.parse(run.stdout) as RunReport;
      assert.deepEqual(Object.keys(report), [
        'id',
        'name',
        'status',
        'started_at',
        'finished_at',
        'duration_seconds',
        'exit_code',
        'output',
        'instance',
      ]);
      assert.deepEqual([report.id, report.status, report.exit_code], ['hello', 'failed', 3]);
      assert.match(report.output, /^hi hello$/m);
      assert.match(report.output, /^oops$/m);
      assert.match((await ampa('run', 'hello', '-F', 'concise')).stdout, /^hello {2}FAIL\(3\) {2}\d+\.\d{3}s\n$/);
      assert.equal((await ampa('run', 'hello', '-F', 'raw')).stdout, 'hi hello\noops\n');
      assert.equal((await history('hello')).length, 3);
      assert.equal((await ampa('history', 'hello', '--limit', '1')).stdout.match(/failed \(3\)/g)?.length, 1);

      assert.equal((await ampa('update', 'hello', 'true', '--cron', '0 3 * * *', '--tz', 'Europe/Berlin')).code, 0);
      assert.deepEqual(
        (await list()).map((it) => [it.frequency_minutes, it.every]),
        [[null, '0 3 * * * Europe/Berlin']],
      );
      assert.equal((await ampa('update', 'hello', '--every', '60')).stdout, 'hello runs every 1 h.\n');
      assert.match((await ampa('run', 'hello', '-F', 'concise')).stdout, /^hello {2}OK/);
      assert.equal((await ampa('disable', 'hello')).code, 0);
      assert.match((await ampa('list')).stdout, /hello.*\boff\b.*succeeded/);
      assert.equal((await ampa('enable', 'hello')).code, 0);
      assert.equal((await ampa('remove', 'hello')).code, 0);
      assert.deepEqual(await list(), []);
      assert.equal((await ampa('remove', 'hello')).code, 2);
    }).timeout(60_000);

    const bad: [args: string[], message: RegExp][] = [
      [['add', 'x', 'true'], /no time to run at/],
      [['add', 'x', 'true', '--every', '5', '--cron', '* * * * *'], /cannot be used together/],
      [['add', 'x', 'true', '--every', '0'], /--every is 0/],
      [
        ['add', 'x', 'true', '--every', '99999999999999999'],
        /--every is 100000000000000000\. .*not over a hundred years/,
      ],
      [['add', 'x', 'true', '--every', 'often'], /--every "often" is not a number/],
      [['add', 'x', 'true', '--cron', '* * *'], /3 fields, not five/],
      [['add', 'x', '--every', '5'], /the command is empty/],
      [['add', 'a/b', 'true', '--every', '5'], /is not a valid id/],
      [['add', 'x', 'true', '--every', '5', '--metadata', '[]'], /is not a JSON object/],
      [['add', 'x', 'true', '--every', '5', '--max-runtime', '-1'], /--max-runtime is -1/],
      [['add', 'x', 'true', '--every', '5', '--type', 'dance'], /there is no type "dance"/],
      [['history', 'nothing'], /"nothing" does not exist/],
      [['dance'], /there is no command "schedule dance"/],
      [['import', 'nowhere.json'], /nowhere\.json cannot be read/],
    ];
    for (const [args, message] of bad) {
      it(`exit 2 for ${args.join(' ')}`, async () => {
        const { code, stderr } = await ampa(...args);
        assert.equal(code, 2, stderr);
        assert.match(stderr, message);
      });
    }

    it('have help of their own', async () => {
      assert.match((await ampa()).stdout, /Usage: ampa schedule COMMAND[\s\S]*schedule add/);
      assert.match((await ampa('add', '--help')).stdout, /--cron EXPR/);
      assert.match((await project.ampa(['help', 'schedule', 'run'])).stdout, /-F, --format/);
    });

    it('are simulated with the configured knobs', async () => {
      for (const minutes of ['1', '2', '5']) await ampa('add', `m${minutes}`, 'true', '--every', minutes);
      const { stdout } = await project.ampa(['schedule', 'simulate', '--hours', '2', '--tick', '10', '--json'], {
        AMPA_SCHEDULER_GLOBAL_MIN_INTERVAL_SECONDS: '1',
        AMPA_SCHEDULER_PRIORITY_WEIGHT: '0',
      });
      const { observed } = JSON.parse(stdout) as { observed: Record<string, number[]> };
      for (const minutes of [1, 2, 5]) {
        const gaps = observed[`m${minutes}`]!;
        const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
        assert.ok(Math.abs(mean - minutes * 60) <= minutes * 12, `${minutes}: ${mean}`);
      }
      assert.match((await ampa('simulate', '--hours', '1')).stdout, /m1 .*starts, every \d+ s/);
      assert.match((await ampa('list')).stderr, /need 102 starts an hour.*allows 60/);
      const { checks } = JSON.parse((await project.ampa(['doctor', '--json'])).stdout) as {
        checks: { name: string; ok: boolean; detail: string }[];
      };
      const check = checks.find((it) => it.name === 'schedule');
      assert.deepEqual([check?.ok, /need 102 starts an hour/.test(check?.detail ?? '')], [false, true]);
    });
  });

  describe('while they run', () => {
    it('end with their whole group after the time they may take, exit code 124, and keep what they had printed', async () => {
      const app = await project.open();
      await app.schedule.add('slow', {
        command: 'echo begun; (trap "" TERM; sleep 300) & setsid sleep 300 & sleep 300',
        frequency_minutes: 5,
        max_runtime_minutes: 0.08,
      });
      const run = await app.schedule.run('slow', { signal: never });
      assert.deepEqual([run?.status, run?.exit_code, run?.output], ['timed_out', 124, 'begun\n']);
      assert.deepEqual(runsIn(project.repo), []);
      assert.equal((await app.schedule.list())[0]!.running, false);
    }).timeout(90_000);

    it('are given the environment, without what is secret', async () => {
      const app = await project.open(undefined, {
        AMPA_DISCORD_BOT_TOKEN: 'very-secret',
        GITHUB_TOKEN: 'ghs_of_the_person',
      });
      await app.schedule.add('env', { command: 'env; pwd', frequency_minutes: 5 });
      const { output } = (await app.schedule.run('env', { signal: never }))!;
      assert.match(output, /^AMPA_COMMAND_ID=env$/m);
      assert.match(output, /^AMPA_RUN_ID=[0-9A-Z]{26}$/m);
      assert.ok(output.includes(`AMPA_WORKSPACE=${app.workspace.root}\n`));
      assert.match(output, /^GITHUB_TOKEN=\*\*\*$/m, 'it passes, and no log shows it');
      assert.ok(!output.includes('AMPA_DISCORD_BOT_TOKEN') && !output.includes('very-secret'));
      assert.ok(output.trimEnd().endsWith(app.workspace.root));
    });

    it('are stopped by a signal, and by their removal', async () => {
      const app = await project.open();
      await app.schedule.add('long', { command: 'echo begun; sleep 300', frequency_minutes: 5 });
      const stop = new AbortController();
      let seen = '';
      const running = app.schedule.run('long', { signal: stop.signal, onOutput: (text) => void (seen += text) });
      await until('it prints', () => seen.includes('begun'));
      await assert.rejects(app.schedule.run('long', { signal: never }), /already running/);
      const other = await ampa('run', 'long');
      assert.deepEqual([other.code, /already running/.test(other.stderr)], [1, true]);
      stop.abort();
      assert.deepEqual([(await running)?.status, (await running)?.exit_code], ['interrupted', null]);

      seen = '';
      const again = app.schedule.run('long', { signal: never, onOutput: (text) => void (seen += text) });
      await until('it prints', () => seen.includes('begun'));
      assert.equal((await ampa('remove', 'long')).code, 0);
      assert.equal((await again)?.status ?? 'gone', 'interrupted');
      assert.deepEqual(runsIn(project.repo), []);
    }).timeout(90_000);

    it('record a background task, and skip while that is active', async () => {
      const app = await project.open('sleep 300');
      await app.schedule.add('nightly', {
        type: 'task',
        cron: '0 3 * * *',
        metadata: { prompt: 'Update the dependencies' },
      });
      const untold = await app.schedule.run('nightly', { signal: never });
      assert.equal(untold?.status, 'succeeded', untold?.output);
      const [task] = (await app.list({})).tasks;
      assert.deepEqual([task!.title, task!.status], ['Update the dependencies', 'queued']);
      assert.ok(untold.output.includes(task!.branch));
      assert.equal((await app.schedule.run('nightly', { signal: never }))?.status, 'skipped');
      await app.abort(task!.id);
      assert.equal((await app.schedule.run('nightly', { signal: never }))?.status, 'succeeded');
      assert.equal((await app.list({})).total, 2);
      const promptless = app.schedule.add('wrong', { type: 'task', frequency_minutes: 5, metadata: { agent: 'x' } });
      await assert.rejects(promptless, /the metadata of a task is wrong: prompt/);
      await app.schedule.add('elsewhere', {
        type: 'task',
        frequency_minutes: 5,
        metadata: { prompt: 'x', base: 'nope' },
      });
      assert.match(
        (await app.schedule.run('elsewhere', { signal: never }))?.output ?? '',
        /no branch or commit "nope"/,
      );
    });

    it('wait for the language model', async () => {
      let status = 503;
      let asked = 0;
      const server = createServer((_, response) => {
        asked++;
        response.writeHead(status).end();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      try {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
        const app = await project.open(undefined, { AMPA_LLM_HEALTHCHECK_URL: url });
        await app.schedule.add('llm', { command: 'true', frequency_minutes: 5, requires_llm: true });
        assert.equal(await app.schedule.run(null, { signal: never }), null);
        status = 404;
        assert.equal((await app.schedule.run(null, { signal: never }))?.status, 'succeeded');
        assert.equal(asked, 2);
        assert.equal(await app.schedule.run(null, { signal: never }), null);
        assert.equal(asked, 2, 'nobody is asked for a command that is not due');
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    });
  });

  describe('of a daemon', () => {
    const daemon = (): ReturnType<Project['spawnAmpa']> => project.spawnAmpa(['daemon', '--start-scheduler'], FAST);

    it('run, on two hosts, each start once', async () => {
      const log = path.join(project.box.dir, 'starts.log');
      await ampa('add', 'tick', `echo "$AMPA_RUN_ID" >> '${log}'`, '--every', String(1 / 60));
      daemon();
      daemon();
      await until('it has run', () => existsSync(log) && readFileSync(log, 'utf8').split('\n').length > 6);
      await ampa('disable', 'tick');
      const runs = await until('the last one has ended', async () => {
        const all = JSON.parse((await ampa('history', 'tick', '--limit', '50', '--json')).stdout) as {
          runs: RunReport[];
        };
        return all.runs.every((run) => run.status === 'succeeded') && all.runs;
      });
      const ids = readFileSync(log, 'utf8').trimEnd().split('\n');
      assert.deepEqual([new Set(ids).size, ids.length], [runs.length, runs.length], 'no start twice, none unrecorded');
      const starts = runs.map((run) => Date.parse(run.started_at)).sort((a, b) => a - b);
      for (const [i, at] of starts.entries()) assert.ok(i === 0 || at - starts[i - 1]! > 1000);
    }).timeout(60_000);

    it('leave nothing when it is killed: the next one ends what is left and clears the mark', async () => {
      await ampa('add', 'long', 'echo begun; setsid sleep 300', '--every', '600');
      const first = daemon();
      await until('it runs', async () => (await history('long'))[0]?.output === 'begun\n');
      first.kill('SIGKILL');
      assert.ok(runsIn(project.repo).length > 0);
      await ampa('disable', 'long');
      daemon();
      const run = await until('it is cleared', async () => {
        const [latest] = await history('long');
        return latest?.status === 'interrupted' && latest;
      });
      assert.deepEqual([run.exit_code, run.output], [null, 'begun\n']);
      await until('nothing is left', () => runsIn(project.repo).length === 0);
    }).timeout(60_000);

    it('can be run by hand after it was killed', async () => {
      await ampa('add', 'quick', 'test -e again || { touch again; sleep 300; }', '--every', '600');
      const first = daemon();
      // It is claimed before its shell is started: killed in between, it would be the next one that sleeps.
      await until('it runs', () => existsSync(path.join(project.repo, 'again')));
      first.kill('SIGKILL');
      await once(first, 'exit');
      assert.equal((await ampa('run', 'quick')).code, 0);
      assert.deepEqual(runsIn(project.repo), []);
    }).timeout(60_000);

    it('end with it when it is asked to end', async () => {
      await ampa('add', 'long', 'echo begun; sleep 300', '--every', '600');
      const host = daemon();
      await until('it runs', async () => (await list())[0]?.running);
      const exited = new Promise((resolve) => host.once('exit', resolve));
      host.kill('SIGTERM');
      await exited;
      assert.deepEqual(runsIn(project.repo), []);
      assert.equal((await history('long'))[0]?.status, 'interrupted');
    }).timeout(60_000);

    it('that came with the repository are not run', async () => {
      await ampa('add', 'evil', 'touch evil', '--every', '5');
      const file = path.join(project.repo, '.worklog/ampa/ampa.db');
      const database = await openDatabase({ file, backupDir: path.join(project.box.dir, 'b'), now: Date.now });
      await database.close();
      execFileSync('git', ['add', '-f', file], { cwd: project.repo, env: project.env });
      const { code, stderr } = await ampa('run', 'evil');
      assert.deepEqual([code, /git tracks/.test(stderr)], [1, true], stderr);
      const app = await project.open(undefined, FAST);
      await assert.rejects(app.startEngine(), /git tracks/);
      assert.ok(!existsSync(path.join(project.repo, 'evil')));
    });
  });

  describe('of the original', () => {
    const stateDir = (): string => path.join(project.repo, '.worklog/ampa');
    const file = (): string => path.join(stateDir(), 'scheduler_store.json');
    const write = (content: unknown): void => {
      mkdirSync(stateDir(), { recursive: true });
      writeFileSync(file(), typeof content === 'string' ? content : JSON.stringify(content, null, 2));
    };

    it('are taken over once, with their history, and the file stays as it is', async () => {
      write(ORIGINAL_STORE);
      const before = readFileSync(file(), 'utf8');
      const commands = await list();
      assert.deepEqual(
        commands.map((it) => [it.id, it.enabled, it.unsupported]),
        [
          ['never', false, null],
          ['odd', false, null],
          ['triage', true, 'unsupported: triage-audit'],
          ['wl-status', true, null],
        ],
      );
      assert.equal(commands[3]!.last_run, '2026-02-01T12:00:03.500Z');
      assert.equal(commands[2]!.next_due, null);
      assert.deepEqual(
        (await history('wl-status')).map((run) => [run.exit_code, run.output]),
        [
          [0, '{"ok": true}\n'],
          [1, 'no worklog\n'],
        ],
      );
      assert.equal((await ampa('run', 'triage')).code, 1);
      await ampa('remove', 'wl-status');
      write({ ...ORIGINAL_STORE, changed: true });
      assert.ok(!(await list()).some((it) => it.id === 'wl-status'), 'what was removed is not resurrected');
      write(before);
      assert.equal(readFileSync(file(), 'utf8'), before);
    }).timeout(90_000);

    it('come out as they went in, and go in again by id', async () => {
      write(ORIGINAL_STORE);
      await list();
      const target = path.join(project.box.dir, 'out.json');
      assert.equal((await ampa('export', target)).code, 0);
      const out = JSON.parse(readFileSync(target, 'utf8')) as typeof ORIGINAL_STORE;
      assert.deepEqual(out.dispatches, ORIGINAL_STORE.dispatches);
      assert.deepEqual(out.config, ORIGINAL_STORE.config);
      assert.equal(out.last_global_start_ts, '2026-02-01T11:00:00.000+00:00');
      assert.deepEqual(
        out.commands.triage,
        ORIGINAL_STORE.commands.triage && { ...ORIGINAL_STORE.commands.triage, enabled: true, catch_up: true },
      );
      assert.deepEqual(out.commands['wl-status'].tags, ['a', 'b']);
      assert.deepEqual(
        out.state['wl-status'].run_history.map((run) => [run.exit_code, run.duration_seconds, run.output]),
        [
          [1, 1, 'no worklog\n'],
          [0, 3.5, '{"ok": true}\n'],
        ],
      );
      assert.deepEqual(
        readdirSync(project.box.dir).filter((name) => name.startsWith('.out')),
        [],
      );
      out.commands['wl-status'].frequency_minutes = 7;
      writeFileSync(target, JSON.stringify(out));
      assert.match((await ampa('import', target)).stdout, /Added 0 and updated 5 commands/);
      assert.equal((await list()).find((it) => it.id === 'wl-status')?.frequency_minutes, 7);
      assert.equal((await history('wl-status')).length, 2, 'the same runs are not doubled');
    }).timeout(90_000);

    it('arrive disabled where git tracks the file', async () => {
      write(ORIGINAL_STORE);
      execFileSync('git', ['add', '-f', file()], { cwd: project.repo, env: project.env });
      const { stderr } = await ampa('list');
      assert.match(stderr, /arrive disabled, since git tracks the file/);
      assert.ok((await list()).every((it) => !it.enabled && /came with the repository/.test(it.note ?? '')));
      assert.equal((await ampa('enable', 'wl-status')).code, 0);
      assert.equal((await ampa('enable', 'never')).code, 2, 'it has no time to run at');
    });

    it('are refused as a whole where the file is broken, and stand in nobody’s way', async () => {
      write('{"commands": {\n "a": }');
      const { code, stderr } = await ampa('add', 'mine', 'true', '--every', '5');
      assert.equal(code, 0, stderr);
      assert.match(stderr, /scheduler_store\.json, line 2, column 7/);
      assert.equal((await ampa('import', file())).code, 2);
      assert.deepEqual(
        (await list()).map((it) => it.id),
        ['mine'],
      );
    });

    it('are found where the environment names them', async () => {
      const elsewhere = path.join(project.box.dir, 'else.json');
      writeFileSync(elsewhere, JSON.stringify({ commands: { a: { command: 'true', frequency_minutes: 5 } } }));
      const { stdout } = await project.ampa(['schedule', 'list'], { AMPA_SCHEDULER_STORE: elsewhere });
      assert.match(stdout, /^a /m);
    });

    it('are found in the user’s own configuration; by a window only once somebody enables the scheduler in it', async () => {
      const commands = { shared: { command: 'true', frequency_minutes: 5 } };
      project.box.write(
        path.join(project.env['XDG_CONFIG_HOME']!, 'ampa/scheduler_store.json'),
        JSON.stringify({ commands }),
      );
      const ids = async (app: App) => (await app.schedule.list()).map((it) => it.id);
      const window = await project.open(undefined, {}, { asks: true });
      await window.startEngine();
      assert.deepEqual(await ids(window), ['heartbeat']);
      await window.schedule.enable();
      await window.schedule.enable();
      assert.deepEqual(await ids(window), ['heartbeat', 'shared']);
      await window.schedule.remove('shared');
      await window.schedule.enable();
      assert.deepEqual(await ids(window), ['heartbeat'], 'what was removed is not resurrected');
    });

    it('are found in the user’s own configuration by the command line', async () => {
      const commands = { shared: { command: 'true', frequency_minutes: 5 } };
      project.box.write(
        path.join(project.env['XDG_CONFIG_HOME']!, 'ampa/scheduler_store.json'),
        JSON.stringify({ commands }),
      );
      assert.deepEqual(
        (await list()).map((it) => it.id),
        ['shared'],
      );
    });
  });

  it('cost a folder without any of them nothing', async () => {
    const app = await project.open('cat >/dev/null');
    await app.start({ prompt: 'x', checks: CHECK });
    await app.startEngine();
    const [heartbeat, ...others] = await app.schedule.list();
    assert.deepEqual([heartbeat?.waits_for, heartbeat?.next_due, others], ['a Discord channel', null, []]);
    assert.ok(!existsSync(path.join(app.workspace.stateDir, 'logs/schedule')));
  });
});
