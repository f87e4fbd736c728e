import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { createEmulator, type Emulator } from 'emulate';
import type { ForgeRepo } from '../../src/tasks/task.ts';
import { createGitHub, type GitHub } from '../../src/adapters/github/github.ts';
import { freePort } from '../support/freePort.ts';
import { ACME } from '../support/github.ts';

const ALL = {
  contents: 'write',
  pull_requests: 'write',
  issues: 'write',
  workflows: 'write',
  actions: 'read',
  checks: 'read',
  statuses: 'read',
};
const app = (id: number, slug: string, key: string, permissions: Record<string, string>, account: string) => ({
  app_id: id,
  slug,
  name: slug,
  private_key: key,
  permissions,
  installations: [{ installation_id: id + 100, account, repository_selection: 'all' as const }],
});
const repoOf = (owner: string): ForgeRepo => ({ ...ACME, owner });

/** It finds one installation of an account only, so each App has its own. It answers no GraphQL and knows no commit statuses. */
describe("AMPA as a GitHub App, to somebody else's emulator", () => {
  let emulator: Emulator;
  let pem: Record<'pkcs1' | 'pkcs8', string>;
  let stranger: string;
  let signal: AbortSignal;

  before(async () => {
    const make = () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const key = make();
    const as = (type: 'pkcs1' | 'pkcs8') => key.export({ type, format: 'pem' }).toString();
    pem = { pkcs1: as('pkcs1'), pkcs8: as('pkcs8') };
    stranger = make().export({ type: 'pkcs1', format: 'pem' }).toString();
    const { pull_requests: _pulls, ...noPulls } = ALL;
    const { checks: _checks, ...noChecks } = ALL;
    emulator = await createEmulator({
      service: 'github',
      port: await freePort(),
      seed: {
        github: {
          users: [{ login: 'octocat' }],
          orgs: ['acme', 'poor', 'blind', 'other'].map((login) => ({ login })),
          repos: ['acme', 'poor', 'blind', 'other'].map((owner) => ({ owner, name: 'widget', auto_init: true })),
          apps: [
            app(12, 'ampa', pem.pkcs8, ALL, 'acme'),
            app(13, 'poor-ampa', pem.pkcs8, noPulls, 'poor'),
            app(14, 'blind-ampa', pem.pkcs8, noChecks, 'blind'),
          ],
        },
      },
    });
  });
  after(() => emulator.close());
  beforeEach(() => {
    emulator.reset();
    signal = new AbortController().signal;
  });

  const as = (id: number, key = pem.pkcs1, now = Date.now): Promise<GitHub> =>
    createGitHub({
      env: {},
      appId: String(id),
      appPrivateKey: key,
      apiUrl: emulator.url,
      now,
      secondMs: 1,
    });

  for (const type of ['pkcs1', 'pkcs8'] as const) {
    it(`signs in with a key in ${type}, finds its installation from the repository and gets a token`, async () => {
      const github = await as(12, pem[type]);
      assert.equal(await github.identity(ACME), 'app');
      assert.deepEqual(await github.forge.probe(ACME), { ok: true, login: 'ampa[bot]', missing: [] });
      assert.match((await github.forge.gitToken(ACME, signal)).password, /^ghs_/);
      assert.deepEqual(await github.forge.endedRuns(ACME, signal), { runs: [], counted: 1 });
    });
  }

  it('has a new token before the old one expires', async () => {
    let now = Date.now();
    const { forge } = await as(12, pem.pkcs8, () => now);
    const first = (await forge.gitToken(ACME, signal)).password;
    now += 50 * 60_000;
    assert.equal((await forge.gitToken(ACME, signal)).password, first);
    now += 6 * 60_000;
    assert.notEqual((await forge.gitToken(ACME, signal)).password, first);
  });

  it('says what is wrong: the key, the id, a vital permission, an App that is not installed', async () => {
    const token = async (github: Promise<GitHub>, owner = 'acme') =>
      (await github).forge.gitToken(repoOf(owner), signal);
    await assert.rejects(token(as(12, stranger)), /does not accept the private key of App 12/);
    await assert.rejects(token(as(99)), /does not accept the private key of App 99/);
    await assert.rejects(token(as(13), 'poor'), /App 13 lacks the permissions pull_requests: write on poor\/widget/);
    await assert.rejects(token(as(12), 'other'), /App 12 is not installed on other\/widget/);
  });

  it('names a permission that is missing, and can do without', async () => {
    const { forge } = await as(14);
    assert.deepEqual(await forge.probe(repoOf('blind')), {
      ok: false,
      login: 'blind-ampa[bot]',
      missing: ['checks: read'],
    });
  });

  it('opens a pull request once, tells about it, changes it and lands it; that it is ready only GraphQL can say', async () => {
    const { forge } = await as(12);
    const { password } = await forge.gitToken(ACME, signal);
    const api = async (method: string, path: string, body?: object): Promise<unknown> => {
      const response = await fetch(`${emulator.url}/repos/acme/widget/${path}`, {
        method,
        headers: { authorization: `bearer ${password}`, 'content-type': 'application/json' },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      assert.ok(response.ok, `${method} ${path}: ${response.status}`);
      return response.json();
    };
    const main = (await api('GET', 'git/ref/heads/main')) as { object: { sha: string } };
    await api('POST', 'git/refs', { ref: 'refs/heads/amp/mend', sha: main.object.sha });
    const content = Buffer.from('good\n').toString('base64');
    const made = (await api('PUT', 'contents/state.txt', { message: 'Mend', content, branch: 'amp/mend' })) as {
      commit: { sha: string };
    };
    const text = { title: 'Mend it', body: 'Because' };
    const open = () => forge.openPullRequest(ACME, { ...text, head: 'amp/mend', base: 'main', draft: true }, signal);

    const first = await open();
    assert.equal(first.kind, 'open');
    assert.deepEqual(await open(), first);
    assert.equal(((await api('GET', 'pulls?state=all')) as unknown[]).length, 1);
    const { number } = first as { number: number };
    await forge.updatePullRequest(ACME, number, { body: 'Because it was bad' }, signal);
    const { state, body, sha, mergedAt } = await forge.pullRequest(ACME, number, signal);
    assert.deepEqual([state, body, sha, mergedAt], ['open', 'Because it was bad', made.commit.sha, null]);

    await api('PATCH', `pulls/${number}`, { draft: false });
    const how = {
      method: 'squash',
      sha: made.commit.sha,
      title: 'Mend it',
      from: null,
      beforeMerge: async () => {},
    } as const;
    const merged = await forge.merge(ACME, number, how, signal);
    assert.equal(merged.kind, 'merged');
    assert.deepEqual(await forge.merge(ACME, number, how, signal), merged, 'it is not merged twice');
    const landed = await forge.pullRequest(ACME, number, signal);
    assert.equal(landed.state, 'merged');
    assert.notEqual(landed.mergedAt, null);
  });

  it('takes an issue as it stands there', async () => {
    const { forge } = await as(12);
    const { password } = await forge.gitToken(ACME, signal);
    const response = await fetch(`${emulator.url}/repos/acme/widget/issues`, {
      method: 'POST',
      headers: { authorization: `bearer ${password}`, 'content-type': 'application/json' },
      body: JSON.stringify({ title: 'It is bad', body: 'Very' }),
    });
    const { number } = (await response.json()) as { number: number };
    const issue = await forge.issue(ACME, number, signal);
    assert.deepEqual([issue.title, issue.body], ['It is bad', 'Very']);
  });
});
