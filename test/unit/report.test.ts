import assert from 'node:assert/strict';
import {
  foldReport,
  type Report,
  type ReportOptions,
  type ReportRun,
  type TaskEnd,
} from '../../src/scheduler/report.ts';
import { createClock, whenWords } from '../../src/webview/clock.ts';
import {
  dayLabel,
  daysWords,
  failureWords,
  headline,
  isEmpty,
  lateScale,
  laneWords,
  latenessWords,
  markWords,
  taskWords,
  timeTicks,
} from '../../src/webview/reportView.ts';
import { isReportMessage } from '../../src/webview/reportProtocol.ts';
import { parseReportMemory, parseReportMessage } from '../../src/webview/reportSchema.ts';

const NOW = Date.parse('2026-03-02T08:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const at = (time: string): number => Date.parse(`2026-03-0${time}:00Z`);

let last = 0;
const run = (command: string, start: number, over: Partial<ReportRun> = {}): ReportRun => ({
  id: `r${++last}`,
  command_id: command,
  status: 'succeeded',
  due_at: start - 1000,
  started_at: start,
  ended_at: start + 2000,
  exit_code: 0,
  ...over,
});
const end = (task: string, when: number, over: Partial<TaskEnd> = {}): TaskEnd => ({
  ...{ task_id: task, title: `Task ${task}`, at: when, status: 'success', reason: null, now: 'success' },
  ...over,
});
function report(runs: ReportRun[], ends: TaskEnd[] = [], over: Partial<ReportOptions> = {}): Report {
  const commands = [...new Set(runs.map((it) => it.command_id))].map((id) => ({
    id,
    title: `The ${id}`,
    enabled: true,
  }));
  const fold = foldReport({ range: 'day', now: NOW, timeZone: 'UTC', commands, keepRuns: 50, ...over });
  for (const it of runs) fold.addRun(it);
  for (const it of ends) fold.addTaskEnd(it);
  return fold.result();
}
const clock = createClock(NOW, 'UTC');

describe('The report', () => {
  it('names each command that failed once, with its newest failure and whether it works again', () => {
    const it = report([
      run('backup', at('2T01:00'), { status: 'failed', exit_code: 3 }),
      run('backup', at('2T02:00'), { status: 'timed_out', exit_code: 124 }),
      run('lint', at('2T02:00'), { status: 'failed', exit_code: 1, id: 'lint-bad' }),
      run('lint', at('2T03:00')),
      run('lint', at('2T04:00')),
      run('fine', at('2T04:00')),
    ]);
    assert.deepEqual(
      it.failures.map(({ command, status, times, fixedAt }) => ({ command, status, times, fixedAt })),
      [
        { command: 'backup', status: 'timed_out', times: 2, fixedAt: null },
        { command: 'lint', status: 'failed', times: 1, fixedAt: at('2T03:00') + 2000 },
      ],
    );
    assert.equal(it.failures[1]!.run, 'lint-bad');
    assert.equal(headline(it).text, '1 command failed in the last 24 hours. 1 command failed and recovered.');
    assert.equal(headline(it).tone, 'bad');
    assert.equal(failureWords(it.failures[0]!, clock), 'took too long and was stopped at 02:00, and once before');
    assert.equal(failureWords(it.failures[1]!, clock), 'failed with exit code 1 at 02:00; working again since 03:00');
    assert.deepEqual(it.runs, { total: 6, failed: 3, skipped: 0, running: 0 });
    assert.deepEqual(
      it.lanes.map((lane) => [lane.title, laneWords(lane)]),
      [
        ['The backup', '2 runs, 2 failed'],
        ['The lint', '3 runs, 1 failed'],
        ['The fine', '1 run'],
      ],
    );
  });

  it('a command that fails again after it worked is broken', () => {
    const it = report([
      run('a', at('2T01:00'), { status: 'failed' }),
      run('a', at('2T02:00')),
      run('a', at('2T03:00'), { status: 'interrupted', exit_code: null }),
    ]);
    assert.equal(it.failures[0]!.fixedAt, null);
    assert.equal(it.failures[0]!.times, 2);
  });

  it('draws runs of a quarter of an hour as one mark, a long run as long as it was, and one that runs until now', () => {
    const it = report([
      run('a', at('2T01:00')),
      run('a', at('2T01:05'), { status: 'failed', id: 'bad' }),
      run('a', at('2T01:10')),
      run('a', at('2T02:00'), { ended_at: at('2T05:00') }),
      run('a', at('2T07:30'), { status: 'running', ended_at: null }),
      run('b', at('2T01:00'), { status: 'skipped', exit_code: null }),
    ]);
    const [a, b] = it.lanes;
    assert.deepEqual(
      a!.marks.map((mark) => [mark.runs, mark.failed, mark.to - mark.from, mark.run === 'bad']),
      [
        [3, 1, 10 * MINUTE + 2000, true],
        [1, 0, 3 * HOUR, false],
        [1, 0, 30 * MINUTE, false],
      ],
    );
    assert.equal(markWords(a!.marks[0]!, clock), '01:00: 3 runs, 1 failed');
    assert.equal(markWords(a!.marks[1]!, clock), '02:00: succeeded after 3 h');
    assert.equal(markWords(a!.marks[2]!, clock), '07:30: running');
    assert.equal(markWords(b!.marks[0]!, clock), '01:00: skipped after 2 s');
    assert.equal(it.runs.running, 1);
  });

  it('says from when on the runs of a busy command are remembered', () => {
    const runs = Array.from({ length: 50 }, (_, i) => run('often', at('2T07:00') + i * MINUTE));
    assert.equal(report(runs).lanes[0]!.keptSince, at('2T07:00'));
    assert.equal(report(runs.slice(1)).lanes[0]!.keptSince, null);
    const inTheNight = run('often', at('2T02:00'), { status: 'failed', exit_code: 1 });
    const { lanes, failures } = report([inTheNight, ...runs]);
    assert.equal(lanes[0]!.keptSince, at('2T07:00'), 'a failure that is remembered for longer is no beginning');
    assert.deepEqual(
      failures.map((it) => [it.at, it.times, it.orMore]),
      [[inTheNight.ended_at, 1, false]],
    );
  });

  it('says that a command may have failed oftener than is remembered', () => {
    const failing = (n: number) =>
      Array.from({ length: n }, (_, i) => run('often', at('2T02:00') + i * MINUTE, { status: 'failed', exit_code: 1 }));
    const words = (n: number) => failureWords(report(failing(n)).failures[0]!, () => '03:00');
    assert.equal(words(49), 'failed with exit code 1 at 03:00, and 48 times before');
    assert.equal(words(50), 'failed with exit code 1 at 03:00, and 49 times or more before');
  });

  it('measures how late commands started, but not those that a person started', () => {
    const it = report([
      run('a', at('2T01:00'), { due_at: at('2T01:00') - 5000 }),
      run('a', at('2T01:05'), { due_at: at('2T01:00') }),
      run('b', at('2T03:00'), { due_at: at('2T01:00') }),
      run('b', at('2T04:00'), { due_at: null }),
    ]);
    assert.deepEqual(it.lateness.worst, { title: 'The b', at: at('2T03:00'), ms: 2 * HOUR });
    assert.equal(it.lateness.median, 5 * MINUTE);
    assert.deepEqual(
      it.lateness.cells.map((cell) => [clock(cell.from), cell.median, cell.worst]),
      [
        ['01:00', 5000, 5 * MINUTE],
        ['03:00', 2 * HOUR, 2 * HOUR],
      ],
    );
    assert.equal(
      latenessWords(it.lateness, clock),
      'Half of the runs started at most 5 min late; the worst was The b, 2 h late at 03:00.',
    );
    const { y, ticks } = lateScale(2 * HOUR);
    assert.deepEqual(
      ticks.map((tick) => tick.label),
      ['10 s', '10 min', '6 h'],
    );
    assert.ok(y(0) === 0 && y(6 * HOUR) === 1 && y(MINUTE) < y(HOUR));
  });

  it('lists tasks that stopped and stand where they stopped', () => {
    const it = report(
      [],
      [
        end('1', at('2T01:00'), { status: 'needs_review', reason: 'max_attempts', now: 'needs_review' }),
        end('2', at('2T02:00'), { status: 'error', reason: 'agent_auth', now: 'queued' }),
        end('3', at('2T02:00'), { status: 'error', reason: 'agent_auth', now: 'success' }),
        end('3', at('2T03:00')),
        end('4', at('1T02:00'), { status: 'error', reason: 'internal', now: 'error' }),
      ],
    );
    assert.deepEqual(
      it.taskFailures.map((task) => task.task_id),
      ['1'],
    );
    assert.match(taskWords(it.taskFailures[0]!, clock), /[^.] \(01:00\)$/);
    assert.deepEqual(it.tasks, { success: 1, needs_review: 1, error: 1, aborted: 0 });
    assert.deepEqual(it.days.at(-1), { day: '2026-03-02', success: 1, needs_review: 1, error: 1, aborted: 0 });
    assert.deepEqual(it.days.at(-2), { day: '2026-03-01', success: 0, needs_review: 0, error: 1, aborted: 0 });
    assert.equal(it.days.length, 7);
    assert.equal(dayLabel(it.days[6]!), 'Mon 2');
    assert.equal(daysWords(it.days), '4 tasks ended in the last 7 days, 25% of them green.');
    assert.equal(daysWords(it.days.slice(0, 3)), 'No task has ended in the last 7 days.');
    assert.equal(daysWords([{ ...it.days[0]!, success: 2 }]), '2 tasks ended in the last 7 days, all of them green.');
  });

  it("counts days by the reader's clock", () => {
    const late = [end('1', at('2T03:00'))];
    const byDay = (timeZone: string) => report([], late, { timeZone }).days.filter((day) => day.success > 0);
    assert.equal(byDay('UTC')[0]!.day, '2026-03-02');
    assert.equal(byDay('America/New_York')[0]!.day, '2026-03-01');
    assert.throws(() => report([], [], { timeZone: 'Mars/Olympus' }), RangeError);
  });

  it('says that all is well, that nothing ran, and that nothing was ever there', () => {
    const well = headline(report([run('a', at('2T01:00')), run('a', at('2T02:00'))], [end('1', at('2T03:00'))]));
    assert.deepEqual(well, { tone: 'good', text: 'Nothing failed in the last 24 hours: 2 runs and 1 task.' });
    const mended = headline(report([run('a', at('2T01:00'), { status: 'failed' }), run('a', at('2T02:00'))]));
    assert.deepEqual(mended, { tone: 'good', text: '1 command failed in the last 24 hours and recovered.' });
    const idle = report([], [], { commands: [{ id: 'x', title: 'X', enabled: true }], range: 'week' });
    assert.deepEqual(headline(idle), { tone: 'idle', text: 'Nothing ran in the last 7 days.' });
    assert.equal(isEmpty(idle), false);
    assert.equal(isEmpty(report([])), true);
  });

  it('stays small with many commands', () => {
    const runs = Array.from({ length: 300 }, (_, i) => run(`c${String(i).padStart(3, '0')}`, at('2T01:00') + i));
    const it = report(runs);
    assert.equal(it.lanes.length, 100);
    assert.equal(it.moreLanes, 200);
  });
});

describe('The time axis', () => {
  const labels = (from: number, to: number, zone: string, most: number): string[] =>
    timeTicks(from, to, zone, most).map((tick) => tick.label);

  it("has round times of the reader's clock, as many as have room", () => {
    assert.deepEqual(labels(NOW - 24 * HOUR, NOW, 'UTC', 8), [
      ...['09:00', '12:00', '15:00', '18:00', '21:00', 'Mon 2', '03:00', '06:00'],
    ]);
    assert.deepEqual(labels(NOW - 24 * HOUR, NOW, 'UTC', 3), ['12:00', 'Mon 2']);
    assert.deepEqual(labels(NOW - 24 * HOUR, NOW, 'Asia/Kathmandu', 4), ['18:00', 'Mon 2', '06:00', '12:00']);
    assert.equal(labels(NOW - 168 * HOUR, NOW, 'UTC', 8).length, 7);
    assert.ok(labels(NOW - 168 * HOUR, NOW, 'UTC', 4).length <= 4);
  });

  it('keeps to it when clocks change', () => {
    const from = Date.parse('2026-03-28T12:00:00Z');
    assert.deepEqual(labels(from, from + 24 * HOUR, 'Europe/Berlin', 5), ['18:00', 'Sun 29', '06:00', '12:00']);
  });

  it('says moments as people do', () => {
    assert.equal(clock(at('2T02:15')), '02:15');
    assert.equal(clock(at('1T23:00')), 'yesterday at 23:00');
    assert.equal(clock(Date.parse('2026-02-25T02:15:00Z')), 'Wed 25 Feb at 02:15');
    const inSentence = [at('2T02:15'), at('1T23:00'), Date.parse('2026-02-25T02:15:00Z')];
    assert.deepEqual(
      inSentence.map((it) => whenWords(clock, it)),
      ['at 02:15', 'yesterday at 23:00', 'on Wed 25 Feb at 02:15'],
    );
  });
});

describe('Messages of a report page', () => {
  const action = (it: unknown) => parseReportMessage({ type: 'action', id: 1, action: it });

  it('are taken when they are ours, and dropped when they are anything else', () => {
    const ready = { type: 'ready', range: 'week', timeZone: 'Europe/Berlin' };
    assert.deepEqual(parseReportMessage(ready), ready);
    for (const it of [
      { kind: 'output', command: 'a', run: 'r' },
      { kind: 'history', command: 'a' },
      { kind: 'task', task: 't' },
      { kind: 'addCommand' },
      { kind: 'startTask' },
    ])
      assert.deepEqual(action(it), { type: 'action', id: 1, action: it });
    for (const it of [
      null,
      'ready',
      { type: 'ready' },
      { type: 'ready', range: 'year', timeZone: 'UTC' },
      { type: 'ready', range: 'day', timeZone: 'Mars/Olympus' },
      { type: 'action', id: -1, action: { kind: 'addCommand' } },
    ])
      assert.equal(parseReportMessage(it), undefined, JSON.stringify(it));
    for (const it of [
      { kind: 'run', command: 'rm' },
      { kind: 'output', command: '', run: 'r' },
      { kind: 'output', command: 'a', run: 'r', force: true },
      { kind: 'task', task: 'x'.repeat(201) },
    ])
      assert.equal(action(it), undefined, JSON.stringify(it));
  });

  it('of the host are known by their outline, and a page comes back only with its folder', () => {
    assert.ok(isReportMessage({ type: 'report', report: {} }));
    assert.ok(isReportMessage({ type: 'failed', error: 'x' }));
    assert.ok(isReportMessage({ type: 'done', id: 1, error: null }));
    for (const it of [null, {}, { type: 'report' }, { type: 'done', id: 'x', error: null }, { type: 'snapshot' }])
      assert.equal(isReportMessage(it), false);
    assert.deepEqual(parseReportMemory({ folder: 'file:///x', range: 'week' }), { folder: 'file:///x' });
    for (const it of [null, {}, { folder: 1 }]) assert.equal(parseReportMemory(it), undefined);
  });
});
