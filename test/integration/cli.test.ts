import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { CHECK, CLI, createProject, MENDING_AGENT, type Project } from '../support/project.ts';

describe('the command line', () => {
  let project: Project;
  beforeEach(() => {
    project = createProject('ampa cli ö ');
  });
  afterEach(() => project.remove());
  const agent = { AMPA_AGENT_COMMAND: MENDING_AGENT };
  /** What the tests read of a printed document; a field that is not there fails where it is used. */
  interface Printed {
    id: string;
    title: string;
    agent: string;
    status: string;
    attempts: number;
    repo: string;
    base: string;
    branch: string;
    head_sha: string;
    worktree: string;
    merged_at: string | null;
    total: number;
    tasks: { id: string }[];
    lines: string[];
    error: { code: string };
    worktrees: number;
    logs: number;
    kept: { why: string }[];
    checks: { name: string; ok: boolean; detail: string; fix: string | null }[];
  }
  const json = (text: string): Printed => JSON.parse(text) as Printed;
  const configOf = (text: string) => JSON.parse(text) as Record<string, { value: unknown; source: string }>;

  it('starts a task, waits for success, and shows it in every form', async () => {
    const started = await project.ampa(
      ['start', '--task', 'Make it good', '--checks', CHECK, '--wait', '--json'],
      agent,
    );
    assert.equal(started.code, 0, started.stderr);
    const task = json(started.stdout);
    assert.deepEqual([task.status, task.attempts, task.title, task.agent], ['success', 2, 'Make it good', 'custom']);

    const listed = json((await project.ampa(['ls', '--json'])).stdout);
    assert.equal(listed.total, 1);
    assert.equal(listed.tasks[0]?.id, task.id);
    const shown = JSON.parse((await project.ampa(['show', task.id.slice(-6).toLowerCase(), '--json'])).stdout) as {
      attempts: unknown[];
    };
    assert.deepEqual(Object.keys(shown), ['task', 'attempts', 'checks', 'events']);
    assert.equal(shown.attempts.length, 2);
    const excerpt = json((await project.ampa(['logs', task.id, '--ci', '--json'])).stdout);
    assert.match(excerpt.lines.join('\n'), /error 42/);
    assert.match((await project.ampa(['logs', task.id, '--attempt', '1'])).stdout, /I wrote bad/);
    assert.match((await project.ampa(['diff', task.id])).stdout, /\+good/);
    const text = await project.ampa(['show', task.id]);
    assert.match(text.stdout, /success · attempt 2 of 3[\s\S]*FAIL: state\.txt is not good/);
    assert.ok(!text.stdout.includes('\u001b'), 'no colour into a pipe');
  });

  it('says where nobody works yet, and exits 0', async () => {
    const { code, stdout, stderr } = await project.ampa(['start', '--task', 'Make it good', '--checks', CHECK], agent);
    assert.equal(code, 0);
    assert.match(stdout, /^Task [0-9A-Z]{26} created on branch amp\/make-it-good-[0-9a-z]{6}\n$/);
    assert.match(stderr, /--wait/);
    assert.match(stderr, /ampa daemon --start-scheduler/);
  });

  it('exits 1 for a task that needs a person, with the sentence and the next step', async () => {
    const { code, stderr } = await project.ampa(['start', '--task', 'Nothing', '--checks', CHECK, '--wait'], {
      AMPA_AGENT_COMMAND: 'cat >/dev/null',
    });
    assert.equal(code, 1);
    assert.match(stderr, /The agent finished without changing anything\.[\s\S]*continue with a clearer request/);
  });

  const bad: [args: string[], message: RegExp][] = [
    [['strat'], /there is no command "strat"/],
    [['start'], /there is no task/],
    [['start', '--task', ''], /the task is empty/],
    [['start', '--task', 'x', '--task-file', 'y'], /cannot be used together/],
    [['start', '--task-file', 'nowhere.md'], /nowhere\.md cannot be read/],
    [['start', '--task', 'x', '--max-attempts', 'many'], /--max-attempts "many" is not a whole number/],
    [['start', '--tusk', 'x'], /--tusk/],
    [['start', '--task', '-x'], /the value of --task begins with a dash\. Write --task=VALUE/],
    [['ls', '--limit', '99999999999999999999'], /--limit "99999999999999999999" is too large/],
    [['ls', '--limit', '0'], /--limit "0" is less than 1/],
    [
      ['ls', '--workspace', '/nowhere'],
      /the folder "\/nowhere" does not exist\. Name one that exists with --workspace/,
    ],
    [['ls', '--workspace', ''], /the folder "" does not exist/],
    [['ls', '--workspace', process.execPath], /is not a folder/],
    [['ls', '--status', 'sleeping'], /--status "sleeping" has unknown states: sleeping; known are queued/],
    [['show'], /ID is missing/],
    [['show', 'zzzz'], /"zzzz" does not exist/],
    [['merge', 'x', '--method', 'octopus'], /--method is "octopus", not one of merge\|squash\|rebase/],
    [['logs', 'a', 'b'], /one argument more than the command takes/],
    [['daemon', '--once', '--until-idle'], /cannot be used together/],
  ];
  for (const [args, message] of bad) {
    it(`exits 2 and names the mistake: ampa ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await project.ampa(args, agent);
      assert.match(stderr + stdout, message);
      assert.equal(code, 2);
      assert.equal(existsSync(path.join(project.repo, '.worklog')), false, 'and leaves nothing in the folder');
    });
  }

  it('prints only JSON on stdout with --json, errors included', async () => {
    const { code, stdout } = await project.ampa(['show', 'zzzz', '--json']);
    assert.equal(code, 2);
    assert.equal(json(stdout).error.code, 'not_found');
  });

  it('gives each command a help with an example, and the version', async () => {
    assert.match((await project.ampa(['--help'])).stdout, /start[\s\S]*doctor/);
    assert.match((await project.ampa(['start', '--help'])).stdout, /--include-changes[\s\S]*Example:/);
    assert.match((await project.ampa(['--version'])).stdout, /^ampa \d+\.\d+\.\d+\n$/);
  });

  it('ends without a word where the reader of its output has gone, and says where it could not be written', () => {
    const shell = (text: string) =>
      spawnSync('/bin/bash', ['-c', text, process.execPath, CLI, project.repo], { env: project.env, encoding: 'utf8' });
    const piped = shell('"$0" "$1" config --workspace "$2" | true; echo "${PIPESTATUS[0]}"');
    assert.deepEqual([piped.stdout, piped.stderr], ['0\n', '']);
    if (process.platform !== 'linux') return;
    const full = shell('"$0" "$1" config --workspace "$2" > /dev/full');
    assert.match(full.stderr, /^ampa: the output cannot be written: ENOSPC[^\n]*\n$/);
    assert.equal(full.status, 1);
  });

  it('goes on with a task where its notices cannot be written', async () => {
    if (process.platform !== 'linux') return;
    const text = '"$0" "$1" start --task x --checks "$2" --wait --verbose --workspace "$3" 2> /dev/full';
    const started = spawnSync('/bin/bash', ['-c', text, process.execPath, CLI, CHECK, project.repo], {
      env: { ...project.env, ...agent },
      encoding: 'utf8',
    });
    assert.deepEqual([started.status, started.signal], [0, null]);
    const id = /^Task (\w+)/.exec(started.stdout)![1]!;
    const { task } = JSON.parse((await project.ampa(['show', id, '--json'])).stdout) as { task: { status: string } };
    assert.equal(task.status, 'success');
  });

  it('takes no task that is no text', async () => {
    const file = path.join(project.box.dir, 'binary');
    for (const [content, message] of [
      ['a\0b', /the task holds a NUL character\. Give text/],
      ['x'.repeat(1024 * 1024 + 1), /1048577 characters, more than 1048576\. Put it into a file/],
    ] as const) {
      project.box.write(file, content);
      const { code, stderr } = await project.ampa(['start', '--task-file', file, '--checks', CHECK], agent);
      assert.match(stderr, message);
      assert.equal(code, 2);
    }
  });

  it('takes no blank check for one that is green', async () => {
    const { stderr } = await project.ampa(['start', '--task', 'x', '--checks', ' '], agent);
    assert.match(stderr, /No check was found/);
  });

  it('says that an attempt was never made, and that a log is no more', async () => {
    const task = json((await project.ampa(['start', '--task', 'x', '--checks', CHECK, '--json'], agent)).stdout);
    const missing = await project.ampa(['logs', task.id, '--attempt', '2']);
    assert.match(missing.stderr, /has had 0 attempts: there is no attempt 2/);
    assert.equal(missing.code, 1);
    const empty = await project.ampa(['logs', task.id]);
    assert.match(empty.stderr, /There is no log of it/);
    assert.deepEqual([empty.code, empty.stdout], [0, '']);
  });

  it('prints all lines of a long log, or the last ones', async () => {
    const loud = { AMPA_AGENT_COMMAND: 'seq 1 200000; echo good > state.txt' };
    const start = ['start', '--task', 'Count', '--checks', CHECK, '--wait', '--json'];
    const { id } = JSON.parse((await project.ampa(start, loud)).stdout) as { id: string };
    const numbers = (lines: string[]): number[] => lines.map(Number).filter((it) => it > 0);
    const all = numbers((await project.ampa(['logs', id])).stdout.split('\n'));
    assert.deepEqual([all.length, all[0], all.at(-1)], [200_000, 1, 200_000]);
    const { lines } = JSON.parse((await project.ampa(['logs', id, '--json'])).stdout) as { lines: string[] };
    assert.deepEqual(numbers(lines), all);
    const tail = (await project.ampa(['logs', id, '--tail', '7'])).stdout.trimEnd().split('\n');
    assert.deepEqual(tail, lines.slice(-7));
  });

  it('says what is missing where a GitHub is there and cannot be used', async () => {
    project.box.git(project.repo, 'remote', 'set-url', 'origin', 'https://github.com/acme/widget.git');
    const start = (...args: string[]) => project.ampa(['start', '--task', 'x', ...args, '--checks', CHECK], agent);
    assert.match((await start()).stderr, /^Nobody is signed in to github\.com, so acme\/widget gets no pull request/);
    const without = { ...agent, AMPA_PULL_REQUEST: 'never', AMPA_CHECKS_PROVIDER: 'local' };
    const wanted = await project.ampa(['start', '--task', 'x', '--checks', CHECK], without);
    assert.doesNotMatch(wanted.stderr, /Nobody is signed in/, 'who wants neither misses nothing');
    assert.match((await start('--issue', '1')).stderr, /an issue was named, but nobody is signed in to github\.com/);
    const keyless = { ...agent, AMPA_GITHUB_APP_ID: '1', AMPA_GITHUB_APP_PRIVATE_KEY_PATH: '/nowhere/key.pem' };
    assert.match(
      (await project.ampa(['start', '--task', 'x'], keyless)).stderr,
      /file \/nowhere\/key\.pem cannot be read/,
    );
    const lost = { ...agent, GITHUB_TOKEN: 'x', AMPA_GITHUB_API_URL: 'github.example.org' };
    const { code, stderr } = await project.ampa(['start', '--task', 'x'], lost);
    assert.match(stderr, /AMPA_GITHUB_API_URL is "github\.example\.org", which is not an http or https address/);
    assert.equal(code, 1);
  });

  it('refuses merge and trust inside a task', async () => {
    for (const args of [['merge', 'x'], ['trust']]) {
      const { code, stderr } = await project.ampa(args, { AMPA_TASK_ID: 'T' });
      assert.equal(code, 1);
      assert.match(stderr, /is for people/);
    }
  });

  it('does not run a check that it found in a folder nobody has trusted, and says so before a task is recorded', async () => {
    project.box.commit(project.repo, 'package.json', '{"scripts": {"test": "node --version"}}');
    const refused = await project.ampa(['start', '--task', 'x'], agent);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /`npm test` was found in the test script of package\.json, but this folder is not trusted[\s\S]*ampa trust/,
    );
    assert.equal((await project.ampa(['ls', '--all'])).stdout, '');
    assert.equal((await project.ampa(['trust'])).code, 0);
    const started = await project.ampa(['start', '--task', 'x', '--json'], agent);
    assert.equal(started.code, 0, started.stderr);
    assert.equal((await project.ampa(['trust', '--revoke'])).code, 0);
    assert.equal((await project.ampa(['start', '--task', 'x'], agent)).code, 1);
  });

  it('asks for trust in each repository: that in the workspace is none in another', async () => {
    const stranger = project.box.repository('stranger');
    project.box.commit(stranger, 'package.json', '{"scripts": {"test": "node --version"}}');
    project.box.commit(stranger, 'package-lock.json', '{"lockfileVersion": 3}');
    const app = await project.open(agent.AMPA_AGENT_COMMAND);
    assert.equal((await app.trust(false)).trusted, true);
    const refused = await project.ampa(['start', '--task', 'x', '--repo', stranger], agent);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /but .*stranger is not trusted[\s\S]*ampa trust --repo '.*stranger'/);
    assert.deepEqual((await app.list({})).tasks, []);

    const plan = () => app.plan({ prompt: 'x', repo: stranger });
    const untrusted = { code: 'trust' };
    await assert.rejects(plan(), untrusted);
    const named = await app.plan({ prompt: 'x', repo: stranger, checks: 'true' });
    assert.equal(named.setup.command, null, "a check of one's own is no question of trust, but no setup is run");
    assert.match((await project.ampa(['trust', '--repo', stranger])).stdout, /stranger is trusted/);
    assert.deepEqual((await plan()).setup.command, 'npm ci');
    assert.equal((await app.trust(true)).trusted, false);
    assert.equal((await plan()).checks.command, 'npm test', 'trust in the workspace is another question');
    project.box.git(stranger, 'remote', 'add', 'origin', 'https://example.org/another.git');
    await assert.rejects(plan(), untrusted, 'with another remote it is another text');
    project.box.git(stranger, 'remote', 'remove', 'origin');
    await app.trust(true, stranger);
    await assert.rejects(plan(), untrusted);
  });

  it("reads nothing dangerous from the repository's own settings before trust", async () => {
    const marker = path.join(project.box.dir, 'pwned');
    project.box.commit(
      project.repo,
      '.vscode/settings.json',
      JSON.stringify({
        'ampa.setup': `touch '${marker}'`,
        'ampa.agentCommand': `touch '${marker}'`,
        'ampa.checksCommand': `touch '${marker}'`,
        'ampa.notifications': false,
      }),
    );
    project.box.commit(project.repo, '.env', `AMPA_SETUP=touch '${marker}'\nAMPA_CHECKS_COMMAND=touch '${marker}'\n`);
    project.box.write(path.join(project.repo, '.worklog/ampa/.env'), `AMPA_AGENT_COMMAND=touch '${marker}'\n`);
    project.box.git(project.repo, 'add', '-f', '.worklog/ampa/.env');
    project.box.git(project.repo, 'commit', '-qm', 'hostile state');
    const config = configOf((await project.ampa(['config', '--json'])).stdout);
    assert.equal(config['AMPA_SETUP']?.source, 'default');
    assert.equal(config['AMPA_AGENT_COMMAND']?.source, 'default');
    assert.deepEqual(config['AMPA_NOTIFICATIONS'], { value: false, source: 'workspace settings' });
    const { code, stderr } = await project.ampa(['start', '--task', 'x', '--checks', CHECK, '--wait'], agent);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /is not read: this folder is not trusted/);
    assert.equal(existsSync(marker), false);
  });

  it('merges a green task into its base at the remote, and refuses a second time', async () => {
    const task = json(
      (await project.ampa(['start', '--task', 'Make it good', '--checks', CHECK, '--wait', '--json'], agent)).stdout,
    );
    const merged = await project.ampa(['merge', task.id, '--json']);
    assert.equal(merged.code, 0, merged.stderr);
    assert.notEqual(json(merged.stdout).merged_at, null);
    assert.equal(project.box.git(project.origin, 'show', 'main:state.txt'), 'good');
    assert.equal(existsSync(task.worktree), false);
    const again = await project.ampa(['merge', task.id]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /cannot merge a merged task/);
  });

  it('cleans up ended tasks and keeps what is nowhere else', async () => {
    const task = json(
      (await project.ampa(['start', '--task', 'Make it good', '--checks', CHECK, '--wait', '--json'], agent)).stdout,
    );
    project.box.write(path.join(task.worktree, 'mine.txt'), 'unfinished');
    const kept = json((await project.ampa(['clean', '--older-than', '0', '--json'])).stdout);
    assert.equal(kept.worktrees, 0);
    assert.match(kept.kept[0]?.why ?? '', /uncommitted changes: mine\.txt/);
    const forced = json((await project.ampa(['clean', '--older-than', '0', '--force', '--json'])).stdout);
    assert.deepEqual([forced.worktrees, forced.logs], [1, 1]);
    assert.equal(existsSync(task.worktree), false);
    assert.match((await project.ampa(['diff', task.id])).stdout, /\+good/, 'the work is still there');
  });

  it('finds its tasks again after git clean, with no host but the command line', async () => {
    const started = await project.ampa(
      ['start', '--task', 'Make it good', '--checks', CHECK, '--wait', '--json'],
      agent,
    );
    assert.equal(started.code, 0, started.stderr);
    project.box.git(project.repo, 'clean', '-fdxq');
    const { stdout, stderr } = await project.ampa(['ls', '--json']);
    assert.deepEqual(
      json(stdout).tasks.map(({ id }) => id),
      [json(started.stdout).id],
    );
    assert.match(stderr, /restored/);
  });

  it('finds the workspace from a folder below and from a linked worktree', async () => {
    await project.ampa(['start', '--task', 'Make it good', '--checks', CHECK], agent);
    mkdirSync(path.join(project.repo, 'deep/er'), { recursive: true });
    const linked = path.join(project.box.dir, 'linked');
    project.box.git(project.repo, 'worktree', 'add', '-q', '-b', 'other', linked);
    for (const folder of [path.join(project.repo, 'deep/er'), linked]) {
      assert.equal(json((await project.ampa(['ls', '--json', '--workspace', folder])).stdout).total, 1, folder);
    }
  });

  it('starts in a linked worktree from the branch of that, with what is uncommitted there', async () => {
    const linked = path.join(project.box.dir, 'linked');
    project.box.git(project.repo, 'worktree', 'add', '-q', '-b', 'other', linked);
    project.box.commit(linked, 'only-here.txt', 'x');
    project.box.write(path.join(linked, 'uncommitted.txt'), 'x');
    const args = ['start', '--task', 'x', '--checks', CHECK, '--include-changes', '--json', '--workspace', linked];
    const { stdout, stderr, code } = await project.ampa(args, agent);
    assert.equal(code, 0, stderr);
    const task = json(stdout);
    assert.deepEqual([task.base, task.repo], ['other', project.repo]);
    const app = await project.open(agent.AMPA_AGENT_COMMAND);
    const { base_sha: base, snapshot_sha: snapshot } = await app.find(task.id);
    assert.equal(base, project.box.git(linked, 'rev-parse', 'HEAD'));
    assert.match(
      project.box.git(project.repo, 'ls-tree', '--name-only', snapshot!),
      /only-here\.txt[^]*uncommitted\.txt/,
    );
  });

  it('works on a repository given by URL, cloned bare into the state folder', async () => {
    const { code, stdout, stderr } = await project.ampa(
      ['start', '--task', 'Make it good', '--repo', `file://${project.origin}`, '--checks', CHECK, '--wait', '--json'],
      agent,
    );
    assert.equal(code, 0, stderr);
    const task = json(stdout);
    assert.ok(task.repo.startsWith(path.join(project.repo, '.worklog/ampa/repos/')), task.repo);
    assert.equal(project.box.git(project.origin, 'rev-parse', task.branch), task.head_sha);
  });

  it('names what is wrong with a folder that is no repository or has no commit', async () => {
    const plain = path.join(project.box.dir, 'plain');
    mkdirSync(plain);
    assert.match(
      (await project.ampa(['start', '--task', 'x', '--checks', 'true', '--workspace', plain], agent)).stderr,
      /not a git repository.*git init/,
    );
    execFileSync('git', ['init', '-q', plain], { env: project.env });
    assert.match(
      (await project.ampa(['start', '--task', 'x', '--checks', 'true', '--workspace', plain], agent)).stderr,
      /has no commit/,
    );
  });

  it('names with doctor each .env that others can read', async () => {
    const own = path.join(project.repo, '.worklog/ampa/.env');
    const shared = path.join(project.env['XDG_CONFIG_HOME']!, 'ampa/.env');
    const found = async () =>
      json((await project.ampa(['doctor', '--json'])).stdout)
        .checks.filter((check) => check.name === '.env')
        .map(({ ok, detail, fix }) => [ok, detail, fix]);
    assert.deepEqual(await found(), []);
    for (const file of [own, shared]) {
      project.box.write(file, 'AMPA_NTFY_TOKEN=x\n');
      chmodSync(file, 0o644);
    }
    assert.deepEqual(
      await found(),
      [own, shared].map((file) => [false, `${file} can be read by others`, `chmod 600 ${file}`]),
    );
    for (const file of [own, shared]) chmodSync(file, 0o600);
    assert.deepEqual(
      await found(),
      [own, shared].map((file) => [true, `${file}: only yours`, null]),
    );
  });

  it('tells what nobody foresaw as a report, with its stack where that is wanted, and no secret', async () => {
    project.box.write(path.join(project.repo, '.worklog/ampa'), 'a file in the place of a folder');
    const add = (...more: string[]) =>
      project.ampa(['schedule', 'add', 'x', 'echo hunter22', '--every', '5', ...more], { MY_TOKEN: 'hunter22' });
    const text = await add();
    assert.deepEqual([text.code, text.stdout], [1, '']);
    assert.match(
      text.stderr,
      /^Error Report\n {2}Command +schedule add x echo \*\*\* --every 5\n {2}Error +Error: EEXIST/,
    );
    assert.doesNotMatch(text.stderr, /\n +at /);
    assert.match((await add('--verbose')).stderr, /^Error Report\n[\s\S]*\n +at makeStateDir/);
    const { stdout, stderr } = await add('--json');
    assert.equal(stdout, '');
    const report = JSON.parse(stderr) as Record<string, unknown>;
    const fields = 'command args error_type error_message timestamp hostname node_version platform exit_code traceback';
    assert.deepEqual(Object.keys(report), fields.split(' '));
    assert.deepEqual([report['command'], report['exit_code']], ['schedule', 1]);
    assert.doesNotMatch(text.stderr + stderr, /hunter22/);
  });

  it('shows in no error what a .env keeps secret', async () => {
    project.box.write(path.join(project.repo, '.worklog/ampa/.env'), 'AMPA_NTFY_TOKEN=hunter2-of-the-phone\n');
    for (const args of [
      ['schedule', 'add', 'hunter2-of-the-phone/', 'true', '--every', '5'],
      ['show', 'hunter2-of-the-phone', '--verbose', '--json'],
    ]) {
      const { code, stdout, stderr } = await project.ampa(args);
      assert.equal(code, 2);
      assert.match(stdout + stderr, /\*\*\*/);
      assert.doesNotMatch(stdout + stderr, /hunter2/);
    }
  });

  it('checks the set-up with doctor, each problem with its fix', async () => {
    const { code, stdout } = await project.ampa(['doctor', '--json'], { PATH: '/usr/bin:/bin' });
    const { checks } = json(stdout);
    assert.equal(code, 1);
    assert.equal(checks.find((check) => check.name === 'git')!.ok, true);
    const agents = checks.find((check) => check.name === 'agents')!;
    assert.equal(agents.ok, false);
    assert.match(agents.fix!, /npm install -g/);
  });
});
