/** A project with a real engine: a sandboxed repository, the composition root, and the command line. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { App, StartRequest } from '../../src/app/api.ts';
import { createApp, type AppOptions } from '../../src/app/createApp.ts';
import { fileSettings } from '../../src/config/sources.ts';
import type { Clock } from '../../src/tasks/ports.ts';
import type { Task } from '../../src/tasks/task.ts';
import { createSandbox, type Sandbox } from './repo.ts';

/** From source, so that a test can be run as it is; `npm test` names what it has built, which starts in a third of the time. */
export const CLI = process.env['AMPA_TEST_CLI'] ?? path.resolve(import.meta.dirname, '../../src/cli/guard.ts');

export interface HostOptions {
  /** A window: it asks a person itself. */
  asks?: boolean;
  clock?: Clock;
  patience?: AppOptions['patience'];
  /** Token of the editor's GitHub session, or an editor that does not answer. */
  editorToken?: string | null | Promise<never>;
}

export interface Project {
  box: Sandbox;
  repo: string;
  origin: string;
  env: Record<string, string>;
  /** Another engine on the same workspace, closed with the project. `agent` is the shell text of a command agent. */
  open(agent?: string, env?: Record<string, string>, host?: HostOptions): Promise<App>;
  /** Records a task and carries it in this process. */
  run(app: App, request?: Partial<StartRequest>): Promise<Task>;
  /** Runs the command line to its end. */
  ampa(args: string[], env?: Record<string, string>): Promise<{ code: number; stdout: string; stderr: string }>;
  /** Starts the command line. */
  spawnAmpa(args: string[], env?: Record<string, string>): ChildProcess;
  remove(): Promise<void>;
}

/** `agent` of a test writes `bad` until its prompt names the failure. */
export const MENDING_AGENT =
  'P=$(cat); case "$P" in *"error 42"*) echo good > state.txt;; *) echo bad > state.txt;; esac; echo "I wrote $(cat state.txt)"';
export const CHECK = 'grep -q good state.txt || { echo "FAIL: state.txt is not good: error 42"; exit 1; }';

export function createProject(name = 'ampa-job-'): Project {
  const box = createSandbox(name);
  const { repo, origin } = box.withOrigin();
  const env = {
    ...box.env,
    XDG_STATE_HOME: path.join(box.dir, 'state'),
    XDG_CONFIG_HOME: path.join(box.dir, 'config'),
  };
  const opened: App[] = [];
  const children: ChildProcess[] = [];

  const project: Project = {
    box,
    repo,
    origin,
    env,
    async open(agent, extra = {}, host = {}) {
      const app = await createApp({
        folder: repo,
        kind: host.asks ? 'vscode' : 'cli',
        env: { ...env, ...(agent === undefined ? {} : { AMPA_AGENT_COMMAND: agent }), ...extra },
        settings: fileSettings,
        asks: host.asks ?? false,
        clock: host.clock,
        patience: host.patience,
        editorToken: async () => host.editorToken ?? null,
        carrier: { execPath: process.execPath, args: [CLI], env: {} },
      });
      opened.push(app);
      return app;
    },
    async run(app, request = {}) {
      const task = await app.start({ prompt: 'Make it good', checks: CHECK, ...request });
      return app.carryHere(task.id, new AbortController().signal);
    },
    ampa: (args, extra = {}) =>
      new Promise((resolve) => {
        execFile(
          process.execPath,
          [CLI, ...args],
          { cwd: repo, env: { ...env, ...extra }, maxBuffer: 64 * 1024 * 1024 },
          (error, stdout, stderr) => {
            resolve({ code: error ? (typeof error.code === 'number' ? error.code : -1) : 0, stdout, stderr });
          },
        );
      }),
    spawnAmpa(args, extra = {}) {
      const child = spawn(process.execPath, [CLI, ...args], { cwd: repo, env: { ...env, ...extra }, stdio: 'ignore' });
      children.push(child);
      return child;
    },
    async remove() {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(opened.map((app) => app.close()));
      box.remove();
    },
  };
  return project;
}

/** Pids of live processes whose environment names the task: what must not be left. Linux. */
export const processesOf = (taskId: string): number[] => processesWith((it) => it['AMPA_OWNER']?.includes(taskId));

/** The same for runs of scheduled commands in a workspace: others may run theirs on this machine. */
export const runsIn = (workspace: string): number[] =>
  processesWith((it) => it['AMPA_OWNER']?.includes('run-') && it['AMPA_WORKSPACE'] === workspace);

function processesWith(wanted: (environment: Readonly<Record<string, string>>) => boolean | undefined): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const entries = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
      const environment = Object.fromEntries(entries.map((it) => /^([^=]*)=(.*)$/s.exec(it)?.slice(1) ?? [it, '']));
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const zombie = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'Z';
      return wanted(environment) && !zombie ? [Number(name)] : [];
    } catch {
      // It ended while we looked.
      return [];
    }
  });
}
