import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { RunReport, ScheduledCommand } from '../../src/app/scheduleApi.ts';
import { createProject, type Project } from '../support/project.ts';

/** Prints what the real one prints: a document on stdout, warnings on stderr. */
const STAND_IN = `#!/bin/sh
echo "$@" >> "$WL_CALLS"
echo 'warning: the cache is old' >&2
echo '{"success":true,"created":2,"updated":0}'
exit \${WL_EXIT:-0}
`;

describe('the worklog on GitHub', () => {
  let project: Project;
  let calls: string;
  let env: Record<string, string>;
  const config = (): string => path.join(project.repo, '.worklog/config.yaml');
  beforeEach(() => {
    project = createProject('ampa wl ');
    const bin = path.join(project.box.dir, 'wl-bin');
    mkdirSync(bin);
    writeFileSync(path.join(bin, 'wl'), STAND_IN);
    chmodSync(path.join(bin, 'wl'), 0o755);
    calls = path.join(project.box.dir, 'calls');
    env = { PATH: `${bin}:${project.env['PATH']}`, WL_CALLS: calls };
    mkdirSync(path.dirname(config()));
    writeFileSync(config(), '# Worklog\nprefix: WL\ngithubRepo: (not set)\n');
    execFileSync('git', ['remote', 'set-url', 'origin', 'git@github.com:owner/my.repo.git'], {
      cwd: project.repo,
      env: project.env,
    });
  });
  afterEach(() => project.remove());

  it('is imported and pushed with the repository of the remote, which is written back once', async () => {
    const first = await project.ampa(['github', 'import'], env);
    assert.deepEqual([first.code, first.stdout], [0, '{"success":true,"created":2,"updated":0}\n'], first.stderr);
    assert.match(first.stderr, /warning: the cache is old/);
    assert.equal(readFileSync(config(), 'utf8'), '# Worklog\nprefix: WL\ngithubRepo: owner/my.repo\n');
    const second = await project.ampa(['github', 'push'], { ...env, WL_EXIT: '7' });
    assert.equal(second.code, 7);
    assert.equal(
      readFileSync(calls, 'utf8'),
      'github import --create-new --repo owner/my.repo\ngithub push --repo owner/my.repo\n',
    );
  });

  it('may be a tenant’s of ghe.com', async () => {
    const url = 'https://tenant.ghe.com/team/app.git';
    execFileSync('git', ['remote', 'set-url', 'origin', url], { cwd: project.repo, env: project.env });
    const synced = await project.ampa(['github', 'push'], env);
    assert.equal(synced.code, 0, synced.stderr);
    assert.match(readFileSync(config(), 'utf8'), /^githubRepo: team\/app$/m);
  });

  it('is said to be missing', async () => {
    const missing = await project.ampa(['github', 'push']);
    assert.deepEqual([missing.code, /wl was not found/.test(missing.stderr)], [1, true]);
    writeFileSync(config(), 'prefix: WL\n');
    execFileSync('git', ['remote', 'set-url', 'origin', project.origin], { cwd: project.repo, env: project.env });
    const nowhere = await project.ampa(['github', 'push'], env);
    assert.deepEqual([nowhere.code, /nothing says which GitHub repository/.test(nowhere.stderr)], [1, true]);
    assert.ok(!existsSync(calls));
  });

  it('is offered as scheduled commands that are off, and stay removed', async () => {
    const schedule = async (...args: string[]) => project.ampa(['schedule', ...args], env);
    const list = async () =>
      (JSON.parse((await schedule('list', '--json')).stdout) as { commands: ScheduledCommand[] }).commands.filter(
        (it) => it.id !== 'heartbeat',
      );
    await schedule('add', 'mine', 'true', '--every', '5');
    assert.deepEqual(
      (await list()).map((it) => [it.id, it.enabled, it.frequency_minutes, it.max_runtime_minutes]),
      [
        ['gh-import', false, 30, 5],
        ['gh-push', false, 180, 5],
        ['mine', true, 5, null],
      ],
    );
    await schedule('remove', 'gh-import');
    await schedule('enable', 'gh-push');
    assert.deepEqual(
      (await list()).map((it) => [it.id, it.enabled]),
      [
        ['gh-push', true],
        ['mine', true],
      ],
    );
    const run = await project.ampa(['schedule', 'run', 'gh-push', '--json'], { ...env, WL_EXIT: '3' });
    const report = JSON.parse(run.stdout) as RunReport;
    assert.deepEqual([run.code, report.status, report.exit_code], [1, 'failed', 3]);
    assert.match(report.output, /"success":true/);
    const gone = await project.ampa(['schedule', 'run', 'gh-push', '--json']);
    assert.match((JSON.parse(gone.stdout) as RunReport).output, /wl was not found/);
  });
});
