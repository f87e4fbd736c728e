import assert from 'node:assert/strict';
import {
  doorbell,
  kindOf,
  taskLink,
  type DoorbellKind,
  type LinkBase,
  type Ring,
} from '../../src/notifications/doorbell.ts';
import { runMessage, type EndedRun } from '../../src/notifications/runMessages.ts';
import { heartbeatMessage, heartbeatMove, audienceOf } from '../../src/notifications/heartbeat.ts';
import { afterFailure, LONGEST_WAIT_MS } from '../../src/notifications/retry.ts';
import { REASONS } from '../../src/tasks/reasons.ts';
import { parseLink } from '../../src/vscode/links.ts';

const ID = '01JZZZZZZZZZZZZZZZZZZZZZZZ';
const base: LinkBase = { scheme: 'vscode', extension: 'ampa.ampa', folder: 'file:///home/me/a b&c', baseUrl: '' };
const ring = (over: Partial<Ring> = {}): Ring => ({
  taskId: ID,
  title: 'Mend the parser',
  repo: 'owner/repo',
  prNumber: 12,
  prUrl: 'https://github.com/owner/repo/pull/12',
  ciUrl: 'https://github.com/owner/repo/actions/runs/5',
  reason: null,
  detail: null,
  summary: null,
  landed: false,
  ...over,
});

describe('the doorbell', () => {
  const titles: [kind: DoorbellKind, over: Partial<Ring>, title: string, priority: string, tags: string[]][] = [
    ['done', {}, '[DONE] owner/repo#12 checks green', 'low', ['ampa', 'done']],
    ['done', { landed: true }, '[DONE] owner/repo#12 landed', 'low', ['ampa', 'done']],
    ['done', { prNumber: null }, '[DONE] Mend the parser checks green', 'low', ['ampa', 'done']],
    ['done', { repo: null }, '[DONE] Mend the parser checks green', 'low', ['ampa', 'done']],
    ['needs-human', {}, '[NEEDS-HUMAN] owner/repo#12 needs a human', 'high', ['ampa', 'escalation', 'needs-human']],
    ['frozen', {}, '[FROZEN] owner/repo#12 frozen: budget exhausted', 'high', ['ampa', 'escalation', 'frozen']],
  ];
  for (const [kind, over, title, priority, tags] of titles) {
    it(`says ${title}`, () => {
      const message = doorbell(kind, ring(over), base);
      assert.deepEqual(
        [message.type, message.title, message.priority, message.tags],
        ['doorbell', title, priority, tags],
      );
    });
  }

  it('throws for a kind that does not exist', () => {
    assert.throws(() => doorbell('dong' as DoorbellKind, ring(), base), /no doorbell of the kind "dong"/);
    assert.throws(() => doorbell('constructor' as DoorbellKind, ring(), base), /no doorbell/);
  });

  it('names the pull request and the CI run first, then the task, also in the body', () => {
    const { body, links } = doorbell('needs-human', ring({ reason: 'checks_timeout', detail: 'Slow.' }), base);
    assert.deepEqual(
      links?.map((it) => it.url.slice(0, 30)),
      ['https://github.com/owner/repo/', 'https://github.com/owner/repo/', 'vscode://ampa.ampa/task/01JZZZ'],
    );
    for (const { url } of links ?? []) assert.ok(body?.includes(url));
    assert.ok(body?.includes(REASONS.checks_timeout.sentence) && body.includes('Slow.'));
  });

  it('has a link that the editor takes', () => {
    const link = new URL(taskLink(base, ID));
    assert.equal(link.host, 'ampa.ampa');
    assert.deepEqual(parseLink(link.pathname, decodeURIComponent(link.search.slice(1))), {
      kind: 'task',
      id: ID,
      folder: base.folder,
    });
    assert.equal(taskLink({ ...base, baseUrl: 'https://ampa.example/x/' }, ID), `https://ampa.example/x/?task=${ID}`);
    assert.deepEqual(doorbell('done', ring({ prUrl: null }), null).links, [], 'no task, no link');
  });

  it('rings for every end but the one that a person made', () => {
    for (const [reason, { status }] of Object.entries(REASONS)) {
      const budget = ['max_attempts', 'budget_time', 'budget_cost'].includes(reason);
      const expected = status === 'aborted' ? null : budget ? 'frozen' : 'needs-human';
      assert.equal(kindOf(status, reason), expected, reason);
    }
    assert.equal(kindOf('success', null), 'done');
    assert.equal(kindOf('running', null), null);
  });
});

describe('the end of a scheduled run', () => {
  const run = (over: Partial<EndedRun> = {}): EndedRun => ({
    title: 'Backup',
    commandId: 'backup',
    status: 'failed',
    exitCode: 3,
    seconds: 1.25,
    machine: 'box',
    tail: `${'x'.repeat(2000)}the end\n`,
    ...over,
  });
  it('is an error with the end of its output', () => {
    const message = runMessage(run(), null);
    assert.deepEqual([message?.type, message?.title, message?.priority], ['error', 'Backup failed (exit 3)', 'high']);
    assert.ok(message?.output?.startsWith('...x') && message.output.endsWith('the end'));
    assert.equal(message?.output?.length, 1000);
    assert.equal(
      runMessage(run({ status: 'timed_out', exitCode: 124, tail: '' }), 'failed')?.title,
      'Backup timed out',
    );
    assert.equal(runMessage(run({ status: 'interrupted' }), null)?.title, 'Backup was interrupted');
  });
  it('is a completion after a failure only', () => {
    for (const before of ['failed', 'timed_out', 'interrupted'] as const)
      assert.equal(runMessage(run({ status: 'succeeded' }), before)?.type, 'completion');
    for (const before of ['succeeded', null] as const)
      assert.equal(runMessage(run({ status: 'succeeded' }), before), null);
    assert.equal(runMessage(run({ status: 'skipped' }), 'failed'), null);
  });
});

describe('a heartbeat', () => {
  const NOW = Date.parse('2026-05-05T12:00:00Z');
  it('says what runs, what waits and what ran last', () => {
    const { fields } = heartbeatMessage({
      workspace: '/w',
      machine: 'box',
      running: 1,
      waiting: 2,
      needsYou: 0,
      lastRun: { title: 'Backup', status: 'timed_out', at: NOW },
      now: NOW,
    });
    assert.deepEqual(
      fields?.map(({ name, value }) => `${name}: ${value}`),
      [
        'Workspace: /w on box',
        'Running tasks: 1',
        'Waiting tasks: 2',
        'Last run: Backup, timed out, 2026-05-05 12:00 UTC',
        'Beat: 2026-05-05 12:00 UTC',
      ],
    );
  });
  it('is edited in place, and silent while something else was said within five minutes', () => {
    assert.equal(heartbeatMove(null, NOW), 'post');
    assert.equal(heartbeatMove({ type: 'heartbeat', remoteId: '5', at: 0 }, NOW), 'edit');
    assert.equal(heartbeatMove({ type: 'heartbeat', remoteId: null, at: 0 }, NOW), 'post');
    assert.equal(heartbeatMove({ type: 'error', remoteId: '5', at: NOW - 299_000 }, NOW), 'silent');
    assert.equal(heartbeatMove({ type: 'error', remoteId: '5', at: NOW - 300_000 }, NOW), 'post');
    assert.equal(heartbeatMove({ type: 'error', remoteId: '5', at: NOW + 9e9 }, NOW), 'post', 'the clock went back');
  });
  it('is for Discord only', () => {
    const all = ['discord-bot', 'discord-webhook', 'slack', 'ntfy'] as const;
    assert.deepEqual(audienceOf({ type: 'heartbeat' }, all), ['discord-bot', 'discord-webhook']);
    assert.deepEqual(audienceOf({ type: 'error' }, all), [...all]);
  });
});

describe('a message that failed', () => {
  const policy = { tries: 10, baseMs: 2000 };
  const after = (tries: number, random: number, over = {}) =>
    afterFailure(policy, { tries, permanent: false, retryAfterMs: null, ...over }, random);
  it('is tried ten times, each time after twice as long', () => {
    for (let tries = 1; tries < 10; tries++) {
      const wait = 2000 * 2 ** (tries - 1);
      assert.deepEqual(after(tries, 0.5), { again: true, inMs: wait });
      assert.deepEqual(
        [after(tries, 0), after(tries, 1)],
        [
          { again: true, inMs: wait * 0.75 },
          { again: true, inMs: wait * 1.25 },
        ],
      );
    }
    assert.deepEqual(after(10, 0), { again: false });
  });
  it('is not tried before the channel wants it, nor after a refusal for good', () => {
    assert.deepEqual(after(1, 0, { retryAfterMs: 30_000 }), { again: true, inMs: 30_000 });
    assert.deepEqual(after(9, 0.5, { retryAfterMs: 1 }), { again: true, inMs: 512_000 });
    assert.deepEqual(after(1, 0, { retryAfterMs: 1e12 }), { again: true, inMs: LONGEST_WAIT_MS });
    assert.deepEqual(after(1, 0, { permanent: true }), { again: false });
  });
});
