import assert from 'node:assert/strict';
import { CronExpressionParser } from 'cron-parser';
import fc from 'fast-check';
import { compileCron } from '../../src/scheduler/cron.ts';
import { computingMs } from '../support/computing.ts';

const at = (iso: string): number => Date.parse(iso);
const iso = (t: number): string => new Date(t).toISOString().replace(':00.000Z', 'Z');
const series = (expression: string, zone: string | null, from: string, count: number): string[] => {
  const cron = compileCron(expression, zone);
  const found: string[] = [];
  for (let t = at(from); found.length < count; found.push(iso(t))) t = cron.next(t);
  return found;
};

describe('cron', () => {
  it('means local time', () => {
    assert.deepEqual(series('0 3 * * *', 'Europe/Berlin', '2026-01-10T00:00Z', 2), [
      '2026-01-10T02:00Z',
      '2026-01-11T02:00Z',
    ]);
    assert.deepEqual(series('30 9 * * 1-5', 'America/New_York', '2026-07-03T20:00Z', 1), ['2026-07-06T13:30Z']);
  });

  it('runs a time that clocks skip as long after the jump', () => {
    assert.deepEqual(series('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', 2), [
      '2026-03-29T01:30Z',
      '2026-03-30T00:30Z',
    ]);
    assert.deepEqual(
      series('15,45 2 * * *', 'Europe/Berlin', '2026-03-29T01:20Z', 2),
      ['2026-03-29T01:45Z', '2026-03-30T00:15Z'],
      'also when the search begins behind the jump',
    );
  });

  it('runs a named time that happens twice once', () => {
    assert.deepEqual(series('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 2), [
      '2026-10-25T00:30Z',
      '2026-10-26T01:30Z',
    ]);
    assert.deepEqual(
      series('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:45Z', 1),
      ['2026-10-26T01:30Z'],
      'also when the search begins between the two',
    );
    assert.deepEqual(series('30 1-3 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 3), [
      '2026-10-24T23:30Z',
      '2026-10-25T00:30Z',
      '2026-10-25T02:30Z',
    ]);
  });

  it('counts real hours where every hour is meant', () => {
    assert.deepEqual(series('0 * * * *', 'Europe/Berlin', '2026-10-24T23:30Z', 4), [
      '2026-10-25T00:00Z',
      '2026-10-25T01:00Z',
      '2026-10-25T02:00Z',
      '2026-10-25T03:00Z',
    ]);
    assert.deepEqual(series('*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:15Z', 4), [
      '2026-03-29T00:30Z',
      '2026-03-29T01:00Z',
      '2026-03-29T01:30Z',
      '2026-03-29T02:00Z',
    ]);
  });

  it('finds the newest due time without walking through all of them', () => {
    const cron = compileCron('* * 1 * *', 'Europe/Berlin');
    const took = computingMs(() =>
      assert.equal(iso(cron.newest(at('2020-01-01T00:00Z'), at('2026-11-20T12:34Z'))!), '2026-11-01T22:59Z'),
    );
    assert.ok(took < 1000, `${took.toFixed(1)} ms`);
    assert.equal(cron.newest(at('2026-11-02T00:00Z'), at('2026-11-20T12:34Z')), null);
    const yearly = compileCron('0 3 29 2 *', 'Europe/Berlin');
    assert.equal(iso(yearly.next(at('2026-01-01T00:00Z'))), '2028-02-29T02:00Z');
  });

  const moment = fc.integer({ min: at('2025-01-01T00:00Z'), max: at('2028-01-01T00:00Z') });
  const zone = fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Africa/Casablanca',
  );
  const expression = fc.constantFrom(
    '*/7 * * * *',
    '30 2 * * *',
    '15,45 1-3 * * *',
    '0 */2 * * *',
    '5 0 * * 0',
    '0 4 1 * *',
    '59 23 31 12 *',
  );

  it('has one set of due times, wherever the search begins', () => {
    fc.assert(
      fc.property(expression, zone, moment, fc.double({ min: 0, max: 1, noNaN: true }), (text, tz, t, part) => {
        const cron = compileCron(text, tz);
        const due = cron.next(t);
        const between = Math.floor(t + part * (due - 1 - t));
        assert.ok(due > t && due % 60_000 === 0);
        assert.equal(cron.next(between), due);
        assert.equal(cron.newest(t, due), due);
        assert.equal(cron.newest(t, due - 1), null);
      }),
      { numRuns: 300 },
    );
  });

  it('finds around a change of the clocks what a walk in minutes finds', () => {
    fc.assert(
      fc.property(
        expression,
        fc.constantFrom(
          ['Europe/Berlin', '2026-03-29T01:00Z'],
          ['Europe/Berlin', '2026-10-25T01:00Z'],
          ['America/New_York', '2026-11-01T06:00Z'],
          ['Australia/Lord_Howe', '2026-04-04T15:00Z'],
        ),
        fc.integer({ min: -300, max: 300 }),
        (text, [tz, change], minutes) => {
          const cron = compileCron(text, tz);
          const from = at(change) + minutes * 60_000;
          const walked: number[] = [];
          for (let t = from; t <= from + 4 * 3600_000; t += 60_000) if (cron.next(t - 1) === t) walked.push(t);
          assert.equal(cron.newest(from - 1, from + 4 * 3600_000), walked.at(-1) ?? null);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('matches as cron-parser does where clocks never change', () => {
    const field = (min: number, max: number, ...more: string[]) => {
      const one = fc.integer({ min, max });
      const part = fc.oneof(
        one.map(String),
        fc.tuple(one, one).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
        fc
          .tuple(one, one, fc.integer({ min: 1, max: 9 }))
          .map(([a, b, n]) => `${Math.min(a, b)}-${Math.max(a, b)}/${n}`),
        ...more.map((text) => fc.constant(text)),
      );
      const list = fc.uniqueArray(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(','));
      return fc.oneof(fc.constant('*'), fc.constant('*/4'), list);
    };
    const weekday = fc.oneof(
      field(0, 7),
      fc.constantFrom('5L', '1#2', '3#5', 'MON-FRI', 'SUN', '?', '0-6', '1-7', '5-7', '1,4L'),
    );
    const all = fc.tuple(
      field(0, 59),
      field(0, 23),
      fc.oneof(field(1, 31), fc.constantFrom('L', '15,L', '?', '1-31')),
      fc.oneof(field(1, 12), fc.constantFrom('JUL', 'FEB,DEC', '2')),
      weekday,
    );
    fc.assert(
      fc.property(all, moment, fc.nat(999), (parts, t, ms) => {
        const text = parts.join(' ');
        let theirs: ReturnType<typeof CronExpressionParser.parse>;
        let wanted: number[];
        try {
          theirs = CronExpressionParser.parse(text, { tz: 'UTC', currentDate: new Date(t + ms) });
          wanted = theirs.take(4).map((date) => date.getTime());
        } catch {
          return;
        }
        // Theirs gives up after a number of steps; ours when no year has such a day.
        if (wanted.length < 4) return;
        const cron = compileCron(text, 'UTC');
        for (let from = t + ms; wanted.length > 0; from = cron.next(from))
          assert.equal(cron.next(from), wanted.shift(), text);
      }),
      { numRuns: 1000 },
    );
    for (const rare of ['0 0 29 2 *', '0 0 * 2 1#5'])
      assert.equal(new Date(compileCron(rare, 'UTC').next(at('2096-03-01T00:00Z'))).getUTCDate(), 29, rare);
  });

  for (const [text, tz, message] of [
    ['* * * *', null, /4 fields/],
    ['* * * * * *', null, /6 fields/],
    ['@daily', null, /1 fields/],
    ['61 * * * *', null, /61/],
    ['H * * * *', null, /not a cron expression/],
    ['0 0 31 2 *', null, /not a cron expression|never due/],
    ['* * * * *', 'Mars/Olympus', /no time zone "Mars\/Olympus"/],
  ] as const) {
    it(`refuses ${text} ${tz ?? ''}`, () => {
      assert.throws(() => compileCron(text, tz), message);
    });
  }
});
