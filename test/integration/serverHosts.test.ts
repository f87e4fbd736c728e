import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import path from 'node:path';
import type { RunReport } from '../../src/app/scheduleApi.ts';
import type { ServerAddress } from '../../src/app/serverAddress.ts';
import { freePort } from '../support/freePort.ts';
import { ask } from '../support/localServer.ts';
import { createProject, type Project } from '../support/project.ts';
import { until } from '../support/until.ts';

describe('daemons', () => {
  let projects: Project[];
  const make = (): Project => {
    const project = createProject('ampa hosts ');
    projects.push(project);
    return project;
  };
  beforeEach(() => {
    projects = [];
  });
  afterEach(async () => {
    for (const project of projects) await project.remove();
  });

  const daemon = (project: Project, env: Record<string, string> = {}): ChildProcess =>
    project.spawnAmpa(['daemon', '--start-scheduler'], { AMPA_METRICS_PORT: '0', ...env });
  const exited = (child: ChildProcess) => until('it ends', () => child.exitCode !== null || child.signalCode !== null);
  /** What `ampa api` prints, once somebody serves. */
  const serving = (project: Project, by: (address: ServerAddress) => boolean = () => true) =>
    until('somebody serves', async () => {
      const { code, stdout } = await project.ampa(['api', '--json']);
      const address = code === 0 ? (JSON.parse(stdout) as ServerAddress) : null;
      return address && by(address) ? address : null;
    });
  const total = async ({ url, token }: ServerAddress): Promise<number> =>
    (await ask(url, '/tasks', { token })).json<{ total: number }>().total;

  it('of one workspace serve one at a time, and the next takes over from one that was killed', async () => {
    const project = make();
    const children = [daemon(project), daemon(project)];
    const first = await serving(project);
    assert.deepEqual(Object.keys(first), ['url', 'token', 'pid']);
    assert.equal(Buffer.from(first.token, 'base64url').length, 32);
    assert.equal(await total(first), 0);
    const viewer = await project.open();
    const hosts = await until('both are there', async () => {
      const live = (await viewer.hosts()).filter((host) => host.live && host.kind === 'daemon');
      return live.length === 2 && live;
    });
    assert.ok(hosts.some((host) => host.pid === first.pid));

    const holder = children.find((child) => child.pid === first.pid)!;
    holder.kill('SIGKILL');
    await exited(holder);
    const second = await serving(project, ({ pid }) => pid !== first.pid);
    assert.equal(second.pid, children.find((child) => child !== holder)!.pid);
    assert.equal(await total(second), 0);
    assert.notEqual(second.token, first.token);
    assert.equal((await ask(second.url, '/tasks', { token: first.token })).status, 401);

    const other = children.find((child) => child !== holder)!;
    other.kill('SIGTERM');
    await exited(other);
    assert.equal(other.exitCode, 0);
    const after = await project.ampa(['api']);
    assert.deepEqual([after.code, after.stdout], [1, '']);
    assert.match(after.stderr, /no local server runs for this workspace.*ampa daemon --start-scheduler/);
  }).timeout(90_000);

  it('of two workspaces have a port each, although both were told the same', async () => {
    const port = await freePort();
    const placeholder = createServer().listen(port, '127.0.0.1');
    await once(placeholder, 'listening');
    const [one, two] = [make(), make()];
    const env = { AMPA_METRICS_PORT: String(port) };
    // In the hands of another program.
    const first = daemon(one, env);
    const a = await serving(one);
    assert.notEqual(new URL(a.url).port, String(port));
    await new Promise((resolve) => placeholder.close(resolve));
    daemon(two, env);
    const b = await serving(two);
    assert.equal(new URL(b.url).port, String(port));
    await one.ampa(['start', '--task', 'Mine', '--checks', 'none', '--agent', 'custom'], {
      AMPA_AGENT_COMMAND: 'cat',
    });
    assert.deepEqual([await total(a), await total(b)], [1, 0]);
    assert.equal((await ask(b.url, '/tasks', { token: a.token })).status, 401, 'a token opens its own workspace only');
    // In the hands of another workspace.
    first.kill('SIGTERM');
    await exited(first);
    daemon(one, env);
    const c = await serving(one);
    assert.notEqual(new URL(c.url).port, String(port));
    assert.equal(await total(b), 0);
  }).timeout(90_000);

  it('follow their settings without a restart', async () => {
    const project = make();
    const file = path.join(project.repo, '.worklog/ampa/.env');
    const set = (lines: string): string => project.box.write(file, lines, 0o600);
    set('AMPA_SCHEDULER_GLOBAL_MIN_INTERVAL_SECONDS=3600\nAMPA_METRICS_PORT=0\n');
    // The environment says nothing of the port.
    const child = project.spawnAmpa(['daemon', '--start-scheduler']);
    const before = await serving(project);
    for (const id of ['one', 'two']) await project.ampa(['schedule', 'add', id, 'true', '--every', '60']);
    const ran = async (): Promise<string[]> => {
      const ids: string[] = [];
      for (const id of ['one', 'two']) {
        const { stdout } = await project.ampa(['schedule', 'history', id, '--json']);
        if ((JSON.parse(stdout) as { runs: RunReport[] }).runs.length > 0) ids.push(id);
      }
      return ids;
    };
    await until('one has run', async () => (await ran()).length === 1);
    const port = await freePort();
    set(`AMPA_SCHEDULER_GLOBAL_MIN_INTERVAL_SECONDS=0\nAMPA_METRICS_PORT=${port}\n`);
    const after = await serving(project, ({ url }) => url === `http://127.0.0.1:${port}`);
    assert.deepEqual([after.pid, before.pid], [child.pid, child.pid]);
    await assert.rejects(ask(before.url, '/health'));
    await until('the other has run, too', async () => (await ran()).length === 2);
  }).timeout(90_000);

  it('listen where AMPA_HTTP_HOST says, which no repository can', async () => {
    const project = make();
    project.box.write(path.join(project.repo, '.env'), 'AMPA_HTTP_HOST=0.0.0.0\n');
    await project.ampa(['trust']);
    daemon(project);
    assert.match((await serving(project)).url, /^http:\/\/127\.0\.0\.1:/);
    const { stdout } = await project.ampa(['config', '--json']);
    assert.deepEqual((JSON.parse(stdout) as Record<string, unknown>)['AMPA_HTTP_HOST'], {
      value: '',
      source: 'default',
    });
    const own = make();
    daemon(own, { AMPA_HTTP_HOST: 'localhost', AMPA_DISABLE_DISCORD: '1' });
    const { url } = await serving(own);
    assert.match(url, /^http:\/\/localhost:/);
    assert.equal((await fetch(`${url}/metrics`)).status, 200);
  }).timeout(60_000);

  it('are told in so many words what to do', async () => {
    const project = make();
    const run = async (args: string[], env: Record<string, string> = {}) => {
      const { code, stderr } = await project.ampa(['daemon', ...args], { AMPA_METRICS_PORT: '0', ...env });
      return { code, stderr };
    };
    for (const args of [[], ['--once']]) {
      const { code, stderr } = await run(args);
      assert.equal(code, 1);
      assert.match(stderr, /no Discord channel is configured/);
    }
    assert.equal((await run(['--once'], { AMPA_RUN_SCHEDULER: '1' })).code, 1);
    for (const args of [
      ['--once', '--until-idle'],
      ['--start-scheduler', '--until-idle'],
    ]) {
      const { code, stderr } = await run(args);
      assert.deepEqual([code, /cannot be used together/.test(stderr)], [2, true]);
    }
    const idle = await run(['--until-idle']);
    assert.equal(idle.code, 0, idle.stderr);
    assert.match(idle.stderr, /Warning: Neither a Discord bot nor a Discord webhook is configured/);
    const quiet = await run(['--until-idle'], { AMPA_DISABLE_DISCORD: '1' });
    assert.doesNotMatch(quiet.stderr, /Discord/);

    const child = project.spawnAmpa(['daemon'], { AMPA_RUN_SCHEDULER: '1', AMPA_METRICS_PORT: '0' });
    assert.equal((await serving(project)).pid, child.pid);
    child.kill('SIGINT');
    await exited(child);
    assert.equal(child.exitCode, 0);
  }).timeout(60_000);

  it('do not tell an agent their token', async () => {
    const project = make();
    daemon(project);
    await serving(project);
    const { code, stdout, stderr } = await project.ampa(['api', '--json'], { AMPA_TASK_ID: '01TASK' });
    assert.equal(code, 1);
    assert.match(stderr, /`ampa api` is for people/);
    assert.doesNotMatch(stdout, /token"/);
  }).timeout(90_000);
});
