import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import type { ServerAddress } from '../../src/app/serverAddress.ts';
import { ask, listen, type Answered, type Asked } from '../support/localServer.ts';
import { parsePrometheus } from '../support/prometheus.ts';
import { CHECK, createProject, MENDING_AGENT, type Project } from '../support/project.ts';
import { until } from '../support/until.ts';

describe('the local server', () => {
  let project: Project;
  beforeEach(() => {
    project = createProject('ampa server ');
  });
  afterEach(() => project.remove());

  /** An editor window that was asked to serve. */
  async function serve(agent = 'cat >/dev/null; echo good > state.txt', env: Record<string, string> = {}) {
    const app = await project.open(
      agent,
      { AMPA_METRICS_PORT: '0', AMPA_DISABLE_DISCORD: '1', ...env },
      { asks: true },
    );
    await app.startEngine();
    const address = await until('it serves', () => app.server());
    return { app, address };
  }
  const over =
    (address: ServerAddress) =>
    (where: string, asked: Asked = {}) =>
      ask(address.url, where, { token: address.token, ...asked });
  const code = (answer: Answered): string => answer.json<{ error: { code: string } }>().error.code;

  describe('lets in', () => {
    it('nobody without the token but to /metrics and /health', async () => {
      const { address } = await serve();
      const routes: [method: string, path: string][] = [
        ['POST', '/tasks'],
        ['GET', '/tasks'],
        ['GET', '/tasks/x'],
        ['PATCH', '/tasks/x'],
        ['GET', '/tasks/x/logs'],
        ['GET', '/events'],
        ['POST', '/respond'],
      ];
      for (const [method, where] of routes) {
        for (const token of [undefined, 'x', address.token.slice(0, -1), `${address.token}x`]) {
          const answer = await ask(address.url, where, { method, token, body: method === 'GET' ? undefined : {} });
          assert.deepEqual([answer.status, code(answer)], [401, 'unauthorized'], `${method} ${where}`);
          assert.equal(answer.headers['www-authenticate'], 'Bearer');
        }
      }
      for (const where of ['/metrics', '/health']) assert.equal((await ask(address.url, where)).status, 200);
    });

    it('no web page, whatever it asks for', async () => {
      const { address, app } = await serve();
      const asked = { method: 'POST', body: { prompt: 'Steal' } };
      for (const origin of ['https://evil.example', address.url, 'null']) {
        const answer = await over(address)('/tasks', { ...asked, headers: { origin } });
        assert.deepEqual([answer.status, code(answer)], [403, 'foreign_origin'], origin);
        assert.equal((await over(address)('/metrics', { headers: { origin } })).status, 403);
      }
      const preflight = await over(address)('/tasks', {
        method: 'OPTIONS',
        headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
      });
      assert.equal(preflight.status, 403);
      assert.ok(!('access-control-allow-origin' in preflight.headers));
      assert.equal((await app.list({})).total, 0);
    });

    it('nobody by a name that is not ours: it may have been rebound', async () => {
      const { address } = await serve();
      const { port } = new URL(address.url);
      for (const host of [`evil.example:${port}`, 'localhost:1', 'localhost', `127.0.0.1.evil.example:${port}`]) {
        const answer = await over(address)('/tasks', { headers: { host } });
        assert.deepEqual([answer.status, code(answer)], [403, 'foreign_host'], host);
        assert.equal((await ask(address.url, '/health', { headers: { host } })).status, 403, host);
      }
      assert.equal((await over(address)('/tasks', { headers: { host: `localhost:${port}` } })).status, 200);
    });

    it('no body of 65 KiB, and one of 64', async () => {
      const { address } = await serve();
      const call = over(address);
      const body = (size: number): string => {
        const empty = JSON.stringify({ repo: '/nowhere', prompt: '' });
        return JSON.stringify({ repo: '/nowhere', prompt: 'x'.repeat(size - empty.length) });
      };
      assert.equal(body(65 * 1024).length, 65 * 1024);
      const large = await call('/tasks', { method: 'POST', body: body(65 * 1024) });
      assert.deepEqual([large.status, code(large)], [413, 'too_large']);
      // Without its length said before, too.
      const chunked = await call('/tasks', {
        method: 'POST',
        body: body(65 * 1024),
        headers: { 'transfer-encoding': 'chunked' },
      });
      assert.equal(chunked.status, 413);
      const fits = await call('/tasks', { method: 'POST', body: body(64 * 1024) });
      assert.deepEqual([fits.status, code(fits)], [422, 'repository'], 'it was read');
    });

    it('no body that is not said to be JSON', async () => {
      const { address, app } = await serve();
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', undefined]) {
        const answer = await over(address)('/tasks', {
          method: 'POST',
          body: '{"prompt":"x"}',
          headers: { 'content-type': type },
        });
        assert.deepEqual([answer.status, code(answer)], [415, 'content_type'], type);
      }
      assert.equal((await app.list({})).total, 0);
    });
  });

  it('says what is wrong with a request', async () => {
    const { address } = await serve();
    const call = over(address);
    const post = (where: string, body: unknown) => call(where, { method: 'POST', body });
    const { id } = (await post('/tasks', { prompt: 'Make it good', checks: CHECK })).json<{ id: string }>();
    const patch = (body: unknown) => call(`/tasks/${id}`, { method: 'PATCH', body });
    const cases: [answer: Promise<Answered>, status: number, code: string, message?: RegExp][] = [
      [call('/nothing'), 404, 'not_found'],
      [call('/tasks', { method: 'DELETE' }), 405, 'method_not_allowed', /GET|POST/],
      [call('/tasks/ZZZZ'), 404, 'not_found', /"ZZZZ" does not exist/],
      [call('/tasks/ZZZZ/logs'), 404, 'not_found'],
      [call('/tasks?status=done'), 400, 'usage', /status/],
      [call('/tasks?limit=0'), 400, 'usage', /limit/],
      [call('/tasks?limit=x'), 400, 'usage', /limit/],
      [post('/tasks', '{"prompt":'), 400, 'usage', /not JSON/],
      [post('/tasks', {}), 400, 'usage', /prompt/],
      [post('/tasks', { prompt: ' ' }), 400, 'usage', /prompt: is empty/],
      [post('/tasks', { prompt: 'x', permissions: 'all' }), 400, 'usage', /permissions/],
      [post('/tasks', { prompt: 'x', base: 'nowhere' }), 422, 'repository'],
      [patch({}), 400, 'usage', /action/],
      [patch({ action: 'dance' }), 400, 'usage', /action/],
      [patch({ action: 'continue' }), 400, 'usage', /prompt/],
      [post('/respond', { response: 'allow' }), 400, 'usage', /prompt_id or session_id/],
      [post('/respond', { prompt_id: 'x' }), 400, 'usage', /response/],
      [post('/respond', { prompt_id: 'x', response: 'allow' }), 404, 'not_found'],
      [post('/webhooks/github', {}), 404, 'not_found', /AMPA_GITHUB_WEBHOOK_SECRET/],
    ];
    for (const [asked, status, expected, message = /./] of cases) {
      const answer = await asked;
      const { error } = answer.json<{ error: { code: string; message: string } }>();
      assert.deepEqual([answer.status, error.code], [status, expected], answer.text);
      assert.match(error.message, message);
      assert.deepEqual(Object.keys(error), ['code', 'message']);
    }
    assert.equal((await call('/tasks', { method: 'DELETE' })).headers.allow, 'POST, GET');
  }).timeout(60_000);

  it('starts a task, tells of it, continues, merges and aborts', async () => {
    const { address, app } = await serve(MENDING_AGENT);
    const call = over(address);
    const started = await call('/tasks', {
      method: 'POST',
      body: { repo: project.repo, prompt: 'Make it good', checks: CHECK },
    });
    assert.equal(started.status, 201, started.text);
    const { id, branch } = started.json<{ id: string; branch: string }>();
    assert.match(branch, /^amp\/make-it-good-/);
    assert.equal(started.headers.location, `/tasks/${id}`);
    type Row = { id: string; status: string; attempts: number; merged_at: string | null; prompt: string };
    const row = async () => (await call(`/tasks/${id}`)).json<Row>();
    const ended = (status: string) => until(status, async () => (await row()).status === status, 60_000);
    await ended('success');
    assert.equal((await row()).attempts, 2);

    const log = await call(`/tasks/${id}/logs?attempt=1`);
    assert.deepEqual([log.status, log.headers['content-type']], [200, 'text/plain; charset=utf-8']);
    assert.match(log.text, /I wrote bad/);
    assert.match((await call(`/tasks/${id.slice(-8)}/logs`)).text, /I wrote good/);
    assert.equal((await call(`/tasks/${id}/logs?tail=1`)).text.split('\n').length, 2);

    const again = await call(`/tasks/${id}`, {
      method: 'PATCH',
      body: { action: 'continue', prompt: 'error 42 more' },
    });
    assert.deepEqual([again.status, again.text], [204, '']);
    assert.match((await row()).prompt, /error 42 more/);
    await until(
      'it has ended again',
      async () => !['queued', 'running', 'retrying'].includes((await row()).status),
      60_000,
    );
    const merged = await call(`/tasks/${id}`, { method: 'PATCH', body: { action: 'merge', method: 'squash' } });
    assert.equal(merged.status, 204, merged.text);
    assert.notEqual((await row()).merged_at, null);
    const late = await call(`/tasks/${id}`, { method: 'PATCH', body: { action: 'continue', prompt: 'More' } });
    assert.deepEqual([late.status, code(late)], [409, 'illegal_transition']);

    const other = await app.start({ prompt: 'Never', checks: 'none', base: 'main' });
    const stopped = await call(`/tasks/${other.id}`, { method: 'PATCH', body: { action: 'abort' } });
    assert.equal(stopped.status, 204, stopped.text);
    assert.equal((await app.find(other.id)).status, 'aborted');
  }).timeout(120_000);

  it('gives the list in pages, newest first', async () => {
    const app = await project.open('cat', {});
    const ids: string[] = [];
    for (const n of [1, 2, 3, 4, 5]) ids.push((await app.start({ prompt: `Task ${n}`, checks: 'none' })).id);
    await app.abort(ids[2]!);
    const { address } = await serve('cat', { AMPA_MAX_CONCURRENT_TASKS: '1' });
    const call = over(address);
    type Page = { tasks: { id: string }[]; total: number; cursor: string | null };
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Page = (await call(`/tasks?limit=2&cursor=${cursor}`)).json<Page>();
      assert.equal(page.total, 5);
      seen.push(...page.tasks.map((task) => task.id));
      cursor = page.cursor;
    }
    assert.deepEqual(seen, ids.toReversed());
    const aborted = (await call('/tasks?status=aborted,error')).json<Page>();
    assert.deepEqual(aborted.tasks.map((task) => task.id).includes(ids[2]!), true);
  }).timeout(60_000);

  it('tells every change as it comes, and what was missed', async () => {
    const { address } = await serve();
    const first = await listen(address.url, address.token);
    assert.equal(first.status, 200);
    await until('it says where it is', () => first.lastId());
    // Another process makes the changes.
    const other = await project.open('cat >/dev/null; echo good > state.txt', {});
    const { id } = await other.start({ prompt: 'Make it good', checks: CHECK });
    const statuses = (events: typeof first.events): unknown[] =>
      events.filter((it) => it.event === 'task' && it.data['id'] === id).map((it) => it.data['status']);
    await until('the end is told', () => statuses(first.events).includes('success'), 60_000);
    const ids = first.events.filter((it) => it.event === 'task').map((it) => Number(it.id));
    assert.deepEqual(
      ids,
      ids.toSorted((a, b) => a - b),
    );
    first.close();
    await other.schedule.add('hello', { command: 'true', frequency_minutes: 5 });
    const again = await other.start({ prompt: 'Once more', checks: 'none' });
    const second = await listen(address.url, address.token, String(ids.at(-1)));
    await until('what was missed comes', () => second.events.some((it) => it.data['id'] === again.id));
    assert.ok(second.events.every((it) => it.event !== 'task' || Number(it.id) > ids.at(-1)!));
    await other.schedule.remove('hello');
    await until('the schedule has changed', () => second.events.some((it) => it.event === 'schedule'));
    const all = await listen(address.url, address.token, '0');
    await until('all of them', () => new Set(all.events.map((it) => it.data['id'])).size >= 2);
    const ahead = await listen(address.url, address.token, '999999');
    await until('it begins anew', () => ahead.lastId());
    assert.notEqual(ahead.lastId(), '999999', 'a restored backup goes back');
    for (const stream of [second, all, ahead]) stream.close();
  }).timeout(120_000);

  it('takes the answer to a question, once', async () => {
    const { app, address } = await serve();
    const asked = await app.startConversation('deploy', 'Which one?', { choices: ['staging', 'production'] });
    const respond = (body: object) => over(address)('/respond', { method: 'POST', body });
    const unknown = await respond({ prompt_id: 'nothing', response: 'staging' });
    assert.deepEqual([unknown.status, code(unknown)], [404, 'not_found']);
    const answer = await respond({ session_id: 'deploy', response: 'staging' });
    assert.equal(answer.status, 200, answer.text);
    const { status, prompt_id, response } = answer.json();
    assert.deepEqual([status, prompt_id, response], ['resumed', asked.id, 'staging']);
    const late = await respond({ prompt_id: asked.id, response: 'production' });
    assert.deepEqual([late.status, code(late)], [409, 'invalid_state']);
    assert.match(late.text, /HTTP/);
    await app.startConversation('two', 'This?', {});
    await app.startConversation('two', 'And this?', {});
    assert.equal((await respond({ session_id: 'two', response: 'yes' })).status, 409);
  });

  it('ends its streams and removes its address when it closes', async () => {
    const { app, address } = await serve();
    const stream = await listen(address.url, address.token);
    const idle = net.connect(Number(new URL(address.url).port), '127.0.0.1');
    await once(idle, 'connect');
    const closed = new Promise((resolve) => idle.on('close', resolve));
    await app.close();
    await until('the stream ends', stream.ended);
    await closed;
    const viewer = await project.open();
    assert.equal(await viewer.server(), null);
    await assert.rejects(ask(address.url, '/health'));
  });

  it('keeps its address where only the user can read it', async () => {
    await serve();
    const workspaces = path.join(project.env['XDG_STATE_HOME']!, 'ampa', 'workspaces');
    const [key] = readdirSync(workspaces);
    const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8);
    assert.equal(mode(path.join(workspaces, key!)), '700');
    assert.equal(mode(path.join(workspaces, key!, 'server.json')), '600');
  });

  it('is off in an editor that nobody asked to serve, and comes once somebody does', async () => {
    const app = await project.open(undefined, {}, { asks: true });
    await app.startEngine();
    const file = path.join(project.repo, '.worklog', 'ampa', '.env');
    assert.equal(await app.server(), null);
    project.box.write(file, 'AMPA_METRICS_PORT=0\n', 0o600);
    const first = await until('it serves', () => app.server());
    project.box.write(file, 'AMPA_GITHUB_WEBHOOK_SECRET=abc\nAMPA_METRICS_PORT=0\n', 0o600);
    const signed = async () => (await ask(first.url, '/webhooks/github', { method: 'POST', body: {} })).status;
    await until('the secret is known', async () => (await signed()) === 401);
    project.box.write(file, '');
    await until('it is off again', async () => (await app.server()) === null);
    await assert.rejects(ask(first.url, '/health'));
  });

  it('says that nobody on Discord hears of the work, where somebody should', async () => {
    const { address } = await serve('cat', { AMPA_DISABLE_DISCORD: '0' });
    const answer = await ask(address.url, '/health');
    const { reasons } = answer.json<{ reasons: { kind: string; detail: string }[] }>();
    assert.deepEqual([answer.status, reasons.map(({ kind }) => kind)], [503, ['channels']]);
    assert.match(reasons[0]!.detail, /Discord/);
    const other = await serve('cat', { AMPA_DISABLE_DISCORD: '0', AMPA_DISCORD_WEBHOOK: 'http://127.0.0.1:9/' });
    assert.equal((await other.app.health()).ok, true);
  });

  it('says why it is not well', async () => {
    const { address } = await serve();
    const health = async () => {
      const answer = await ask(address.url, '/health');
      const { reasons } = answer.json<{ reasons: { kind: string; detail: string }[] }>();
      return { status: answer.status, reasons };
    };
    assert.deepEqual(await health(), { status: 200, reasons: [] });
    const other = new BetterSqlite3(path.join(project.repo, '.worklog/ampa/ampa.db'));
    other.exec('begin immediate');
    try {
      const ill = await until('it sees that', async () => {
        const it = await health();
        return it.status === 503 && it;
      });
      assert.deepEqual(
        ill.reasons.map(({ kind }) => kind),
        ['database'],
      );
      assert.match(ill.reasons[0]!.detail, /The database cannot be (read|written)/);
    } finally {
      other.exec('rollback');
      other.close();
    }
    await until('it is well again', async () => (await health()).status === 200);
  }).timeout(60_000);

  it('gives figures that a strict reader takes', async () => {
    const { address, app } = await serve(MENDING_AGENT);
    const figures = async () => {
      const answer = await ask(address.url, '/metrics');
      assert.match(answer.headers['content-type']!, /^text\/plain; version=0\.0\.4/);
      const families = parsePrometheus(answer.text);
      return (name: string, labels: Record<string, string> = {}): number | undefined =>
        families
          .get(name.replace(/_(bucket|sum|count)$/, ''))
          ?.samples.find(
            (it) => it.name === name && Object.entries(labels).every(([key, value]) => it.labels[key] === value),
          )?.value;
    };
    const before = await figures();
    assert.equal(before('ampa_heartbeat_sent_total'), 0);
    assert.equal(before('ampa_heartbeat_failure_total'), 0);
    assert.equal(before('ampa_last_heartbeat_timestamp_seconds'), 0);
    assert.equal(before('ampa_outbox_depth'), 0);
    assert.equal(before('ampa_tasks', { status: 'success' }), 0);
    assert.ok(before('ampa_host_last_beat_timestamp_seconds', { kind: 'vscode' })! > 1e9);
    assert.ok(before('ampa_event_loop_delay_seconds', { quantile: '0.99' })! >= 0);

    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    await app.schedule.add('odd', { command: 'exit 3', frequency_minutes: 1 });
    await until('it is good', async () => (await app.find(id)).status === 'success', 60_000);
    // The carrier counts in its own process, and writes when it ends.
    const after = await until('all is counted', async () => {
      const it = await figures();
      const counted = it('ampa_attempts_total', { outcome: 'completed' }) === 2;
      return counted && (it('ampa_scheduler_runs_total', { result: 'failed' }) ?? 0) >= 1 && it;
    });
    assert.equal(after('ampa_tasks', { status: 'success' }), 1);
    assert.equal(after('ampa_tasks', { status: 'queued' }), 0);
    assert.equal(after('ampa_tasks', { status: 'running' }), 0);
    assert.ok(after('ampa_agent_seconds_total')! > 0);
    assert.ok(after('ampa_checks_wait_seconds_total', { provider: 'local' })! > 0);
    assert.ok(after('ampa_scheduler_lateness_seconds_count')! >= 1);
  }).timeout(120_000);
});
