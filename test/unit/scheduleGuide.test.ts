import assert from 'node:assert/strict';
import type { ScheduledCommand } from '../../src/app/scheduleApi.ts';
import { newCommand, patchCommand } from '../../src/scheduler/command.ts';
import { nextTimes, type Timing } from '../../src/scheduler/preview.ts';
import { draftOf, fieldRows, idOf, newDraft, patchOf, titleOf } from '../../src/vscode/scheduleDraft.ts';
import { cronWords, dueLine, dueRow, parseMinutes, PRESETS, timingWords } from '../../src/vscode/scheduleTimes.ts';

const NOW = Date.parse('2026-05-05T12:00:00Z');
const every = (minutes: number): Timing => ({ frequency_minutes: minutes, cron: null, timezone: null });
const cron = (expression: string, timezone: string | null = null): Timing => ({
  frequency_minutes: null,
  cron: expression,
  timezone,
});

describe('The next times of a command that is not recorded yet', () => {
  const times = (timing: Timing, now = NOW): string[] =>
    nextTimes(timing, now, 5).map((at) => new Date(at).toISOString().slice(0, 16));

  it('are those of its frequency, from now on', () => {
    assert.deepEqual(times(every(90)), [
      ...['2026-05-05T12:00', '2026-05-05T13:30', '2026-05-05T15:00', '2026-05-05T16:30', '2026-05-05T18:00'],
    ]);
  });

  it('are those of its cron expression in its time zone, over a change of the clocks', () => {
    assert.deepEqual(times(cron('0 2 * * *', 'Europe/Berlin'), Date.parse('2026-03-27T12:00:00Z')), [
      ...['2026-03-28T01:00', '2026-03-29T01:00', '2026-03-30T00:00', '2026-03-31T00:00', '2026-04-01T00:00'],
    ]);
  });

  it('cannot be had of what is never due', () => {
    for (const timing of [every(0), every(-1), every(NaN), cron('x'), cron('0 2 * *'), cron('61 2 * * *')])
      assert.throws(() => times(timing), { code: 'usage' });
    assert.throws(() => times(cron('0 2 * * *', 'Mars/Olympus')), { code: 'usage' });
    assert.throws(() => times({ frequency_minutes: null, cron: null, timezone: null }), { code: 'usage' });
    for (const { timing } of PRESETS) assert.equal(times(timing).length, 5);
  });
});

describe('Saying when a command runs', () => {
  it('takes a number of minutes and nothing else', () => {
    for (const [text, minutes] of [
      ['30', 30],
      [' 0,5 ', 0.5],
      ['525600', 525_600],
    ] as const)
      assert.deepEqual(parseMinutes(text), { minutes });
    for (const text of ['', '  ', 'abc', '-5', '0', '1e9', '1.2.3', '600000', '5 min'])
      assert.ok('error' in parseMinutes(text), text);
  });

  it('says plain expressions in words, and others as they are', () => {
    for (const [expression, words] of Object.entries({
      '0 2 * * *': 'every night at 02:00',
      '30 17 * * *': 'every day at 17:30',
      '5 8 * * 1-5': 'every weekday at 08:05',
      '0 7 * * 1': 'every Monday at 07:00',
      '0 7 * * 0': 'every Sunday at 07:00',
      '0 * * * *': 'every hour',
      '7 * * * *': 'every hour at :07',
    }))
      assert.equal(cronWords(expression), words);
    for (const expression of ['*/5 * * * *', '0 2 1 * *', '0 2 * 3 *', '0 2-4 * * *', '0 2 * * 1,3', '0 24 * * *', ''])
      assert.equal(cronWords(expression), null, expression);
    assert.equal(timingWords(every(120)), 'every 2 hours');
    assert.equal(timingWords(every(1)), 'every minute');
    assert.equal(timingWords(every(1.5)), 'every 1.5 minutes');
    assert.equal(timingWords(cron('*/5 * * * *')), '*/5 * * * *');
  });

  it('shows due times in the time zone of the command', () => {
    const tokyo = dueRow('2026-05-05T17:30:00Z', NOW, 'Asia/Tokyo');
    assert.equal(tokyo.label, 'Wed 6 May, 02:30');
    assert.match(tokyo.description, /^in 5 h 30 min · \d\d:\d\d here$/);
    assert.equal(dueRow('2026-05-05T12:00:00Z', NOW, null).description, 'now');
    assert.match(dueRow('2026-05-09T12:00:00Z', NOW, null).description, /^in 4 days/);
    assert.match(dueLine(['2026-05-05T17:30:00Z'], NOW, 'UTC'), /^Next: Tue 5 May, 17:30$/);
  });
});

describe('A command while it is described', () => {
  it('is what the engine records', () => {
    const draft = newDraft('shell', 'npm run  lint', cron('0 2 * * *', 'Europe/Berlin'));
    assert.equal(titleOf(draft), 'npm run lint');
    const spec = newCommand('x', patchOf(draft));
    assert.deepEqual(
      [spec.type, spec.command, spec.title, spec.cron, spec.timezone, spec.max_runtime_minutes],
      ['shell', 'npm run  lint', 'npm run lint', '0 2 * * *', 'Europe/Berlin', null],
    );
    const task = newCommand('y', patchOf({ ...newDraft('task', 'Tidy up', every(60)), agent: 'codex' }));
    assert.deepEqual(
      [task.type, task.metadata, task.frequency_minutes],
      ['task', { prompt: 'Tidy up', agent: 'codex' }, 60],
    );
  });

  it('is changed only where a person changed it', () => {
    const base = newCommand('x', {
      ...{
        type: 'task',
        metadata: { prompt: 'Old', base: 'main', own: 1 },
        title: 'T',
        cron: '0 2 * * *',
        timezone: 'UTC',
      },
    });
    const before = draftOf(base as unknown as ScheduledCommand);
    assert.deepEqual(patchOf(before, before), {});
    assert.deepEqual(patchOf({ ...before, text: 'New' }, before), {
      metadata: { base: 'main', own: 1, prompt: 'New' },
    });
    const retimed = patchOf({ ...before, timing: every(5) }, before);
    assert.deepEqual(retimed, { frequency_minutes: 5 });
    assert.equal(patchCommand(base, retimed).cron, null);
    const elsewhere = patchOf({ ...before, timing: cron('0 2 * * *', null) }, before);
    assert.equal(patchCommand(base, elsewhere).timezone, null);
  });

  it('offers what its type has', () => {
    const fields = (kind: 'shell' | 'task', timing: Timing) =>
      fieldRows(newDraft(kind, 'x', timing)).map((row) => row.field);
    assert.deepEqual(fields('shell', every(5)), ['text', 'title', 'when', 'longest', 'missed']);
    assert.deepEqual(fields('task', cron('0 2 * * *')), ['text', 'title', 'when', 'zone', 'agent', 'missed']);
    const other = draftOf({
      type: 'gh-import',
      metadata: {},
      command: '',
      title: 'Issues',
      frequency_minutes: 30,
      cron: null,
    } as never);
    assert.deepEqual(
      fieldRows(other).map((row) => row.field),
      ['title', 'when', 'missed'],
    );
  });

  it('gets an id that is free and that the engine takes', () => {
    assert.equal(idOf('Back up: the Database!', new Set()), 'back-up-the-database');
    assert.equal(idOf('backup', new Set(['backup', 'backup-2'])), 'backup-3');
    for (const title of ['Ünïcödé', '日本', '-', '...', 'x'.repeat(300)])
      assert.ok(newCommand(idOf(title, new Set()), { command: 'true', frequency_minutes: 1 }));
  });
});
