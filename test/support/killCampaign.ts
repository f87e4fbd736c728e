/**
 * A campaign of kills: tasks are carried by real daemons and carriers, and each carrier is ended
 * with SIGKILL once, at a random moment of its task: a random phase of a random turn, and some
 * milliseconds more, so that the moments fall everywhere on a fast machine and on a slow one.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { App } from '../../src/app/api.ts';
import { isActive, type Phase, type Task } from '../../src/tasks/task.ts';
import { createProject, processesOf, type Project } from './project.ts';
import { seeded } from './seeded.ts';
import { until } from './until.ts';

export interface CampaignOptions {
  /** How many tasks lose their carrier. */
  kills: number;
  /** How often a daemon is ended too, and another started. */
  daemonKills: number;
  seed: number;
  /** Tasks that run at once. */
  slots: number;
  timeoutMs: number;
  /** Also ends carriers that have not yet announced themselves: those are missed only when their lease ends, 15 s later. */
  early?: boolean;
}

/** Every third task needs a second turn, which the failing check's own line brings about. */
const needsTwoTurns = (index: number): boolean => index % 3 === 0;
const AGENT = [
  'P=$(cat); sleep 0.05',
  'case "$P" in *"error 42"*) echo good > state.txt;; *"in two turns"*) echo bad > state.txt;; *) echo good > state.txt;; esac',
  'echo "I wrote $(cat state.txt)"',
].join('; ');
const CHECK = 'sleep 0.05; grep -q good state.txt || { echo "FAIL: state.txt is not good: error 42"; exit 1; }';

const PHASES: readonly (Phase | null)[] = ['preparing', 'agent', 'committing', 'pushing', 'checks'];
/** How far a task has come, in phases. */
const progress = (task: Task): number => Math.max(0, task.attempts - 1) * PHASES.length + PHASES.indexOf(task.phase);

interface Target {
  id: string;
  /** Killed when it has come this far… */
  progress: number;
  /** … and this many ms later. */
  delayMs: number;
  state: 'waiting' | 'aimed' | 'killed' | 'escaped';
}

export interface CampaignReport {
  killed: number;
  daemonsKilled: number;
  escaped: number;
  /** In which phase the carriers died. */
  phases: Record<string, number>;
  seconds: number;
}

/** Runs a campaign and asserts that nothing is lost, done twice or left behind. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const begun = performance.now();
  const project = createProject('ampa-kills-');
  try {
    const pushes = recordPushes(project);
    const env = { AMPA_AGENT_COMMAND: AGENT, AMPA_MAX_CONCURRENT_TASKS: String(options.slots) };
    const app = await project.open(AGENT, env);
    const report = await kill(project, app, env, options);
    await verify(project, app, pushes());
    return { ...report, seconds: (performance.now() - begun) / 1000 };
  } finally {
    await project.remove();
  }
}

function recordPushes(project: Project): () => string[] {
  const file = path.join(project.box.dir, 'pushes');
  project.box.write(path.join(project.origin, 'hooks/update'), `#!/bin/sh\necho "$1 $3" >> '${file}'\n`, 0o755);
  return () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []);
}

async function kill(project: Project, app: App, env: Record<string, string>, options: CampaignOptions) {
  const random = seeded(options.seed);
  const targets = new Map<string, Target>();
  const phases: Record<string, number> = {};
  const counts = { killed: 0, daemonsKilled: 0, escaped: 0 };
  let started = 0;

  /** A task that ended before its moment came is replaced, so that the number of kills is what was asked for. */
  const startTask = async (): Promise<void> => {
    const index = started++;
    const two = needsTwoTurns(index);
    const target: Omit<Target, 'id'> = {
      progress: Math.floor(random() * PHASES.length * (two ? 2 : 1)),
      delayMs: random() * 80,
      state: 'waiting',
    };
    const { id } = await app.start({ prompt: `Make it good${two ? ' in two turns' : ''}, ${index}`, checks: CHECK });
    targets.set(id, { ...target, id });
  };
  for (let i = 0; i < options.kills; i++) await startTask();

  const daemons: ChildProcess[] = [];
  const startDaemon = (): void => void daemons.push(project.spawnAmpa(['daemon', '--start-scheduler'], env));
  startDaemon();
  startDaemon();
  const daemonAt = Array.from({ length: options.daemonKills }, () => Math.floor(random() * options.kills));

  const shoot = async (target: Target): Promise<void> => {
    const task = await app.find(target.id);
    const pid = task.owner === null ? null : await carrierPid(app, task, options.early === true);
    if (pid === null || !isActive(task.status)) {
      target.state = isActive(task.status) ? 'waiting' : 'escaped';
      return;
    }
    if (!endNow(pid)) {
      target.state = 'waiting';
      return;
    }
    target.state = 'killed';
    phases[task.phase ?? task.status] = (phases[task.phase ?? task.status] ?? 0) + 1;
    if (daemonAt.includes(counts.killed)) {
      daemons.shift()?.kill('SIGKILL');
      counts.daemonsKilled++;
      startDaemon();
    }
    counts.killed++;
  };

  const shots = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  const aim = (target: Target): void => {
    target.state = 'aimed';
    const shot = new Promise((resolve) => setTimeout(resolve, target.delayMs))
      .then(() => shoot(target))
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => shots.delete(shot));
    shots.add(shot);
  };

  await until(
    `all tasks have ended (seed ${options.seed})`,
    async () => {
      if (failure) throw failure.error;
      const { tasks } = await app.list({ statuses: ['queued', 'running', 'retrying'] });
      for (const task of tasks) {
        const target = targets.get(task.id);
        assert.ok(target, 'a task that nobody started');
        if (target.state === 'waiting' && task.status !== 'queued' && progress(task) >= target.progress) aim(target);
      }
      if (tasks.length > 0 || shots.size > 0) return false;
      if (counts.killed >= options.kills || started >= options.kills * 3) return true;
      counts.escaped = started - counts.killed;
      while (started - counts.escaped < options.kills) await startTask();
      return false;
    },
    options.timeoutMs,
  );
  for (const child of daemons) child.kill('SIGTERM');
  await until('the daemons have ended', () => daemons.every((it) => it.exitCode !== null || it.signalCode !== null));
  assert.ok(counts.killed >= options.kills, `${counts.killed} of ${options.kills} killed (seed ${options.seed})`);
  return { ...counts, phases };
}

/** False: it has just ended by itself. */
function endNow(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** The process that carries a task; null when it is not known, or is not there yet. */
async function carrierPid(app: App, task: Task, early: boolean): Promise<number | null> {
  const host = (await app.hosts()).find((it) => it.id === task.owner);
  if (host) return host.pid;
  return early
    ? (commandLines().find(({ args }) => args.includes('work') && args.includes(task.id))?.pid ?? null)
    : null;
}

function commandLines(): { pid: number; args: string[] }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      return args[0] === '' ? [] : [{ pid: Number(name), args }];
    } catch {
      // It ended while we looked.
      return [];
    }
  });
}

/** What the kills must not have changed. */
async function verify(project: Project, app: App, pushed: string[]): Promise<void> {
  const { box, origin, repo } = project;
  const { tasks } = await app.list({});
  const bySubject = new Map<string, string[]>();
  for (const line of pushed) {
    const [ref = '', sha = ''] = line.split(' ');
    bySubject.set(ref, [...(bySubject.get(ref) ?? []), sha]);
  }
  for (const task of tasks) {
    const detail = await app.show(task.id);
    const story = JSON.stringify(detail.events.map((it) => [it.status, it.phase, it.reason, it.note]));
    const turns = task.request.includes('two turns') ? 2 : 1;
    assert.equal(task.status, 'success', `${task.reason} ${task.reason_detail} ${story}`);
    assert.equal(task.attempts, turns, `an interrupted turn keeps its number: ${story}`);
    assert.equal(box.git(origin, 'rev-parse', task.branch), task.head_sha);
    assert.equal(box.git(origin, 'show', `${task.branch}:state.txt`), 'good');
    assert.equal(box.git(origin, 'rev-list', '--count', `main..${task.branch}`), String(turns), story);
    const commits = bySubject.get(`refs/heads/${task.branch}`) ?? [];
    assert.equal(new Set(commits).size, commits.length, `a commit was pushed twice: ${commits.join()}`);
    assert.equal(commits.length, turns, `pushes of ${task.branch}: ${commits.join()} ${story}`);
    assert.deepEqual(processesOf(task.id), [], 'a process is left');
  }
  const left = await until('no process of the project is left', () => {
    const found = commandLines().filter(
      ({ pid, args }) => pid !== process.pid && args.some((it) => it.includes(box.dir)),
    );
    return found.length === 0 ? 'none' : null;
  });
  assert.equal(left, 'none');
  assert.equal(box.git(repo, 'worktree', 'list', '--porcelain').match(/^worktree /gm)?.length, tasks.length + 1);
  assert.equal(box.git(repo, 'status', '--porcelain').replace(/^\?\? \.worklog\/$/m, ''), '');
}
