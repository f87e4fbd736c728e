import assert from 'node:assert/strict';
import type { RunReport, ScheduledCommand } from '../../src/app/scheduleApi.ts';
import { commandRow, dueWords, historyPage, runRow } from '../../src/vscode/scheduleRows.ts';

const NOW = Date.parse('2026-05-05T12:00:00Z');
const command = (over: Partial<ScheduledCommand> = {}): ScheduledCommand => ({
  id: 'backup',
  command: 'npm run backup',
  title: 'Backup',
  type: 'shell',
  frequency_minutes: 5,
  cron: null,
  timezone: null,
  priority: 0,
  requires_llm: false,
  max_runtime_minutes: null,
  metadata: {},
  enabled: true,
  catch_up: true,
  every: 'every 5 min',
  running: false,
  last_start: '2026-05-05T11:56:00Z',
  last_run: '2026-05-05T11:57:00Z',
  last_status: 'failed',
  last_exit_code: 3,
  last_duration_seconds: 60,
  next_due: '2026-05-05T12:02:00Z',
  lateness: 0,
  waits_for: null,
  unsupported: null,
  note: null,
  ...over,
});
const run = (over: Partial<RunReport> = {}): RunReport => ({
  id: 'backup',
  name: 'Backup',
  status: 'succeeded',
  started_at: '2026-05-05T10:00:00Z',
  finished_at: '2026-05-05T10:00:01.500Z',
  duration_seconds: 1.5,
  exit_code: 0,
  output: 'done\n',
  instance: 'vm',
  ...over,
});

describe('a row of the Schedule tree', () => {
  it('says when it is due, and how it went last', () => {
    const row = commandRow(command(), NOW, null);
    assert.deepEqual([row.label, row.description], ['Backup', 'in 2 min · failed (3) 3 min ago']);
    assert.deepEqual(row.tokens, ['scheduled', 'switchedOn', 'canRun']);
    assert.equal(row.icon.id, 'error');
    assert.equal(commandRow(command(), NOW, 'web').description, 'web · in 2 min · failed (3) 3 min ago');
  });

  it('tells under the pointer what it runs, how often and when next', () => {
    const { tooltip } = commandRow(command({ timezone: 'UTC' }), NOW, null);
    assert.match(
      tooltip,
      /^Backup\nCommand: npm run backup\nRuns every 5 minutes, UTC\nNext: Tue 5 May, 12:02 \(in 2 min.*\)\nID: backup$/,
    );
    assert.doesNotMatch(commandRow(command({ enabled: false }), NOW, null).tooltip, /Next:/);
  });

  it('says lateness, and why it does not run', () => {
    assert.equal(dueWords(command({ next_due: '2026-05-05T10:00:00Z' }), NOW), '2 h late');
    assert.equal(dueWords(command({ next_due: '2026-05-05T12:00:00Z' }), NOW), 'now');
    assert.equal(dueWords(command({ enabled: false, next_due: null }), NOW), 'paused');
    assert.equal(dueWords(command({ unsupported: 'unsupported: x', next_due: null }), NOW), 'unsupported: x');
    assert.equal(dueWords(command({ next_due: null }), NOW), 'never due');
  });

  it('offers only what makes sense', () => {
    assert.deepEqual(commandRow(command({ running: true, last_status: 'running' }), NOW, null).tokens, [
      'scheduled',
      'switchedOn',
    ]);
    assert.deepEqual(commandRow(command({ enabled: false, unsupported: 'unsupported: x' }), NOW, null).tokens, [
      'scheduled',
      'switchedOff',
    ]);
    assert.equal(commandRow(command({ last_status: null, last_run: null }), NOW, null).icon.id, 'clock');
  });

  it('tells of a run', () => {
    assert.deepEqual([runRow(run(), NOW).label, runRow(run(), NOW).description], ['2 h ago', 'succeeded after 1.5 s']);
  });

  it('shows outputs that hold fences as they are', () => {
    const page = historyPage('My *job*', [run({ output: '```\nx\n````\n' }), run({ output: '' })]);
    assert.match(page, /# Runs of My \\\*job\\\*/);
    assert.ok(page.includes('`````text\n```\nx\n````\n`````'));
    assert.match(historyPage('x', []), /has not run yet/);
  });
});
