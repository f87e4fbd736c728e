import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createHubProject, type HubProject } from '../support/hubProject.ts';

const GIT = 'Ada Tester <ada@example.org>';
const AGENT = 'cat >/dev/null; echo good > state.txt';

describe('whose a task is', () => {
  let it_: HubProject;
  beforeEach(async () => {
    it_ = await createHubProject('ampa-team-');
  });
  afterEach(() => it_.remove());
  const asked = (): number => it_.fake.requests.filter((it) => it === 'GET /user').length;

  it('is the login on GitHub, which is asked for once', async () => {
    const app = await it_.open(AGENT);
    assert.deepEqual(await app.me(), [GIT], 'nothing is known yet, and nobody is asked');
    assert.equal(asked(), 0);
    assert.equal((await app.start({ prompt: 'One' })).created_by, 'octocat');
    assert.equal((await app.start({ prompt: 'Two' })).created_by, 'octocat');
    const other = await it_.open(AGENT);
    assert.equal((await other.start({ prompt: 'Three' })).created_by, 'octocat');
    assert.equal(asked(), 1);
    assert.deepEqual(await other.me(), ['octocat', GIT]);
    const kept = readFileSync(path.join(it_.project.box.dir, 'state/ampa/logins.json'), 'utf8');
    assert.match(kept, /octocat/);
    assert.doesNotMatch(kept, new RegExp(it_.fake.token));
  }).timeout(90_000);

  it('is what git says where GitHub does not, and the task starts all the same', async () => {
    it_.fake.fault = ({ path: at }) => (at === '/user' ? 'hang' : null);
    const app = await it_.open(AGENT, {}, { loginMs: 200 });
    assert.equal((await app.start({ prompt: 'One' })).created_by, GIT);
    it_.fake.fault = ({ path: at }) => (at === '/user' ? 'drop' : null);
    assert.equal((await app.start({ prompt: 'Two' })).created_by, GIT);
    it_.project.box.git(it_.project.repo, 'remote', 'set-url', 'origin', it_.project.origin);
    const local = await it_.open(AGENT);
    assert.equal((await local.start({ prompt: 'Three', checks: 'true' })).created_by, GIT);
  }).timeout(90_000);

  it('makes `ls` show mine under both names, and `ls --all` everyone’s', async () => {
    const env = { ...it_.env, AMPA_AGENT_COMMAND: AGENT };
    const app = await it_.open(AGENT);
    await app.start({ prompt: 'By login' });
    it_.fake.fault = ({ path: at }) => (at === '/user' ? 'drop' : null);
    it_.fake.tokens.set('gho_another_token_of_mine', { login: 'octocat' });
    const elsewhere = await it_.open(AGENT, { GITHUB_TOKEN: 'gho_another_token_of_mine' });
    assert.equal((await elsewhere.start({ prompt: 'By git' })).created_by, GIT);
    it_.project.box.config('user.email', 'bob@example.org');
    await elsewhere.start({ prompt: 'By Bob' });
    it_.project.box.config('user.email', 'ada@example.org');
    const titles = async (...args: string[]): Promise<string[]> => {
      const { stdout } = await it_.project.ampa(['ls', '--json', ...args], env);
      return (JSON.parse(stdout) as { tasks: { title: string }[] }).tasks.map((task) => task.title).toSorted();
    };
    assert.deepEqual(await titles(), ['By git', 'By login']);
    assert.deepEqual(await titles('--all'), ['By Bob', 'By git', 'By login']);
  }).timeout(60_000);

  it('and what is left on GitHub is told without a request', async () => {
    const app = await it_.open(AGENT);
    assert.equal(await app.github(), null);
    assert.equal(it_.fake.requests.length, 0);
    it_.hub.workflow({ name: 'CI', on: ['pull_request'], jobs: ['build'] });
    it_.startCi(() => ({}));
    const { id } = await app.start({ prompt: 'Make it good' });
    const task = await app.carryHere(id, new AbortController().signal);
    assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
    const before = it_.fake.requests.length;
    const told = await app.github();
    assert.equal(it_.fake.requests.length, before);
    assert.equal(told?.login, 'octocat');
    assert.match(told.identity, /GITHUB_TOKEN/);
    assert.deepEqual(told.lacks, []);
    assert.equal(told.budget?.limit, 5000);
    assert.ok(told.budget.remaining < 5000);
  }).timeout(60_000);
});
