import assert from 'node:assert/strict';
import { AmpaError } from '../../src/errors.ts';
import { parseJsonText } from '../../src/app/jsonText.ts';
import { exportStore, parseStore as readStore } from '../../src/scheduler/originalStore.ts';
import { MAX_MINUTES } from '../../src/scheduler/spec.ts';
import { ORIGINAL_STORE } from '../support/originalStore.ts';

const parseStore = (content: string, file: string) => readStore(parseJsonText(content, file), file);
const text = JSON.stringify(ORIGINAL_STORE);

describe('the store of the originals', () => {
  it('is read with commands, state, history and what is not ours', () => {
    const store = parseStore(text, 'store.json');
    assert.deepEqual(store.warnings, ['store.json: the command broken is not an object and is left out']);
    const by = new Map(store.commands.map((command) => [command.spec.id, command]));
    assert.deepEqual([...by.keys()], ['wl-status', 'triage', 'never', 'odd']);
    const { spec, state, runs } = by.get('wl-status')!;
    assert.deepEqual(
      [spec.command, spec.title, spec.type, spec.frequency_minutes, spec.priority, spec.requires_llm, spec.enabled],
      ['wl status --json', 'Worklog status', 'shell', 5, 2, false, true],
    );
    assert.deepEqual(spec.extra, { owner: 'ops', tags: ['a', 'b'] });
    assert.deepEqual(spec.metadata, { discord_label: 'status' });
    assert.equal(state.running, null, 'what the original had under way is not under way here');
    assert.equal(state.last_run, Date.parse('2026-02-01T12:00:03.500Z'));
    assert.deepEqual(state.extra, { dispatch_count: 4 });
    assert.deepEqual(
      runs.map((run) => [run.started_at, run.exit_code, run.output]),
      [
        [Date.parse('2026-02-01T11:55:00Z'), 1, 'no worklog\n'],
        [Date.parse('2026-02-01T12:00:00Z'), 0, '{"ok": true}\n'],
      ],
    );
    assert.equal(store.last_global_start, Date.parse('2026-02-01T11:00:00Z'));
    assert.equal(store.dispatches.length, 1);
    assert.deepEqual(store.extra, { config: { auto_assign_enabled: true } });
  });

  it('keeps a type that is unknown here as it is, and disables what could never run', () => {
    const by = new Map(parseStore(text, 'f').commands.map((command) => [command.spec.id, command]));
    assert.deepEqual([by.get('triage')!.spec.type, by.get('triage')!.spec.enabled], ['triage-audit', true]);
    assert.deepEqual([by.get('never')!.spec.enabled, by.get('never')!.note], [false, 'Disabled: it has no frequency.']);
    assert.equal(by.get('odd')!.spec.enabled, false);
    assert.match(by.get('odd')!.note ?? '', /2 fields, not five; its priority is not a number/);
  });

  it('comes out of an export as it went in', () => {
    const store = parseStore(text, 'f');
    const out = exportStore(store.commands, {
      last_start: store.last_global_start,
      dispatches: store.dispatches,
      extra: store.extra,
    });
    const again = parseStore(JSON.stringify(out), 'f');
    assert.deepEqual(
      again.commands.map((it) => ({ ...it, note: null })),
      store.commands.map((it) => ({ ...it, note: null })),
    );
    assert.deepEqual(
      [again.last_global_start, again.dispatches, again.extra],
      [store.last_global_start, store.dispatches, store.extra],
    );
    const written = out as unknown as typeof ORIGINAL_STORE;
    assert.equal(written.state['wl-status'].last_run_ts, '2026-02-01T12:00:03.500+00:00');
    assert.equal(written.commands['never'].frequency_minutes, 0);
    assert.deepEqual(written.dispatches, ORIGINAL_STORE.dispatches);
    const { requires_llm, ...triage } = ORIGINAL_STORE.commands.triage;
    for (const [key, value] of Object.entries(triage))
      assert.deepEqual((written.commands.triage as Record<string, unknown>)[key], value, key);
    assert.equal(written.commands.triage.requires_llm, requires_llm);
  });

  it('lets a time of an unknown type that is not one of ours pass from import to export', () => {
    const watch = {
      id: 'watch',
      command: '',
      title: 'W',
      type: 'pr-monitor',
      cron: '*/30 * * * * *',
      timezone: 'Mars',
    };
    const { commands } = parseStore(JSON.stringify({ commands: { watch } }), 'f');
    assert.deepEqual([commands[0]!.spec.enabled, commands[0]!.spec.cron], [false, null]);
    const out = exportStore(commands, { last_start: null, dispatches: [], extra: {} });
    const written = (out['commands'] as Record<string, Record<string, unknown>>)['watch']!;
    assert.deepEqual([written['cron'], written['timezone']], [watch.cron, watch.timezone]);
  });

  it('takes a number in quotes for one, and one that no date can hold for a hundred years', () => {
    const { commands } = parseStore(
      '{"commands": {"a": {"command": "x", "frequency_minutes": "7"}, "b": {"command": "x", "frequency_minutes": 1e300}}}',
      'f',
    );
    assert.deepEqual(
      commands.map(({ spec, note }) => [spec.frequency_minutes, spec.enabled, note]),
      [
        [7, true, null],
        [MAX_MINUTES, true, null],
      ],
    );
  });

  it('reads times without an offset as UTC, whatever this machine thinks', () => {
    const { commands } = parseStore(
      '{"commands": {"a": {"command": "x", "frequency_minutes": 1}}, "state": {"a": {"last_run_ts": "2026-02-01T12:00:00.123456"}}}',
      'f',
    );
    assert.equal(commands[0]!.state.last_run, Date.parse('2026-02-01T12:00:00.123Z'));
  });

  for (const [content, message] of [
    ['{"commands": {\n  "a": {]\n}}', /s\.json, line 2, column 9/],
    ['{"commands": {"a": 1', /s\.json, line 1, column 21/],
    ['', /s\.json, line 1, column 1/],
    ['{"commands": {"a": {"frequency_minutes": NaN}}}', /s\.json, line 1, column 42/],
    ['[]', /not a scheduler store/],
    ['{"commands": []}', /not a scheduler store: commands/],
    ['{"commands": {}, "state": 3}', /not a scheduler store: state/],
    ['{}', /not a scheduler store: commands/],
  ] as const) {
    it(`refuses ${JSON.stringify(content)} as a whole`, () => {
      assert.throws(
        () => parseStore(content, 's.json'),
        (error: unknown) => error instanceof AmpaError && error.code === 'usage' && message.test(error.message),
      );
    });
  }

  it('lets a byte order mark pass', () => {
    assert.equal(parseStore(`\uFEFF${text}`, 'f').commands.length, 4);
  });
});
