/** A project whose remote is acme/widget on a fake GitHub, and runners that finish what is pushed to it. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { App } from '../../src/app/api.ts';
import type { Clock } from '../../src/tasks/ports.ts';
import { fastClock } from './fastClock.ts';
import { startFakeGitHub, type FakeGitHub } from './fakeGitHub.ts';
import type { Conclusion, FakeCheckRun, FakeRepo } from './fakeGitHubState.ts';
import { createProject, type HostOptions, type Project } from './project.ts';

/** How each job of a run ends, the others green; null: not yet. */
export type Judge = (sha: string) => Record<string, Conclusion | Partial<FakeCheckRun>> | null;

/** A job whose only step failed, with what it printed. */
export function failedJob(...lines: string[]): Partial<FakeCheckRun> {
  const line = (second: number, text: string): string => `2026-01-01T00:00:0${second}.0000000Z ${text}\n`;
  return {
    conclusion: 'failure',
    steps: [
      {
        name: 'Run npm test',
        number: 1,
        status: 'completed',
        conclusion: 'failure',
        started_at: '2026-01-01T00:00:00Z',
        completed_at: '2026-01-01T00:00:02Z',
      },
    ],
    log: [
      line(0, '##[group]Run npm test'),
      ...lines.map((text) => line(1, text)),
      line(2, '##[error]Process completed with exit code 1.'),
    ].join(''),
  };
}

/** The usual failure: what MENDING_AGENT mends. */
export const NOT_GOOD = failedJob('FAIL: state.txt is not good: error 42');

export interface HubProject {
  project: Project;
  fake: FakeGitHub;
  hub: FakeRepo;
  /** What a process needs to find the fake and to be somebody there. */
  env: Record<string, string>;
  open(agent: string, extra?: Record<string, string>, patience?: HostOptions['patience']): Promise<App>;
  /** GitHub learns of the pushes so far. */
  seePushes(): void;
  startCi(judge: Judge): { stop(): Promise<void> };
  /** Content of a file of a pushed commit. */
  fileAt(sha: string, file: string): string;
  remove(): Promise<void>;
}

/** The tasks' branches, read without a process: the runners look often. */
function branchesOf(origin: string): [branch: string, sha: string][] {
  const dir = path.join(origin, 'refs/heads/amp');
  try {
    return readdirSync(dir, { recursive: true, withFileTypes: true }).flatMap((entry) => {
      if (!entry.isFile() || entry.name.endsWith('.lock')) return [];
      const file = path.join(entry.parentPath, entry.name);
      return [[`amp/${path.relative(dir, file)}`, readFileSync(file, 'utf8').trim()]];
    });
  } catch (error) {
    // There is none yet, or one was deleted meanwhile: the next look sees the others.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** `speed`: how fast the clock of the engine and of GitHub runs. */
export async function createHubProject(name = 'ampa-hub-', speed = 20): Promise<HubProject> {
  const project = createProject(name);
  const { box, repo, origin } = project;
  const clock: Clock = fastClock(speed);
  const fake = await startFakeGitHub({ now: () => clock.now() });
  const hub = fake.repo('acme/widget');
  hub.refs.set('main', box.git(repo, 'rev-parse', 'main'));
  hub.files['.github/workflows/ci.yml'] = 'on: pull_request';
  // The remote is GitHub's address; git finds the bare repository behind it.
  box.config(`url.${origin}.insteadOf`, 'https://github.com/acme/widget.git');
  box.git(repo, 'remote', 'set-url', 'origin', 'https://github.com/acme/widget.git');
  const env = { GITHUB_TOKEN: fake.token, AMPA_GITHUB_API_URL: fake.url };
  const seen = new Map<string, string>();
  const contents = new Map<string, string>();
  const running = new Set<{ stop(): Promise<void> }>();

  const it: HubProject = {
    project,
    fake,
    hub,
    env,
    open: (agent, extra = {}, patience = {}) =>
      project.open(
        agent,
        { ...env, ...extra },
        { clock: fastClock(speed), patience: { secondMs: 1000 / speed, loginMs: 60_000, ...patience } },
      ),
    seePushes() {
      for (const [branch, sha] of branchesOf(origin)) {
        if (seen.get(branch) === sha) continue;
        seen.set(branch, sha);
        hub.push(sha, branch);
      }
    },
    startCi(judge) {
      const going = new AbortController();
      const loop = (async () => {
        while (!going.signal.aborted) {
          it.seePushes();
          for (const run of hub.runs) {
            const verdict = run.status === 'completed' ? null : judge(run.sha);
            if (verdict) hub.finish(run, verdict);
          }
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      })();
      const ci = {
        stop() {
          going.abort();
          running.delete(ci);
          return loop;
        },
      };
      running.add(ci);
      return ci;
    },
    fileAt(sha, file) {
      const key = `${sha}:${file}`;
      const content = contents.get(key) ?? box.git(origin, 'show', key);
      contents.set(key, content);
      return content;
    },
    async remove() {
      for (const ci of running) await ci.stop();
      await project.remove();
      await fake.close();
    },
  };
  return it;
}
