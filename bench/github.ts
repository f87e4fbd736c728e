/**
 * What waiting for CI costs, and how soon its end is seen: our waiting beside `gh run watch`, which
 * asks every 3 s, on the same runs of the same fake GitHub, in simulated time. The watch loop, the
 * store and the adapter are the real ones; each task has a client of its own, as each carrier is a
 * process of its own.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { monotonicFactory } from 'ulid';
import { createGitHub } from '../src/adapters/github/github.ts';
import { openDatabase } from '../src/adapters/sqlite/open.ts';
import { createTaskBoard } from '../src/adapters/sqlite/taskBoard.ts';
import { createTaskQueue } from '../src/adapters/sqlite/taskQueue.ts';
import { createTaskStore } from '../src/adapters/sqlite/taskStore.ts';
import { createWatchStore } from '../src/adapters/sqlite/watchStore.ts';
import { createWebhookStore } from '../src/adapters/sqlite/webhookStore.ts';
import { forgeChecksPhase } from '../src/tasks/phases/forgeChecks.ts';
import { startFakeGitHub } from '../test/support/fakeGitHub.ts';
import type { FakeRun } from '../test/support/fakeGitHubState.ts';
import { makeTask } from '../test/support/repo.ts';
import { ACME_FORGE, carryOfChecks } from '../test/support/checksPhase.ts';
import { seeded } from '../test/support/seeded.ts';
import { simulatedTime } from './simulatedTime.ts';
import { median, percentile, type Row } from './table.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** On the way to GitHub and back. */
const LATENCY_MS = 250;
/** Another process sees a change of the store by its version, which it reads this often. */
const NOTICE_MS = 200;

/** What a push sets going: workflows with their usual length, and how often a push is of this kind. */
const KINDS: readonly { share: number; workflows: Readonly<Record<string, number>> }[] = [
  { share: 0.4, workflows: { CI: 6 * MINUTE } },
  { share: 0.3, workflows: { CI: 6 * MINUTE, 'End to end': 15 * MINUTE } },
  { share: 0.15, workflows: { Docs: 3 * MINUTE } },
  // A workflow that nobody has seen before, of 3 to 20 minutes.
  { share: 0.15, workflows: {} },
];
/** Of a run around its usual length, as a share of it: standard deviation. */
const SPREAD = 0.08;

interface Waiting {
  tasks: number;
  hours: number;
  /** How long `gh run watch` runs beside it after the first hour, ms: it costs the bench as much as it costs GitHub. */
  peerMs: number;
  /** GitHub's webhooks come in, too. */
  webhooks?: boolean;
}

interface Figures {
  /** Counted requests of the busiest hour. */
  perHour: number;
  /** From the end of a commit's last run to the verdict, ms. */
  delays: number[];
}

/** Tasks that push, wait for their checks and push again, for some hours. */
async function waitFor({ tasks, hours, peerMs, webhooks = false }: Waiting): Promise<{ ours: Figures; gh: Figures }> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ampa-bench-github-'));
  const begin = Date.parse('2026-01-01T00:00:00Z');
  const time = simulatedTime(begin);
  const random = seeded(tasks);
  const fake = await startFakeGitHub({ now: time.now });
  for (const limit of Object.values(fake.limits)) limit.remaining = limit.limit = 1e9;
  const hub = fake.repo('acme/widget');
  hub.refs.set('main', 'a'.repeat(40));
  const database = await openDatabase({ file: path.join(dir, 'ampa.db'), backupDir: dir, now: time.now });
  const newId = monotonicFactory();
  const board = createTaskBoard(database.db, time.now);
  /** Of runs by their id, and of commits, whose last run it was. */
  const endedAt = new Map<number | string, number>();
  const ours = { requests: [] as number[], delays: [] as number[] };
  const gh = { requests: [] as number[], delays: [] as number[] };
  const peer = { from: begin + HOUR, to: begin + HOUR + peerMs };

  // Those who wait in other processes learn of a write a moment later.
  const listeners = new Set<() => void>();
  let version = database.version();
  const lookForWrites = (): void => {
    if (version === database.version()) return;
    version = database.version();
    time.after(NOTICE_MS, () => {
      for (const listener of listeners) listener();
    });
  };
  const telling = <T extends object>(store: T): T =>
    new Proxy(store, {
      get(target, name) {
        const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          const result = await method.apply(target, args);
          lookForWrites();
          return result;
        };
      },
    });
  const store = telling({ ...createTaskStore(database, time.now), ...createTaskQueue(database, time.now) });
  const watches = createWatchStore(database.db, time.now);
  const news = telling(createWebhookStore(database.db, time.now));
  const asked =
    (requests: number[]) =>
    async (url: string, init?: RequestInit): Promise<Response> => {
      await time.sleep(LATENCY_MS / 2);
      const response = await fetch(url, init);
      if (response.status !== 304) requests.push(time.now());
      await time.sleep(LATENCY_MS / 2);
      return response;
    };

  const spread = (usual: number): number => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return usual * Math.max(0.5, 1 + SPREAD * normal);
  };
  let pushes = 0;
  function push(): { sha: string; runs: FakeRun[] } {
    const sha = (++pushes).toString(16).padStart(40, '0');
    let share = random();
    const kind = KINDS.find((it) => (share -= it.share) < 0) ?? KINDS.at(-1)!;
    const known = Object.entries(kind.workflows).map(([name, usual]) => [name, spread(usual)] as const);
    const plan = known.length > 0 ? known : [[`New ${pushes}`, (3 + 17 * random()) * MINUTE] as const];
    hub.refs.set(`amp/${pushes}`, sha);
    let running = plan.length;
    const runs = plan.map(([workflow, ms]) => {
      const run = hub.run(sha, { workflow, jobs: ['build', 'test'] });
      const queued = (3 + 12 * random()) * SECOND;
      time.after(queued, () => hub.start(run));
      time.after(queued + ms, () => {
        hub.finish(run);
        endedAt.set(run.id, time.now());
        if (webhooks) time.live(() => deliver(run));
        if (--running === 0) endedAt.set(sha, time.now());
      });
      return run;
    });
    return { sha, runs };
  }

  async function deliver({ id, sha }: FakeRun): Promise<void> {
    await time.sleep(LATENCY_MS);
    await news.take(`delivery ${id}`, { repo: 'github.com/acme/widget', shas: [sha], pullRequests: [], ended: true });
  }

  async function wait(sha: string): Promise<void> {
    const task = await board.insert(
      makeTask({ id: newId(time.now()), repo: '/repo', checks: { provider: 'github' }, forge: ACME_FORGE }),
    );
    const claim = (await store.claimQueued(task.id, newId(time.now()), Number.MAX_SAFE_INTEGER))!;
    const checking = await store.apply(claim, { type: 'advance', phase: 'checks' }, { head_sha: sha, pushed_sha: sha });
    const { forge } = await createGitHub({
      env: { GITHUB_TOKEN: fake.token, AMPA_GITHUB_API_URL: fake.url },
      now: time.now,
      fetch: asked(ours.requests),
      // Writes are not spaced out by the wall's clock, which stands still here.
      secondMs: 1,
    });
    const carry = carryOfChecks(claim, forge, {
      store,
      watches: telling({
        ...watches,
        async endWatch(it) {
          ours.delays.push(time.now() - endedAt.get(sha)!);
          return watches.endWatch(it);
        },
      } satisfies typeof watches),
      clock: time,
      onChange(listener: () => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    });
    const { status, reason } = await forgeChecksPhase(carry, checking);
    if (status !== 'success') throw new Error(`a task ended as ${status}, ${reason}`);
  }

  /** As `gh run watch` does: the run, its jobs and its workflow, every 3 s. */
  async function watchByGh(run: FakeRun): Promise<void> {
    const ask = asked(gh.requests);
    const get = async (at: string) => {
      const headers = { authorization: `bearer ${fake.token}` };
      return (await ask(`${fake.url}/repos/acme/widget/actions/${at}`, { headers })).json() as Promise<{
        status?: string;
      }>;
    };
    await time.sleep(Math.max(0, peer.from - time.now()));
    if (run.status === 'completed') return;
    for (let tick = time.now(); tick < peer.to; tick += 3 * SECOND) {
      await time.sleep(Math.max(0, tick - time.now()));
      const { status } = await get(`runs/${run.id}`);
      await get(`runs/${run.id}/jobs?per_page=100`);
      await get('workflows?per_page=1');
      if (status !== 'completed') continue;
      gh.delays.push(time.now() - endedAt.get(run.id)!);
      return;
    }
  }

  for (let i = 0; i < tasks; i++) {
    time.live(async () => {
      await time.sleep(random() * 5 * MINUTE);
      while (time.now() < begin + hours * HOUR) {
        const { sha, runs } = push();
        if (peerMs > 0 && time.now() < peer.to) for (const run of runs) time.live(() => watchByGh(run));
        await wait(sha);
        // It is at once followed by another, so that there are always as many that wait.
        await time.sleep((1 + 9 * random()) * SECOND);
      }
    });
  }
  try {
    await time.ended();
  } finally {
    await fake.close();
    await database.close();
    fs.rmSync(dir, { recursive: true, force: true });
  }
  return {
    ours: { perHour: busiest(ours.requests, HOUR), delays: ours.delays },
    gh: { perHour: busiest(gh.requests, peerMs) * (HOUR / Math.max(peerMs, 1)), delays: gh.delays },
  };
}

/** The most of these moments that lie within `ms`. */
function busiest(moments: readonly number[], ms: number): number {
  let most = 0;
  for (let first = 0, last = 0; last < moments.length; last++) {
    while (moments[last]! - moments[first]! >= ms) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

const MOST_REQUESTS = 300;
const MOST_DELAY_MS = 6 * SECOND;
const MOST_WEBHOOK_DELAY_MS = SECOND;

export async function githubWaiting(): Promise<Row[]> {
  const plans: Waiting[] = [
    { tasks: 1, hours: 3, peerMs: HOUR },
    { tasks: 10, hours: 2, peerMs: 5 * MINUTE },
    { tasks: 10, hours: 1, peerMs: 0, webhooks: true },
  ];
  const figures = await Promise.all(plans.map(waitFor));
  return figures.flatMap(({ ours, gh }, i) => rowsOf(plans[i]!, ours, gh));
}

function rowsOf({ tasks, hours, webhooks = false }: Waiting, ours: Figures, gh: Figures): Row[] {
  const most = webhooks ? MOST_WEBHOOK_DELAY_MS : MOST_DELAY_MS;
  const beside = gh.delays.length > 0;
  const s = (ms: number): string => (ms / SECOND).toFixed(1);
  return [
    {
      what: `${tasks} waiting ${tasks === 1 ? 'task' : 'tasks'}, ${webhooks ? 'webhooks' : 'polling'}: counted requests in the busiest of ${hours} h`,
      ours: ours.perHour.toFixed(0),
      theirs: beside ? `${gh.perHour.toFixed(0)} gh run watch` : '',
      ratio: beside ? (ours.perHour / gh.perHour).toFixed(3) : '',
      budget: String(MOST_REQUESTS),
      ok: ours.perHour <= MOST_REQUESTS,
    },
    {
      what: `the same: end of CI to verdict, median s (p95 ${s(percentile(ours.delays, 95))}; ${ours.delays.length} commits)`,
      ours: s(median(ours.delays)),
      theirs: beside ? `${s(median(gh.delays))} (p95 ${s(percentile(gh.delays, 95))})` : '',
      ratio: beside ? (median(ours.delays) / median(gh.delays)).toFixed(1) : '',
      budget: s(most),
      ok: median(ours.delays) <= most,
    },
  ];
}
