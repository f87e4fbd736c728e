import assert from 'node:assert/strict';
import type { ChannelInfo } from '../../src/app/api.ts';
import type { ScheduledCommand } from '../../src/app/scheduleApi.ts';
import type { Task } from '../../src/tasks/task.ts';
import { engineProblems, startProblems } from '../../src/vscode/engineProblems.ts';
import {
  failingChannels,
  githubLines,
  statusText,
  statusTooltip,
  type StatusDetails,
  type StatusInput,
} from '../../src/vscode/statusText.ts';
import { editorTask } from '../support/editorTasks.ts';

const idle: StatusInput = { running: 0, queued: 0, needs: 0, starting: [], problems: [] };
const of = (changes: Partial<StatusInput>): string => statusText({ ...idle, ...changes }).text;

describe('The status bar', () => {
  it('says what goes on', () => {
    assert.equal(of({}), '$(pulse) AMPA');
    assert.equal(of({ running: 2 }), '$(sync~spin) 2 running');
    assert.equal(of({ running: 2, needs: 1 }), '$(sync~spin) 2 running · 1 needs you');
    assert.equal(of({ needs: 2 }), '$(bell-dot) 2 need you');
    assert.equal(of({ queued: 3 }), '$(pulse) AMPA 3 queued');
    assert.equal(of({ starting: ['git'] }), '$(pulse) AMPA starting');
    assert.equal(of({ problems: ['stalled'], starting: ['git'] }), '$(warning) AMPA not working');
  });

  it('warns only where a person is needed or the engine does not work', () => {
    assert.equal(statusText({ ...idle, running: 2, queued: 4 }).warning, false);
    assert.equal(statusText({ ...idle, needs: 1 }).warning, true);
    assert.equal(statusText({ ...idle, problems: ['x'] }).warning, true);
  });

  it('can be heard', () => {
    assert.equal(statusText(idle).label, 'AMPA: idle');
    assert.equal(statusText({ ...idle, running: 1, needs: 1 }).label, 'AMPA: 1 running · 1 needs you');
  });

  const host = {
    id: 'h',
    kind: 'daemon' as const,
    pid: 7,
    machine: 'm',
    startedAt: '',
    asks: false,
    loops: [],
    lastBeat: 1000,
    live: true,
    alive: true,
  };
  const details: StatusDetails = { ...idle, hosts: [], commands: [], channels: [], more: [], notices: [], now: 13_000 };

  it('names live hosts with their last beat, problems, failing channels and notices in its tooltip', () => {
    const text = statusTooltip({
      ...details,
      problems: ['It *stalled*'],
      starting: ['the *keyring*'],
      hosts: [host, { ...host, pid: 8, live: false }],
      channels: [{ title: 'Slack', error: 'no_team [x](y)' }],
      more: ['$(github) me', '$(github) me'],
      notices: ['Restored', 'Restored'],
    });
    assert.match(text, /Daemon \(process 7\), last seen 12 s ago/);
    assert.match(
      text,
      /Working on this folder:\n\n- Daemon \(process 7\), last seen 12 s ago\n\n.*Stopped responding: Daemon \(process 8\), last seen 12 s ago/s,
    );
    assert.match(text, /\$\(warning\) It \\\*stalled\\\*/);
    assert.match(text, /\$\(watch\) Starting: it waits for the \\\*keyring\\\*/);
    assert.match(text, /\$\(bell-slash\) Slack: no\\_team \\\[x\\\]/);
    assert.equal(text.match(/\$\(info\) Restored/g)?.length, 1);
    assert.equal(text.match(/\$\(github\) me/g)?.length, 1);
  });

  it('tells of a daemon that went without a word for ten minutes, and not of windows that were closed', () => {
    const tooltip = (over: object, now: number) =>
      statusTooltip({ ...details, now, hosts: [{ ...host, live: false, ...over }] });
    assert.match(
      tooltip({}, 500_000),
      /^(?!.*Working on).*Stopped responding: Daemon \(process 7\), last seen 8 min ago/s,
    );
    assert.doesNotMatch(tooltip({}, 700_000), /stopped responding/i);
    assert.doesNotMatch(tooltip({ kind: 'vscode' }, 500_000), /stopped responding/i);
  });

  it('names a channel that is set up and fails, with what waits for it', () => {
    const channel: ChannelInfo = {
      ...{ name: 'slack', title: 'Slack', configured: true, state: 'failing', error: 'HTTP 500', depth: 2, buried: 0 },
    };
    assert.deepEqual(failingChannels([channel, { ...channel, state: 'ok' }, { ...channel, configured: false }]), [
      { title: 'Slack', error: 'HTTP 500 (2 messages wait)' },
    ]);
  });

  it('says which command is next, and which is running', () => {
    const command = (title: string, due: number | null, over: Partial<ScheduledCommand> = {}): ScheduledCommand =>
      ({
        title,
        enabled: true,
        running: false,
        unsupported: null,
        waits_for: null,
        next_due: due === null ? null : new Date(due).toISOString(),
        ...over,
      }) as ScheduledCommand;
    const line = (...commands: ScheduledCommand[]): string =>
      statusTooltip({ ...details, commands })
        .split('\n\n')
        .find((it) => it.includes('clock')) ?? '';
    assert.equal(line(), '');
    assert.equal(line(command('B', 7_213_000), command('A', 373_000), command('C', null)), '$(clock) Next: A in 6 min');
    assert.equal(
      line(command('A', 373_000, { running: true }), command('B', 7_213_000)),
      '$(clock) A is running; next: B in 2 h',
    );
    assert.equal(line(command('A', 373_000, { enabled: false })), '');
  });

  it('names scheduled commands that fail, not those that are switched off', () => {
    const failed = (title: string, over: Partial<ScheduledCommand> = {}): ScheduledCommand =>
      ({ title, enabled: true, last_status: 'failed', last_exit_code: 2, next_due: null, ...over }) as ScheduledCommand;
    const line = (...commands: ScheduledCommand[]): string | undefined =>
      statusTooltip({ ...details, commands })
        .split('\n\n')
        .find((it) => it.includes('In the schedule'));
    assert.equal(line(failed('A', { enabled: false }), failed('B', { last_status: 'succeeded' })), undefined);
    assert.equal(
      line(failed('Nightly lint'), failed('Backup', { last_status: 'timed_out' })),
      '$(error) In the schedule: Nightly lint failed \\(2\\), Backup timed out',
    );
    assert.match(line(...['A', 'B', 'C', 'D', 'E'].map((it) => failed(it))) ?? '', /C failed \\\(2\\\), 2 more$/);
  });

  it('names who we are on GitHub, what is left of the hour and what is not visible', () => {
    const state = {
      identity: 'the account of `gh`',
      login: 'octocat',
      budget: { remaining: 4812, limit: 5000, resetsAt: 13 * 60_000 },
      lacks: ['check runs (checks: read)'],
    };
    assert.deepEqual(githubLines(state, 60_000), [
      '$(github) GitHub: octocat, by the account of \\`gh\\`; 4,812 of 5,000 requests left, more in 12 min',
      '$(warning) Not visible on GitHub: check runs \\(checks: read\\)',
    ]);
    const bare = githubLines({ ...state, login: null, budget: null, lacks: [] }, 0);
    assert.deepEqual(bare, ['$(github) GitHub: the account of \\`gh\\`']);
    assert.match(statusTooltip({ ...details, more: bare }), /\$\(github\) GitHub/);
  });
});

describe('An engine that has stalled', () => {
  const NOW = Date.parse('2026-05-05T12:00:00Z');
  const own = {
    id: 'h',
    kind: 'vscode' as const,
    pid: 7,
    machine: 'm',
    startedAt: '',
    asks: false,
    loops: [],
    lastBeat: NOW - 44_000,
    live: true,
    alive: true,
  };
  const since = { awakeSince: 0, seenAt: NOW, freeSince: NOW - 3600_000 };
  const sight = { ...since, own, tasks: [], slots: 2, stalls: [] as string[], now: NOW };
  const at = (ago: number): string => new Date(NOW - ago).toISOString();
  const queued = (ago: number) => editorTask({ status: 'queued', phase: null, slot: false, updated_at: at(ago) });
  const working = () => editorTask({ status: 'running', phase: 'agent', slot: true, updated_at: at(3600_000) });

  it('is known by its beat within a minute', () => {
    assert.deepEqual(engineProblems(sight), []);
    const [problem] = engineProblems({ ...sight, own: { ...own, lastBeat: NOW - 46_000 } });
    assert.match(problem!, /stalled: it gave no sign of life for 46 s/);
    assert.deepEqual(engineProblems({ ...sight, own: undefined }), []);
    assert.equal(engineProblems({ ...sight, own: undefined, seenAt: NOW - 50_000 }).length, 1);
  });

  it('is known by a loop of its own that hangs alone, and by another engine that hangs', () => {
    const stalls = ['The scheduler of this process is 41 s late.', 'The daemon 8 has given no sign of life for 50 s.'];
    assert.deepEqual(engineProblems({ ...sight, stalls }), stalls);
    assert.equal(engineProblems({ ...sight, stalls, own: { ...own, lastBeat: NOW - 46_000 } }).length, 3);
    assert.deepEqual(engineProblems({ ...sight, stalls, awakeSince: NOW - 20_000 }), [], 'it has just been asleep');
  });

  it('is not one that has just been asleep with its machine', () => {
    const asleep = { ...sight, own: { ...own, lastBeat: NOW - 3600_000 } };
    assert.deepEqual(engineProblems({ ...asleep, awakeSince: NOW - 20_000 }), []);
    assert.equal(engineProblems({ ...asleep, awakeSince: NOW - 25_000 }).length, 1);
  });

  it('is known while it does not come up', () => {
    const start = (ago: number) => startProblems({ waitsFor: 'git', since: NOW - ago }, NOW);
    assert.deepEqual(start(45_000), []);
    assert.deepEqual(start(46_000), [
      'The engine of this window has stalled: it has been starting for 46 s and waits for git.',
    ]);
  });

  it('is known by a queued task that nobody takes although there is room', () => {
    const of = (tasks: Task[], over = {}) => engineProblems({ ...sight, tasks, ...over });
    assert.match(of([queued(55_000)])[0]!, /a task has been waiting for 55 s although a slot is free/);
    assert.deepEqual(of([queued(40_000)]), []);
    assert.deepEqual(of([queued(55_000), working(), working()]), [], 'all slots are taken');
    assert.equal(of([queued(55_000), working()]).length, 1);
    assert.deepEqual(of([queued(3600_000), working()], { freeSince: NOW - 10_000 }), [], 'one has just become free');
    assert.deepEqual(of([queued(3600_000)], { freeSince: null }), []);
    assert.deepEqual(of([{ ...queued(3600_000), abort_requested_at: at(10) }]), []);
  });
});
