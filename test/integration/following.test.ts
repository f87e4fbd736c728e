/** Settings change, repositories bring files, people take their trust back: what runs hears of it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { mock } from 'node:test';
import { createConfiguration } from '../../src/app/configuration.ts';
import { indexWritten } from '../../src/app/engineStore.ts';
import { fileSettings, readDotenvFiles } from '../../src/config/sources.ts';
import { createProject, type Project } from '../support/project.ts';
import { until } from '../support/until.ts';

describe('a host that runs', () => {
  let project: Project;
  beforeEach(() => {
    project = createProject('ampa-following-');
  });
  afterEach(() => project.remove());

  it('takes nothing from a .env that a pull has brought into the state folder', async () => {
    const app = await project.open();
    await app.startEngine();
    const { box, repo } = project;
    const file = path.join(repo, '.worklog', 'ampa', '.env');
    box.write(file, 'AMPA_AGENT_COMMAND=evil\nAMPA_MAX_ATTEMPTS=7\n');
    await until('it is followed', () => app.config().values.maxAttempts === 7);
    box.git(repo, 'add', '--force', file);
    box.git(repo, 'commit', '--quiet', '--message', 'Settings for everybody');
    box.write(file, 'AMPA_AGENT_COMMAND=evil --more\nAMPA_MAX_ATTEMPTS=8\n');
    await until('it is not read any more', () => app.config().values.maxAttempts !== 7);
    assert.equal(app.config().values.agentCommand, '');
    assert.match(app.config().warnings.join(), /git tracks .*\.env, so it is the repository's/);
  });

  it('reads a .env before it asks whose it is: a pull puts the file there first', async () => {
    const { box, repo } = project;
    const file = path.join(repo, '.worklog', 'ampa', '.env');
    box.write(file, 'AMPA_AGENT_COMMAND=mine\n');
    const env = { HOME: box.dir };
    let tracked = false;
    const config = createConfiguration({
      ...{ workspace: repo, env, dotenv: readDotenvFiles(repo, env), settings: () => fileSettings(repo) },
      isTracked: (name) => tracked && name === file,
      trusted: true,
      // git answers; then it goes on with the pull.
      look: () => {
        box.write(file, 'AMPA_AGENT_COMMAND=evil\n');
        return Promise.resolve(null);
      },
      onValues: () => undefined,
      say: () => undefined,
    });
    await config.reload();
    assert.equal(config.values().agentCommand, 'mine');
    config.setTrusted(false);
    assert.equal(config.values().agentCommand, 'mine');
    tracked = true;
    await config.reload();
    assert.equal(config.values().agentCommand, '');
  });

  it('waits for a git that writes its index, not for the lock of one that was killed', async () => {
    const lock = path.join(project.repo, '.git', 'index.lock');
    fs.writeFileSync(lock, '');
    const looks = mock.method(fs, 'statSync');
    const waits = indexWritten(project.repo);
    await until('it has seen the lock', () => looks.mock.calls.some((call) => call.arguments[0] === lock));
    looks.mock.restore();
    fs.rmSync(lock);
    assert.deepEqual(await waits, { waited: true, lockedAt: null });
    fs.writeFileSync(lock, '');
    const long = Date.now() / 1000 - 120;
    fs.utimesSync(lock, long, long);
    assert.deepEqual(await indexWritten(project.repo), { waited: false, lockedAt: long * 1000 });
  });

  it('takes nothing from a .env that came while git wrote its index, however long that takes', async () => {
    const { box, repo } = project;
    const lock = path.join(repo, '.git', 'index.lock');
    const file = path.join(repo, '.worklog', 'ampa', '.env');
    box.write(file, 'AMPA_AGENT_COMMAND=mine\n');
    const before = Date.now() / 1000 - 120;
    const app = await project.open();
    assert.equal(app.config().values.agentCommand, 'mine');
    fs.writeFileSync(lock, '');
    fs.utimesSync(lock, before, before);
    box.write(file, 'AMPA_AGENT_COMMAND=evil\n');
    await app.reloadConfig();
    assert.equal(app.config().values.agentCommand, '');
    assert.match(app.config().warnings.join(), /git holds its index\.lock and may be bringing it/);
    fs.rmSync(lock);
    await app.reloadConfig();
    assert.equal(app.config().values.agentCommand, 'evil', 'it was the person’s own');
    const later = Date.now() / 1000 + 3600;
    fs.writeFileSync(lock, '');
    fs.utimesSync(lock, later, later);
    await app.reloadConfig();
    assert.equal(app.config().values.agentCommand, 'evil', 'it was there before');
  });

  it('goes by what was read last, however long git takes to answer each time', async () => {
    const { box, repo } = project;
    const file = path.join(repo, '.worklog', 'ampa', '.env');
    box.write(file, 'AMPA_MAX_ATTEMPTS=4\n');
    const env = { HOME: box.dir };
    const answers: (() => void)[] = [];
    const config = createConfiguration({
      ...{ workspace: repo, env, dotenv: readDotenvFiles(repo, env), settings: () => fileSettings(repo) },
      isTracked: () => false,
      trusted: true,
      look: () => new Promise((resolve) => answers.push(() => resolve(null))),
      onValues: () => undefined,
      say: () => undefined,
    });
    box.write(file, 'AMPA_MAX_ATTEMPTS=5\n');
    const first = config.reload();
    await until('git is asked', () => answers.length > 0);
    box.write(file, 'AMPA_MAX_ATTEMPTS=6\n');
    const second = config.reload();
    // The newest question is answered first.
    const answering = setInterval(() => answers.pop()?.(), 5);
    await Promise.all([first, second]);
    clearInterval(answering);
    assert.equal(config.values().maxAttempts, 6);
  });

  it('follows the settings file of the folder', async () => {
    const app = await project.open();
    await app.trust(false);
    await app.startEngine();
    const file = path.join(project.repo, '.vscode', 'settings.json');
    project.box.write(file, '{ "ampa.permissions": "ask" }');
    await until('it is read', () => app.config().values.permissions === 'ask');
    project.box.write(file, '{ // all of it\n "ampa.permissions": "all" }');
    await until('it is read again', () => app.config().values.permissions === 'all');
  });

  it('goes on with its schedule by knobs that change, at once', async () => {
    const { box, repo } = project;
    const file = path.join(repo, '.worklog', 'ampa', '.env');
    const interval = 'AMPA_SCHEDULER_GLOBAL_MIN_INTERVAL_SECONDS';
    box.write(file, `${interval}=3600\n`);
    const app = await project.open();
    for (const id of ['one', 'two'])
      await app.schedule.add(id, { command: 'echo begun; sleep 300', frequency_minutes: 60 });
    await app.startEngine();
    const running = async () => (await app.schedule.list()).filter((it) => it.running).length;
    await until('one runs', async () => {
      const [one] = (await app.schedule.list()).filter((it) => it.running);
      return one && (await app.schedule.history(one.id, 1))[0]?.output === 'begun\n';
    });
    const next = (await app.schedule.list()).find((it) => !it.running && it.id !== 'heartbeat')!;
    box.write(file, `${interval}=0\nAMPA_CMD_TIMEOUT_SECONDS=1\n`);
    await until('the other runs', async () => (await app.schedule.history(next.id, 1)).length === 1);
    const ended = await until('it is ended by the time that the knob gives it', async () =>
      (await app.schedule.history(next.id, 1)).find(({ status }) => status !== 'running'),
    );
    assert.deepEqual([ended.status, ended.exit_code], ['timed_out', 124]);
    assert.equal(await running(), 1, 'a run keeps what it was started with');
  }).timeout(60_000);

  it('hears that its folder is no longer trusted, and trusted again', async () => {
    const app = await project.open();
    await app.trust(false);
    await app.startEngine();
    assert.equal((await project.ampa(['trust', '--revoke'])).code, 0);
    await until('it knows', () => !app.isTrusted());
    assert.equal((await project.ampa(['trust'])).code, 0);
    await until('it knows', () => app.isTrusted());
  });
});
