import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { App } from '../../src/app/api.ts';
import type { Prompt } from '../../src/conversations/prompt.ts';
import { AmpaError } from '../../src/errors.ts';
import type { Clock } from '../../src/tasks/ports.ts';
import { startChannelServer } from '../support/channelServer.ts';
import { CLI, createProject, type Project } from '../support/project.ts';
import { ask } from '../support/localServer.ts';
import { until } from '../support/until.ts';

const code =
  (wanted: AmpaError['code'], message = /./) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof AmpaError, String(error));
    assert.equal(error.code, wanted, error.message);
    assert.match(error.message, message);
    return true;
  };
const never = new AbortController().signal;

describe('A question of a script', () => {
  let project: Project;
  let app: App;
  beforeEach(async () => {
    project = createProject('ampa-ask-');
    app = await project.open();
  });
  afterEach(() => project.remove());
  const prompts = (): string => path.join(project.repo, '.worklog/ampa/prompts');
  const json = (file: string): Record<string, unknown> =>
    JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>;

  it('is a row, a file for itself, one for its session, and a line of the log of events', async () => {
    const prompt = await app.startConversation('s-123', 'Please confirm\nthe change', {
      work_item: 'WL-1',
      choices: ['yes', 'no'],
      context: [{ role: 'user', content: 'ship it' }],
    });
    const name = path.basename(prompt.prompt_file!);
    assert.match(name, /^pending_prompt_s-123_\d{13}\.json$/);
    assert.deepEqual(json(prompt.prompt_file!), {
      prompt_id: prompt.id,
      session: 's-123',
      session_id: 's-123',
      work_item: 'WL-1',
      summary: 'Please confirm the change',
      prompt_text: 'Please confirm\nthe change',
      choices: ['yes', 'no'],
      context: [{ role: 'user', content: 'ship it' }],
      state: 'waiting_for_input',
      created_at: prompt.created_at,
      stamp: /_(\d+)\.json$/.exec(name)![1],
    });
    assert.equal(json(path.join(prompts(), 'session_s-123.json'))['state'], 'waiting_for_input');
    const resumed = await app.respond({ session: 's-123', response: 'YES', by: 'Ada (HTTP)' });
    assert.deepEqual(resumed, {
      status: 'resumed',
      session: 's-123',
      prompt_id: prompt.id,
      prompt_file: prompt.prompt_file,
      prompt_text: 'Please confirm\nthe change',
      choices: ['yes', 'no'],
      context: [{ role: 'user', content: 'ship it' }],
      response: 'yes',
    });
    assert.equal(json(prompt.prompt_file!)['response'], 'yes');
    assert.equal(json(path.join(prompts(), 'session_s-123.json'))['state'], 'resumed');
    const events = fs.readFileSync(path.join(prompts(), 'events.jsonl'), 'utf8').trim().split('\n');
    assert.deepEqual(
      events.map((line) => (JSON.parse(line) as { event: string }).event),
      ['asked', 'resumed'],
    );
  });

  it('is closed to a second answer, which hears who was faster; and each error is one of a closed set', async () => {
    const one = await app.startConversation('s', 'One?');
    const two = await app.startConversation('s', 'Two?');
    await assert.rejects(
      app.respond({ session: 's', response: 'x', by: 'a' }),
      code('invalid_state', new RegExp(`${one.id}.*${two.id}`)),
    );
    await app.respond({ promptId: one.id, response: 'x', by: 'Ada' });
    await assert.rejects(app.respond({ promptId: one.id, response: 'y', by: 'b' }), code('invalid_state', /Ada at 20/));
    await app.respond({ session: 's', response: 'z', by: 'Bob' });
    await assert.rejects(
      app.respond({ session: 's', response: 'z', by: 'c' }),
      code('not_found', /^No pending prompt found$/),
    );
    await assert.rejects(app.respond({ promptId: 'nothing', response: 'z', by: 'c' }), code('not_found'));
    await assert.rejects(app.respond({ promptId: one.id.slice(0, 6), response: 'z', by: 'c' }), code('ambiguous'));
    await assert.rejects(app.startConversation(' ', 'x'), code('usage'));
    await assert.rejects(app.startConversation('s', '', {}), code('usage'));
    await assert.rejects(app.startConversation('s', 'x', { task_id: 'none' }), code('not_found'));
  });

  it('is too old after its time, whoever finds out', async () => {
    let now = Date.now();
    const clock: Clock = {
      now: () => now,
      sleep: async (ms) => void (now += ms),
      after: (ms, fn) => {
        const timer = setTimeout(fn, ms);
        return () => clearTimeout(timer);
      },
    };
    const later = await project.open(undefined, { AMPA_RESUME_TIMEOUT_SECONDS: '60' }, { clock });
    const [one, two, three] = await Promise.all(['1?', '2?', '3?'].map((text) => later.startConversation(text, text)));
    now += 60_000;
    assert.deepEqual(await later.prompts(), []);
    await assert.rejects(later.respond({ promptId: one!.id, response: 'x', by: 'a' }), code('timed_out'));
    assert.equal(json(one!.prompt_file!)['state'], 'expired');
    await assert.rejects(later.respond({ session: '2?', response: 'x', by: 'a' }), code('timed_out'));
    await assert.rejects(later.respond({ promptId: two!.id, response: 'x', by: 'a' }), code('timed_out'));
    await assert.rejects(later.waitForAnswer(three!.id, never), code('timed_out'));
  });

  it('is seen by a host that watches, without any task, and its answer by whoever waits', async () => {
    const host = await project.open(undefined, {}, { asks: true });
    await host.startEngine({ schedule: false });
    const seen: Prompt[][] = [];
    const off = host.watch(({ prompts: open }) => void seen.push([...open]));
    const prompt = await app.startConversation('deploy', 'Now?');
    const waiting = app.waitForAnswer(prompt.id, never);
    await until('the host sees it', () => seen.some((open) => open.some((it) => it.id === prompt.id)));
    await host.respond({ promptId: prompt.id, response: 'later', by: 'Ada' });
    assert.equal((await waiting).response, 'later');
    await until('the host sees it go', () => seen.at(-1)?.length === 0);
    off();
  });

  it('is answered at once by a rule, which is recorded with it', async () => {
    const rules = (config: unknown): void =>
      fs.writeFileSync(path.join(project.repo, '.worklog/ampa/fallback_config.json'), JSON.stringify(config));
    const held = await app.startConversation('s', 'No rules yet', { choices: ['yes', 'no'] });
    assert.equal(held.state, 'waiting');
    assert.equal(
      (await app.startConversation('s', 'Take it?', { choices: ['yes', 'no'], kind: 'delegation' })).response,
      'yes',
    );
    rules({
      public_default: 'accept',
      projects: { mine: { mode: 'hold', overrides: { deploy: 'decline', tests: 'recommend' } } },
    });
    const ask = (kind: string, metadata = {}, recommendation: string | null = null): Promise<Prompt> =>
      app.startConversation('s', `${kind}?`, { choices: ['yes', 'no'], kind, metadata, recommendation });
    const mine = { project_id: 'mine' };
    const answered = await ask('other');
    assert.deepEqual(
      [answered.response, answered.answered_by, answered.automatic],
      ['yes', 'AMPA (auto-accept, by public_default)', { mode: 'auto-accept', rule: 'public_default' }],
    );
    assert.equal((await ask('deploy', mine)).response, 'no');
    assert.equal((await ask('tests', mine, 'accept')).response, 'yes');
    assert.deepEqual((await ask('tests', mine)).automatic, {
      mode: 'accept-recommendation',
      rule: 'projects.mine.overrides.tests',
    });
    assert.equal((await ask('other', mine)).state, 'waiting');
    assert.equal((await app.startConversation('s', 'Free text?')).state, 'waiting', 'no choice means yes');
    await assert.rejects(
      app.respond({ promptId: answered.id, response: 'no', by: 'Ada' }),
      code('invalid_state', /AMPA \(auto-accept, by public_default\)/),
    );
    const events = fs.readFileSync(path.join(prompts(), 'events.jsonl'), 'utf8');
    assert.match(events, /"event":"answered_by_rule".*"mode":"auto-decline","rule":"projects.mine.overrides.deploy"/);
  });

  it('is not answered by rules that the repository brings along, nor by its .env', async () => {
    fs.mkdirSync(path.join(project.repo, 'ci'));
    fs.writeFileSync(path.join(project.repo, 'ci/rules.json'), '{"public_default": "accept", "default": "accept"}');
    fs.writeFileSync(path.join(project.repo, '.env'), 'AMPA_FALLBACK_MODE=accept\n');
    project.box.git(project.repo, 'add', '-f', 'ci/rules.json', '.env');
    const named = await project.open(undefined, { AMPA_FALLBACK_CONFIG_FILE: 'ci/rules.json' });
    await named.trust(false);
    assert.equal(named.config().values.fallbackMode, '');
    assert.equal((await named.startConversation('s', 'Go?', { choices: ['yes', 'no'] })).state, 'waiting');
    project.box.git(project.repo, 'rm', '-q', '--cached', 'ci/rules.json');
    assert.equal((await named.startConversation('s', 'Go?', { choices: ['yes', 'no'] })).response, 'yes');
  });

  it('is asked, listed and answered on the command line', async () => {
    const asking = project.ampa(['ask', 'deploy', 'To production?', '--choice', 'yes', '--choice', 'no', '--wait']);
    const [prompt] = await until('it is listed', async () => {
      const { stdout } = await project.ampa(['prompts', '--json']);
      const { prompts: open } = JSON.parse(stdout) as { prompts: Record<string, unknown>[] };
      return open.length > 0 ? open : null;
    });
    assert.deepEqual(
      [prompt!['session'], prompt!['choices'], prompt!['state']],
      ['deploy', ['yes', 'no'], 'waiting_for_input'],
    );
    assert.match(String(prompt!['pending_prompt_file']), /pending_prompt_deploy_\d+\.json$/);
    const listed = await project.ampa(['prompts']);
    assert.match(listed.stdout, /To production\?[\s\S]*answers\s+yes, no/);
    const refused = await project.ampa(['respond', 'deploy', 'yes'], { AMPA_TASK_ID: 'X' });
    assert.deepEqual([refused.code, /is for people/.test(refused.stderr)], [1, true]);
    const answered = await project.ampa(['respond', 'deploy', 'yes', '--json']);
    assert.equal((JSON.parse(answered.stdout) as { response: string }).response, 'yes', answered.stderr);
    const asked = await asking;
    assert.deepEqual([asked.code, asked.stdout], [0, 'yes\n']);
    assert.match(asked.stderr, /ampa respond [0-9A-Z]{26} yes\|no/);
    const again = await project.ampa(['respond', String(prompt!['prompt_id']).slice(-8), 'no']);
    assert.deepEqual([again.code, /answered by .* \(command line\) at/.test(again.stderr)], [1, true], again.stderr);
    assert.equal((await project.ampa(['respond', 'deploy', 'no'])).code, 2);
  }).timeout(90_000);

  it('is answered over HTTP, and who is late, too late or not plain hears why', async () => {
    const vars = { AMPA_METRICS_PORT: '0', AMPA_DISABLE_DISCORD: '1', AMPA_RESUME_TIMEOUT_SECONDS: '2' };
    const host = await project.open(undefined, vars, { asks: true });
    await host.startEngine({ schedule: false });
    const { url, token } = await until('it serves', () => host.server());
    const post = async (body: Record<string, string>): Promise<[status: number, body: Record<string, unknown>]> => {
      const answered = await ask(url, '/respond', { method: 'POST', token, body });
      return [answered.status, answered.json()];
    };
    const old = await host.startConversation('old', 'Too late?');
    const one = await app.startConversation('s', 'Go?', { choices: ['yes', 'no'] });
    const [status, resumed] = await post({ session_id: 's', response: 'YES' });
    assert.deepEqual(
      [status, resumed['status'], resumed['prompt_id'], resumed['response']],
      [200, 'resumed', one.id, 'yes'],
    );
    const [late, { error }] = await post({ prompt_id: one.id, response: 'no' });
    assert.equal(late, 409);
    assert.match(JSON.stringify(error), /"code":"invalid_state","message":"prompt \w+ was answered by HTTP at 20/);
    const two = await Promise.all(['A?', 'B?'].map((text) => app.startConversation('s', text)));
    const [several, ids] = await post({ session_id: 's', response: 'x' });
    assert.ok(several === 409 && two.every(({ id }) => JSON.stringify(ids).includes(id)), JSON.stringify(ids));
    await until('it is too old', () => Date.now() > old.expires_at);
    assert.equal((await post({ prompt_id: old.id, response: 'x' }))[0], 410);
    const [gone, nothing] = await post({ session_id: 'nobody', response: 'x' });
    assert.deepEqual([gone, JSON.stringify(nothing).includes('No pending prompt found')], [404, true]);
  });

  it('goes to the folder that is named', async () => {
    const dir = path.join(project.box.dir, 'out');
    const named = await project.open(undefined, { AMPA_TOOL_OUTPUT_DIR: dir });
    await named.startConversation('../../s', 'Go?');
    const names = fs.readdirSync(dir);
    assert.equal(names.length, 3, names.join());
    fs.writeFileSync(path.join(dir, 'ampa_fallback_config.json'), '{"public_default": "decline"}');
    const legacy = await named.startConversation('s', 'Go?', { choices: ['yes', 'no'] });
    assert.equal(legacy.response, 'no');
  });

  it('is asked and answered where its files cannot be written, and that is said', async () => {
    const file = path.join(project.box.dir, 'file');
    fs.writeFileSync(file, '');
    const named = await project.open(undefined, { AMPA_TOOL_OUTPUT_DIR: path.join(file, 'prompts') });
    const prompt = await named.startConversation('s', 'Go?');
    assert.equal(prompt.prompt_file, null);
    await named.respond({ promptId: prompt.id, response: 'yes', by: 'Ada' });
    assert.match(named.notices().join(), /could not be written/);
  });

  it('of an agent that works in another repository is one of its task, and so is what it says', async () => {
    const slack = await startChannelServer(() => ({ status: 200, body: 'ok' }));
    try {
      const { repo: other } = project.box.withOrigin('other');
      project.box.write(
        path.join(project.repo, '.worklog/ampa/.env'),
        `AMPA_SLACK_WEBHOOK_URL=${slack.url}/x\n`,
        0o600,
      );
      const ampa = `'${process.execPath}' '${CLI}'`;
      const agent = `cat >/dev/null; ${ampa} ask which "Left or right?" --choice left >&2 && ${ampa} notify --title "I asked" >&2 && echo x > a.txt`;
      const it_ = await project.open(agent);
      const task = await project.run(it_, { repo: other, checks: 'true' });
      assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}`);
      const asked = (await it_.prompts()).map((prompt) => [prompt.session, prompt.task_id]);
      assert.deepEqual(asked, [['which', task.id]]);
      assert.ok(slack.received.some(({ body }) => JSON.stringify(body).includes('I asked')));
      assert.equal(fs.existsSync(path.join(other, '.worklog')), false);
    } finally {
      await slack.close();
    }
  }).timeout(60_000);
});
