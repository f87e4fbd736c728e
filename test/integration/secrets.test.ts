import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { secretValues } from '../../src/app/secrets.ts';
import { errorReport, reportText } from '../../src/app/errorReport.ts';
import type { Task } from '../../src/tasks/task.ts';
import { startGitServer, type GitServer } from '../support/gitServer.ts';
import { createHubProject, failedJob, type HubProject } from '../support/hubProject.ts';
import { CERTIFICATE } from '../support/tls.ts';
import { until } from '../support/until.ts';

const WEBHOOK = 'webhook-secret-4711-planted';

describe('the secrets of a person', () => {
  let it_: HubProject;
  let server: GitServer;
  let dumps: string;
  let said: string[];

  /** `speed` of the clock: that of a daemon is the wall's. */
  async function setUp(speed: number): Promise<void> {
    it_ = await createHubProject('ampa-secrets-', speed);
    said = [];
    const { box, repo, origin } = it_.project;
    // A real https remote, so that AMPA's own access is what pushes.
    mkdirSync(path.join(box.dir, 'served/acme'), { recursive: true });
    symlinkSync(origin, path.join(box.dir, 'served/acme/widget.git'));
    box.git(origin, 'config', 'http.receivepack', 'true');
    server = await startGitServer({
      root: path.join(box.dir, 'served'),
      env: box.env,
      tls: true,
      admits: (user, password) => user === 'x-access-token' && it_.fake.tokens.has(password),
    });
    box.config('http.sslCAInfo', box.write(path.join(box.dir, 'ca.pem'), CERTIFICATE));
    box.git(repo, 'remote', 'set-url', 'origin', `https://127.0.0.1:${server.port}/acme/widget.git`);
    dumps = path.join(box.dir, 'dumps');
    mkdirSync(dumps);
  }
  afterEach(async () => {
    await server.close();
    await it_.remove();
  });

  /** Shell that writes down all it can see of itself and of its carrier. */
  const dump = (who: string): string =>
    [
      `{ env; cat /proc/self/environ /proc/self/cmdline`,
      // One process finds those that name the repository at all: looking at each by itself costs two for every process of the machine.
      `for f in $(grep -lzxF -e '${it_.project.repo}' /proc/[0-9]*/cmdline 2>/dev/null); do p=\${f%/cmdline}; if tr '\\0' ' ' 2>/dev/null <"$p/cmdline" | grep -qF -e '--workspace ${it_.project.repo} '; then cat "$p/environ" "$p/cmdline"; fi; done`,
      `} >> '${dumps}/${who}' 2>/dev/null`,
    ].join('; ');

  async function ampa(args: string[], env: Record<string, string>): Promise<string> {
    const { code, stdout, stderr } = await it_.project.ampa(args, env);
    said.push(stdout, stderr);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** Everything below the sandbox, with what git has packed up. */
  function* allThatIsLeft(): Generator<[where: string, content: string]> {
    const { box, repo, origin } = it_.project;
    for (const file of readdirSync(box.dir, { recursive: true, encoding: 'utf8' })) {
      const full = path.join(box.dir, file);
      if (statSync(full, { throwIfNoEntry: false })?.isFile()) yield [file, readFileSync(full, 'latin1')];
    }
    for (const it of [repo, origin]) yield [`history of ${it}`, box.git(it, 'log', '--all', '-p', '--format=fuller')];
    for (const [i, text] of said.entries()) yield [`output ${i}`, text];
    for (const pull of it_.hub.pullRequests) yield ['the pull request', JSON.stringify(pull)];
  }

  /** By a daemon and the carrier that it starts. */
  async function carryThere(env: Record<string, string>): Promise<Task> {
    it_.project.spawnAmpa(['daemon', '--start-scheduler'], env);
    const { id } = JSON.parse(await ampa(['start', '--task', 'Make it good', '--json', '--verbose'], env)) as Task;
    const app = await it_.project.open(undefined, env);
    return until(
      'the task has ended',
      async () => {
        const now = await app.find(id);
        return ['queued', 'running', 'retrying'].includes(now.status) ? null : now;
      },
      90_000,
    );
  }
  /** In this process. */
  async function carryHere(env: Record<string, string>): Promise<Task> {
    const app = await it_.open(env['AMPA_AGENT_COMMAND']!, { ...env, GITHUB_TOKEN: '' });
    const { id } = await app.start({ prompt: 'Make it good' });
    return app.carryHere(id, new AbortController().signal);
  }

  async function fullRun(
    secrets: Record<string, string>,
    values: string[],
    carry: (env: Record<string, string>) => Promise<Task>,
  ): Promise<void> {
    const { box, repo } = it_.project;
    const { hub, fake } = it_;
    const env = {
      AMPA_GITHUB_API_URL: fake.url,
      AMPA_AGENT_COMMAND: [
        dump('agent'),
        // What an agent could leave behind for whoever comes after it.
        `git config core.fsmonitor '${box.dir}/fsmonitor'`,
        `git config core.hooksPath '${box.dir}/hooks'`,
        'P=$(cat); case "$P" in *"error 42"*) echo good > state.txt;; *) echo bad > state.txt;; esac',
      ].join('; '),
      AMPA_SETUP: dump('setup'),
      ...secrets,
    };
    for (const hook of ['pre-commit', 'pre-push', 'post-checkout', 'reference-transaction', 'post-merge'])
      box.write(
        path.join(box.dir, 'hooks', hook),
        `#!/bin/sh\ncat >/dev/null\n${dump(`hook-${hook}`)}\nexit 0\n`,
        0o755,
      );
    box.write(path.join(box.dir, 'fsmonitor'), `#!/bin/sh\n${dump('fsmonitor')}\nexit 1\n`, 0o755);
    hub.workflow({ name: 'CI', on: ['pull_request'], jobs: ['build'] });
    const leak = values.map((value) => value.split('\n').at(2) ?? value).join(' and ');
    const failure = failedJob(`FAIL: error 42 with ${leak}`);
    const ci = it_.startCi((sha) => ({ build: it_.fileAt(sha, 'state.txt') === 'good' ? 'success' : failure }));

    const task = await carry(env);
    await ci.stop();
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
    assert.equal(task.attempts, 2);
    assert.match(task.prompt, /error 42 with \*\*\*/);
    await ampa(['doctor', '--json', '--verbose'], env).catch(() => undefined); // It names what else is amiss.
    await ampa(['merge', task.id, '--verbose'], env);
    assert.notEqual(hub.pullRequests[0]!.mergedSha, null);
    for (const command of ['show', 'logs', 'config'])
      await ampa(command === 'config' ? [command] : [command, task.id], env);

    fake.fault = () => ({ status: 401, message: `Bad credentials: ${leak}` });
    const refused = await it_.project.ampa(['start', '--task', 'Again', '--issue', '1', '--verbose'], env);
    assert.notEqual(refused.code, 0);
    said.push(refused.stdout, refused.stderr);
    const report = errorReport(new Error(`broken by ${leak}`), ['start', '--task', leak], 1, secretValues(env));
    said.push(JSON.stringify(report), reportText(report, true));

    const children = readdirSync(dumps);
    for (const who of ['agent', 'setup', 'hook-pre-commit', 'hook-pre-push'])
      assert.ok(children.includes(who), `${who} has run`);
    assert.match(readFileSync(path.join(dumps, 'agent'), 'latin1'), /AMPA_TASK_ID=/);
    if (carry === carryThere)
      assert.match(readFileSync(path.join(dumps, 'agent'), 'latin1'), /--owner/, 'the carrier was looked at too');
    assert.ok(server.pushes >= 2, 'it was pushed over https');
    for (const [where, content] of allThatIsLeft())
      for (const value of [...values, ...fake.tokens.keys()])
        for (const line of value.split('\n').filter((it) => it.length > 12 && !it.startsWith('-----')))
          assert.ok(!content.includes(line), `${where} holds a secret: ${line.slice(0, 8)}…`);
    assert.match(readFileSync(path.join(repo, '.git/config'), 'utf8'), /fsmonitor/);
  }

  it('the token of the environment is seen by nobody, from the start to the merge', async () => {
    await setUp(1);
    const { token } = it_.fake;
    const secrets = { GITHUB_TOKEN: token, AMPA_GITHUB_WEBHOOK_SECRET: WEBHOOK };
    await fullRun(secrets, [token, WEBHOOK], carryThere);
  }).timeout(150_000);

  it('neither are the key of an App and the tokens that it fetches', async () => {
    // No faster: the command line beside it goes by the wall's clock, and a key's signature is good for minutes.
    await setUp(4);
    const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = keys.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
    const all = ['contents', 'pull_requests', 'issues', 'workflows', 'actions', 'checks', 'statuses'];
    it_.fake.app = {
      id: '12',
      slug: 'ampa',
      key: keys.publicKey,
      installations: { 'acme/widget': Object.fromEntries(all.map((it) => [it, 'write'])) },
    };
    const secrets = {
      AMPA_GITHUB_APP_ID: '12',
      AMPA_GITHUB_APP_PRIVATE_KEY: pem,
      GH_TOKEN: 'gho_of_the_person_0123456789',
      AMPA_GITHUB_WEBHOOK_SECRET: WEBHOOK,
    };
    await fullRun(secrets, [pem, secrets.GH_TOKEN, WEBHOOK], carryHere);
    assert.ok([...it_.fake.tokens.keys()].some((it) => it.startsWith('ghs_minted')));
  }).timeout(150_000);
});
