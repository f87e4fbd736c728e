import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { createProject, type Project } from '../support/project.ts';
import { until } from '../support/until.ts';

describe('Clones of repositories that are named by their address', () => {
  let project: Project;
  let repos: string;
  let ssh: string;
  let connected: string;
  beforeEach(() => {
    project = createProject('ampa-clones-');
    repos = path.join(project.repo, '.worklog/ampa/repos');
    connected = path.join(project.box.dir, 'connected');
    mkdirSync(connected);
    ssh = project.box.write(
      path.join(project.box.dir, 'slow-ssh'),
      `#!/bin/sh\ntouch "${connected}/$$"\nwhile [ -e "${connected}/$$" ]; do sleep 0.1; done\nexit 1\n`,
      0o755,
    );
  });
  afterEach(async () => {
    rmSync(connected, { recursive: true, force: true });
    await project.remove();
  });

  const partial = (): string[] =>
    existsSync(repos) ? readdirSync(repos).filter((it) => it.includes('.partial-')) : [];
  const cloning = async (name: string) => {
    const args = ['start', '--task', 'x', '--repo', `ssh://git@host.invalid/acme/${name}.git`];
    const child = project.spawnAmpa(args, { GIT_SSH_COMMAND: ssh });
    const found = (): string | undefined => partial().find((it) => it.startsWith(name));
    const connections = readdirSync(connected).length;
    await until(`${name} is being cloned`, () => readdirSync(connected).length > connections);
    return { child, folder: path.join(repos, found()!) };
  };

  it('that were left half made by a killed process go with the next start of an engine, and no others', async () => {
    const killed = await cloning('killed');
    const living = await cloning('living');
    const whole = path.join(repos, 'whole-01234567.git');
    mkdirSync(whole);
    const [old, fresh] = ['1', '2'].map((it) => `${whole}.partial-${it.repeat(8)}-0000-0000-0000-000000000000`);
    for (const folder of [old!, fresh!]) mkdirSync(folder);
    utimesSync(old!, 0, 0);
    killed.child.kill('SIGKILL');
    await new Promise((resolve) => killed.child.once('exit', resolve));
    assert.equal(existsSync(killed.folder), true);
    const app = await project.open();
    await app.startEngine();
    await until('the killed one’s is gone', () => !existsSync(killed.folder) && !existsSync(old!));
    assert.deepEqual(
      [living.folder, whole, fresh!].filter((it) => !existsSync(it)),
      [],
    );
  }).timeout(90_000);
});
