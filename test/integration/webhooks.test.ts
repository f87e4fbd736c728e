import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { createEmulator } from 'emulate';
import { monotonicFactory } from 'ulid';
import { openDatabase, type OpenDatabase } from '../../src/adapters/sqlite/open.ts';
import { createWebhookStore } from '../../src/adapters/sqlite/webhookStore.ts';
import { createTaskBoard } from '../../src/adapters/sqlite/taskBoard.ts';
import { createTaskQueue } from '../../src/adapters/sqlite/taskQueue.ts';
import { createTaskStore } from '../../src/adapters/sqlite/taskStore.ts';
import { createWatchStore } from '../../src/adapters/sqlite/watchStore.ts';
import { fullAllowance, spend } from '../../src/tasks/pollPolicy.ts';
import { startFakeGitHub, type FakeGitHub } from '../support/fakeGitHub.ts';
import { freePort } from '../support/freePort.ts';
import { createProject, type Project } from '../support/project.ts';
import { makeTask } from '../support/repo.ts';
import { until } from '../support/until.ts';
import { ACME_FORGE } from '../support/checksPhase.ts';
import { deliver, payloadsOf } from '../support/webhooks.ts';

const SECRET = 'a secret of ours';
const SHA = 'c'.repeat(40);
const FORGE = { ...ACME_FORGE, owner: 'Acme' };

/** A real payload, about a commit of ours. */
function about(event: string, sha: string, more: { pull?: number; repository?: string } = {}) {
  const payload = payloadsOf(event).find((it) => it['action'] === undefined || it['action'] === 'completed')!;
  const repository = payload['repository'] as Record<string, unknown>;
  repository['html_url'] = more.repository ?? 'https://github.com/acme/widget';
  if (event === 'status') Object.assign(payload, { sha, state: 'success' });
  else Object.assign(payload[event] as object, { head_sha: sha, pull_requests: [] });
  return payload;
}

describe('a webhook of GitHub', () => {
  let project: Project;
  let database: OpenDatabase;
  let url: string;
  const newId = monotonicFactory();
  /** When a look is due without a webhook. */
  let later: number;

  beforeEach(async () => {
    project = createProject('ampa hook ');
    later = Date.now() + 59_000;
    const dir = path.join(project.repo, '.worklog/ampa');
    mkdirSync(dir, { recursive: true });
    database = await openDatabase({
      file: path.join(dir, 'ampa.db'),
      backupDir: path.join(project.box.dir, 'b'),
      now: Date.now,
    });
    // A task that another process carries waits for its checks, and is looked at later.
    const tasks = { ...createTaskStore(database, Date.now), ...createTaskQueue(database, Date.now) };
    const { id } = await createTaskBoard(database.db, Date.now).insert(
      makeTask({ id: newId(), repo: project.repo, checks: { provider: 'github' }, forge: FORGE }),
    );
    const claim = (await tasks.claimQueued(id, 'host', 99))!;
    await tasks.apply(claim, { type: 'advance', phase: 'checks' }, { head_sha: SHA, pushed_sha: SHA });
    const watches = createWatchStore(database.db, Date.now);
    const since = Date.now() - 60_000;
    await watches.watch(claim, { repo: 'github.com/Acme/widget', sha: SHA, pullRequest: 7, since });
    await watches.leadWatch('github.com/Acme/widget', 'host');
    await plan();
    // It does not end under us.
    await database.db
      .updateTable('tasks')
      .set({ lease_expires_at: Date.now() + 3600_000 })
      .execute();
    const env = { AMPA_METRICS_PORT: '0', AMPA_GITHUB_WEBHOOK_SECRET: SECRET };
    const app = await project.open('cat', env, { asks: true });
    await app.startEngine();
    ({ url } = await until('it serves', () => app.server()));
  });
  afterEach(async () => {
    await database.close();
    await project.remove();
  });

  const plan = async (looks = 1): Promise<void> => {
    let allowance = fullAllowance(Date.now() - 10_000);
    for (let i = 0; i < looks; i++) allowance = spend(allowance, Date.now() - 10_000);
    await database.db
      .updateTable('watchers')
      .set({ next_at: later, allowance: JSON.stringify(allowance) })
      .execute();
  };
  const nextLook = async (): Promise<number> =>
    (await database.db.selectFrom('watchers').select('next_at').executeTakeFirstOrThrow()).next_at;
  const isWoken = async (): Promise<boolean> => (await nextLook()) < later;
  const code = (body: unknown): string => (body as { error: { code: string } }).error.code;

  for (const event of ['workflow_run', 'check_run', 'status']) {
    it(`makes a look due now: ${event}`, async () => {
      const answer = await deliver(url, { event, payload: about(event, SHA), secret: SECRET });
      assert.deepEqual(answer, { status: 202, body: { accepted: true } });
      assert.ok((await nextLook()) <= Date.now());
    });
  }

  it('makes a look due now for the pull request that a task waits in', async () => {
    const [payload] = payloadsOf('pull_request');
    Object.assign(payload!, { action: 'reopened' });
    Object.assign(payload!['repository'] as object, { html_url: 'https://github.com/acme/widget' });
    Object.assign(payload!['pull_request'] as object, { number: 7 });
    assert.equal((await deliver(url, { event: 'pull_request', payload, secret: SECRET })).status, 202);
    assert.ok(await isWoken());
  });

  it('may come as a form', async () => {
    const payload = new URLSearchParams({ payload: JSON.stringify(about('check_run', SHA)) }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    assert.equal((await deliver(url, { event: 'check_run', payload, secret: SECRET, headers })).status, 202);
    assert.ok(await isWoken());
  });

  it('without a signature, or with a wrong one, does nothing', async () => {
    const payload = about('check_run', SHA);
    for (const [secret, headers] of [
      ['another secret', {}],
      [SECRET, { 'x-hub-signature-256': '' }],
      [SECRET, { 'x-hub-signature-256': 'sha256=00' }],
    ] as const) {
      const { status, body } = await deliver(url, { event: 'check_run', payload, secret, headers });
      assert.deepEqual([status, code(body)], [401, 'unauthorized']);
    }
    assert.equal(await isWoken(), false);
    assert.deepEqual(await database.db.selectFrom('webhooks').selectAll().execute(), [], 'nothing is remembered of it');
  });

  it('does its work once, however often it comes', async () => {
    const hook = { event: 'check_run', payload: about('check_run', SHA), secret: SECRET, id: 'one' };
    assert.deepEqual((await deliver(url, hook)).body, { accepted: true });
    await plan();
    assert.deepEqual(await deliver(url, hook), { status: 202, body: { accepted: false } });
    assert.equal(await isWoken(), false);
    assert.deepEqual((await deliver(url, { ...hook, id: 'two' })).body, { accepted: true });
    assert.ok(await isWoken());
  });

  it('is forgotten after some days', async () => {
    let now = Date.now();
    const store = createWebhookStore(database.db, () => now);
    assert.equal(await store.take('one', null), true);
    now += 8 * 24 * 3600_000;
    assert.equal(await store.take('two', null), true);
    const ids = (await database.db.selectFrom('webhooks').select('id').execute()).map((row) => row.id);
    assert.deepEqual(ids, ['two']);
  });

  it('of another repository, of another commit, or of another kind wakes nobody', async () => {
    const repository = 'https://github.com/acme/other';
    const hooks = [
      { event: 'check_run', payload: about('check_run', SHA, { repository }) },
      { event: 'check_run', payload: about('check_run', SHA, { repository: 'https://ghe.example/acme/widget' }) },
      { event: 'check_run', payload: about('check_run', 'd'.repeat(40)) },
      { event: 'issues', payload: payloadsOf('issues')[0] },
      { event: 'ping', payload: payloadsOf('ping')[0] },
      { event: 'tomorrow', payload: {} },
    ];
    for (const hook of hooks) assert.equal((await deliver(url, { ...hook, secret: SECRET })).status, 202, hook.event);
    assert.equal(await isWoken(), false);
  });

  it('may be 1 MiB large, and no larger', async () => {
    const text = (filler: string): string => JSON.stringify({ ...about('check_run', SHA), filler });
    const sized = (size: number): string => text('x'.repeat(size - Buffer.byteLength(text(''))));
    const large = await deliver(url, { event: 'check_run', payload: sized(1024 * 1024 + 1), secret: SECRET });
    assert.deepEqual([large.status, code(large.body)], [413, 'too_large']);
    assert.equal(await isWoken(), false);
    assert.equal((await deliver(url, { event: 'check_run', payload: sized(1024 * 1024), secret: SECRET })).status, 202);
    assert.ok(await isWoken());
  });

  it('that is not what GitHub sends is refused', async () => {
    for (const payload of ['{', '[]', '{"check_run":{}}']) {
      const { status, body } = await deliver(url, { event: 'check_run', payload, secret: SECRET });
      assert.deepEqual([status, code(body)], [400, 'usage'], payload);
    }
    const headers = { 'x-github-delivery': '' };
    assert.equal((await deliver(url, { event: 'ping', payload: {}, secret: SECRET, headers })).status, 400);
  });

  it("is taken from somebody else's GitHub, too", async () => {
    const port = await freePort();
    const emulator = await createEmulator({
      service: 'github',
      port,
      seed: {
        tokens: { ghp_x: { login: 'octocat', scopes: ['repo', 'admin:repo_hook'] } },
        github: { users: [{ login: 'octocat' }], repos: [{ owner: 'octocat', name: 'widget', auto_init: true }] },
      },
    });
    const call = async (method: string, where: string, body?: unknown): Promise<{ object: { sha: string } }> => {
      const answer = await fetch(`${emulator.url}/repos/octocat/widget${where}`, {
        method,
        headers: { authorization: 'Bearer ghp_x', 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      assert.ok(answer.ok, `${method} ${where} ${answer.status}`);
      return (await answer.json()) as { object: { sha: string } };
    };
    try {
      const config = { url: `${url}/webhooks/github`, content_type: 'json', secret: SECRET };
      await call('POST', '/hooks', { name: 'web', events: ['check_run'], config });
      const { sha } = (await call('GET', '/git/ref/heads/main')).object;
      const repo = `localhost:${port}/octocat/widget`;
      await database.db.updateTable('watches').set({ repo, sha }).execute();
      await database.db.updateTable('watchers').set({ repo }).execute();
      await call('POST', '/check-runs', { name: 'ci', head_sha: sha, status: 'completed', conclusion: 'success' });
      await until('it has come', isWoken);
    } finally {
      await emulator.close();
    }
  }).timeout(60_000);

  it('that comes while somebody looks makes them look again', async () => {
    const from = Date.now() - 500;
    await deliver(url, { event: 'check_run', payload: about('check_run', SHA), secret: SECRET });
    const watches = createWatchStore(database.db, Date.now);
    const at = Date.now();
    const look = { snapshots: [], unknown: [], error: null, allowance: spend(fullAllowance(at), at), from, at };
    await watches.saveLook('github.com/Acme/widget', 'host', { ...look, nextAt: later });
    assert.equal(await nextLook(), at + 500);
    await watches.saveLook('github.com/Acme/widget', 'host', { ...look, from: at + 1, nextAt: later });
    assert.equal(await nextLook(), later);
  });
});

describe('how soon a webhook is heard', () => {
  let project: Project;
  let fake: FakeGitHub;
  beforeEach(async () => {
    project = createProject('ampa soon ');
    fake = await startFakeGitHub();
    project.box.config(`url.${project.origin}.insteadOf`, 'https://github.com/acme/widget.git');
    project.box.git(project.repo, 'remote', 'set-url', 'origin', 'https://github.com/acme/widget.git');
  });
  afterEach(async () => {
    await project.remove();
    await fake.close();
  });

  it('is within a second, in the process that waits, from the one that serves', async () => {
    const hub = fake.repo('acme/widget');
    hub.refs.set('main', project.box.git(project.repo, 'rev-parse', 'main'));
    hub.files['.github/workflows/ci.yml'] = 'on: pull_request';
    const jobs = Array.from({ length: 10 }, (_, i) => `job ${i}`);
    hub.workflow({ name: 'CI', on: ['pull_request'], jobs });
    const env = {
      AMPA_METRICS_PORT: '0',
      AMPA_GITHUB_WEBHOOK_SECRET: SECRET,
      AMPA_AGENT_COMMAND: 'cat >/dev/null; echo good > state.txt',
      GITHUB_TOKEN: fake.token,
      AMPA_GITHUB_API_URL: fake.url,
    };
    project.spawnAmpa(['daemon', '--start-scheduler'], env);
    const started = await project.ampa(['start', '--task', 'Make it good', '--json'], env);
    const { id, branch } = JSON.parse(started.stdout) as { id: string; branch: string };
    const viewer = await project.open();
    const { url } = await until('the daemon serves', () => viewer.server());
    const tip = () => project.box.git(project.origin, 'for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`);
    const sha = await until('it is pushed', () => tip() || null);
    hub.push(sha, branch);
    await until('the pull request is there', () => hub.pullRequests.length > 0);
    const states = async () => new Map((await viewer.show(id)).checks.map((it) => [it.name, it.state]));
    await until('the checks are seen', async () => (await states()).size === jobs.length);

    const took: number[] = [];
    /** Until somebody is told, nobody looks again. */
    const store = new BetterSqlite3(path.join(project.repo, '.worklog/ampa/ampa.db'));
    const seldom = store.prepare('update watchers set next_at = ?');
    for (const [i, job] of hub.runs[0]!.jobs.entries()) {
      // One is left, so that the task goes on waiting.
      if (i === jobs.length - 1) break;
      // Jobs end seconds apart; of those that end together, within half a second, the first tells of all.
      const pause = performance.now() + 750;
      await until('the next one ends', () => performance.now() > pause);
      seldom.run(Date.now() + 59_000);
      Object.assign(job, { status: 'completed', conclusion: 'success', completed_at: new Date().toISOString() });
      const begun = performance.now();
      await deliver(url, { event: 'check_run', payload: about('check_run', sha), secret: SECRET });
      await until('it is seen', async () =>
        [...(await states())].some(([name, state]) => name.includes(job.name) && state === 'success'),
      );
      took.push(performance.now() - begun);
    }
    store.close();
    took.sort((a, b) => a - b);
    const median = took[Math.floor(took.length / 2)]!;
    console.log(
      `      heard after ${median.toFixed(0)} ms (median of ${took.length}; worst ${took.at(-1)!.toFixed(0)} ms)`,
    );
    // The later ones also show what else this machine does.
    assert.ok(took[Math.floor(took.length / 4)]! <= 1000, took.map(Math.round).join(', '));
  }).timeout(120_000);
});
