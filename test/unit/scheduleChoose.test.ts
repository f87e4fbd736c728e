import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Rules } from '../../src/scheduler/spec.ts';
import { capacityWarning, choose, dueFrom, latenessOf, scheduleOf, type Schedule } from '../../src/scheduler/choose.ts';
import { EMPTY_STATE, newCommand } from '../../src/scheduler/command.ts';
import { compileCron } from '../../src/scheduler/cron.ts';
import { createScheduleIndex } from '../../src/scheduler/scheduleIndex.ts';
import { simulate } from '../../src/scheduler/simulate.ts';
import { computingMs } from '../support/computing.ts';

const NOW = Date.parse('2026-05-05T12:00:00Z');
const MINUTE = 60_000;
const rules: Rules = { minIntervalMs: 0, priorityWeight: 0.1 };

const schedule = (over: Partial<Schedule> = {}): Schedule => ({
  id: 'a',
  type: 'shell',
  active: true,
  running: false,
  exempt: false,
  requiresLlm: false,
  priority: 0,
  desiredMs: 10 * MINUTE,
  cron: null,
  lastRun: NOW - 20 * MINUTE,
  served: null,
  ...over,
});
const pick = (all: Schedule[], over: Partial<Rules> = {}, lastStart: number | null = null, llmUp = true) =>
  choose(all, NOW, lastStart, { ...rules, ...over }, llmUp)?.id ?? null;

describe('choosing', () => {
  it('measures lateness in periods', () => {
    assert.equal(latenessOf(schedule(), NOW, rules)?.normalized, 1);
    assert.equal(latenessOf(schedule({ lastRun: NOW - 10 * MINUTE }), NOW, rules), null, 'exactly on time waits');
    assert.equal(latenessOf(schedule({ lastRun: null }), NOW, rules)?.normalized, (NOW - 600_000) / 600_000);
    assert.equal(
      scheduleOf({
        spec: newCommand('x', { command: 'x', frequency_minutes: 0.001 }),
        state: EMPTY_STATE,
        created_at: 0,
        note: null,
      }).desiredMs,
      1000,
      'a second at least',
    );
  });

  it('measures a cron command between its due times', () => {
    const cron = compileCron('0 * * * *', 'UTC');
    const hourly = (served: string, now: string) =>
      latenessOf(schedule({ cron, desiredMs: null, served: Date.parse(served) }), Date.parse(now), rules);
    assert.equal(hourly('2026-05-05T11:00Z', '2026-05-05T12:15Z')?.normalized, 0.25);
    assert.equal(hourly('2026-05-05T12:00Z', '2026-05-05T12:15Z'), null);
    assert.equal(hourly('2026-05-01T12:00Z', '2026-05-05T12:30Z')?.due, Date.parse('2026-05-05T12:00Z'));
    const exactly = hourly('2026-05-05T11:00Z', '2026-05-05T12:00Z');
    assert.ok(exactly && exactly.score > 0 && exactly.score < 1e-9);
  });

  it('weighs by priority, and lets none of them starve', () => {
    const weigh = (priority: number, priorityWeight = 0.1) =>
      latenessOf(schedule({ priority }), NOW, { ...rules, priorityWeight })?.score;
    assert.equal(weigh(5), 1.5);
    assert.equal(weigh(-5), 0.5);
    assert.equal(weigh(-100), 0.05);
    assert.equal(weigh(5, -1), 1);
  });

  it('takes the highest score, then lateness, then id', () => {
    assert.equal(pick([schedule(), schedule({ id: 'b', lastRun: NOW - 30 * MINUTE })]), 'b');
    const early = schedule({ id: 'b', lastRun: NOW - 15 * MINUTE, priority: 10 });
    assert.equal(pick([schedule(), early]), 'a', 'the same score: the later one');
    assert.equal(pick([schedule({ id: 'b' }), schedule({ id: 'c' }), schedule()]), 'c');
  });

  it('leaves out what is off, running, or without its LLM', () => {
    assert.equal(pick([schedule({ active: false })]), null);
    assert.equal(pick([schedule({ running: true })]), null);
    assert.equal(pick([schedule({ requiresLlm: true })], {}, null, false), null);
    assert.equal(pick([schedule({ requiresLlm: true })]), 'a');
    assert.equal(pick([schedule({ desiredMs: null })]), null);
  });

  it('asks for the language model only where a command needs it now', () => {
    const asks = (over: Partial<Schedule>, more: Partial<Rules> = {}, lastStart: number | null = null) => {
      const index = createScheduleIndex();
      index.set(schedule({ requiresLlm: true, ...over }));
      return index.needsLlm(NOW, lastStart, { ...rules, ...more });
    };
    assert.equal(asks({}), true);
    for (const over of [{ requiresLlm: false }, { active: false }, { running: true }, { lastRun: NOW }])
      assert.equal(asks(over), false);
    assert.equal(asks({}, { minIntervalMs: MINUTE }, NOW), false, 'the global interval holds it back');
    const heartbeat = { type: 'heartbeat', exempt: true };
    assert.equal(asks(heartbeat, { dormant: new Set(['heartbeat']) }), false, 'nobody would hear it');
    assert.equal(asks(heartbeat), true);
  });

  it('keeps the global interval, which heartbeats ignore', () => {
    const held = { minIntervalMs: MINUTE };
    assert.equal(pick([schedule()], held, NOW - MINUTE + 1), null);
    assert.equal(pick([schedule()], held, NOW - MINUTE), 'a');
    assert.equal(pick([schedule()], held, NOW + 5 * MINUTE), null, 'a start after now counts as one now');
    assert.equal(pick([schedule(), schedule({ id: 'beat', exempt: true, priority: -9 })], held, NOW), 'beat');
  });

  it('warns when more is wanted than the interval allows', () => {
    const minutely = [schedule({ desiredMs: MINUTE }), schedule({ id: 'b', desiredMs: MINUTE })];
    assert.match(
      capacityWarning(minutely, NOW, { ...rules, minIntervalMs: MINUTE }) ?? '',
      /need 120 starts an hour.*allows 60/,
    );
    assert.equal(capacityWarning(minutely.slice(1), NOW, { ...rules, minIntervalMs: MINUTE }), null);
    assert.equal(capacityWarning(minutely, NOW, rules), null);
  });

  const crons = ['* * * * *', '*/5 * * * *', '0 3 * * *', '30 2 * * 1'].map((text) =>
    compileCron(text, 'Europe/Berlin'),
  );
  const ago = fc.integer({ min: -60 * MINUTE, max: 3 * 24 * 60 * MINUTE });
  const anySchedule = fc.record({
    type: fc.constantFrom('shell', 'shell', 'heartbeat'),
    active: fc.boolean(),
    running: fc.boolean(),
    exempt: fc.boolean(),
    requiresLlm: fc.boolean(),
    priority: fc.integer({ min: -30, max: 30 }),
    desiredMs: fc.option(fc.integer({ min: 1000, max: 60 * MINUTE }), { freq: 8 }),
    cron: fc.option(fc.constantFrom(...crons)),
    lastRun: fc.option(
      ago.map((ms) => NOW - ms),
      { freq: 8 },
    ),
    served: fc.option(
      ago.map((ms) => NOW - ms),
      { freq: 8 },
    ),
  });
  const many = fc
    .array(anySchedule, { maxLength: 12 })
    .map((list) => list.map((it, i): Schedule => ({ ...it, id: `c${i}` })));
  const anyRules = fc.record({
    minIntervalMs: fc.constantFrom(0, 1000, MINUTE),
    priorityWeight: fc.constantFrom(-1, 0, 0.1, 2),
    dormant: fc.constantFrom(new Set<string>(), new Set(['heartbeat'])),
  });
  const lastStart = fc.option(ago.map((ms) => NOW - ms));

  it('chooses the maximum of what is eligible', () => {
    fc.assert(
      fc.property(many, anyRules, lastStart, fc.boolean(), (all, r, last, llmUp) => {
        const chosen = choose(all, NOW, last, r, llmUp);
        const free = (it: Schedule): boolean =>
          it.active &&
          !it.running &&
          (llmUp || !it.requiresLlm) &&
          !r.dormant.has(it.type) &&
          (it.exempt || last === null || NOW - last >= r.minIntervalMs || r.minIntervalMs === 0);
        const late = all.filter(free).flatMap((it) => latenessOf(it, NOW, r) ?? []);
        if (!chosen) return assert.deepEqual(late, []);
        assert.ok(chosen.score > 0);
        for (const other of late) {
          assert.ok(
            other.score < chosen.score ||
              (other.score === chosen.score && other.normalized < chosen.normalized) ||
              (other.score === chosen.score && other.normalized === chosen.normalized && other.id <= chosen.id),
          );
        }
      }),
    );
  });

  it('answers from the index as from a look at everything, whichever way the clock goes', () => {
    const steps = fc.array(
      fc.record({
        jump: fc.integer({ min: -20 * MINUTE, max: 40 * MINUTE }),
        edit: fc.option(fc.tuple(fc.nat(11), anySchedule)),
        llmUp: fc.boolean(),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(many, anyRules, lastStart, steps, (all, r, last, moves) => {
        const index = createScheduleIndex();
        const plain = new Map<string, Schedule>();
        const put = (it: Schedule): void => {
          index.set(it);
          plain.set(it.id, it);
        };
        all.forEach(put);
        let now = NOW;
        for (const { jump, edit, llmUp } of moves) {
          now += jump;
          if (edit) put({ ...edit[1], id: `c${edit[0]}` });
          const expected = choose(plain.values(), now, last, r, llmUp);
          assert.deepEqual(index.choose(now, last, r, llmUp), expected);
          if (!expected) {
            const look = index.nextLook(now, last, r);
            assert.ok(look > now);
            const until = Math.min(look, now + 3600_000) - 1;
            assert.equal(choose(plain.values(), Math.max(now, until), last, r, llmUp), null, 'nothing is due before');
          }
          if (expected && jump % 2 === 0) {
            const it = plain.get(expected.id)!;
            put({ ...it, lastRun: now, served: it.cron ? expected.due : null });
          }
        }
      }),
    );
  });

  it('starves no overdue command, however many press before it', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            desiredMs: fc.integer({ min: 30_000, max: 5 * MINUTE }),
            priority: fc.integer({ min: -50, max: 20 }),
          }),
          {
            minLength: 2,
            maxLength: 6,
          },
        ),
        (specs) => {
          const all = specs.map((it, i) => schedule({ ...it, id: `c${i}` }));
          // One start a minute is far less than they want together.
          const hours = 24 * 8;
          const { observed } = simulate(
            all,
            { minIntervalMs: MINUTE, priorityWeight: 0.1 },
            { from: NOW, hours, tickSeconds: 60 },
          );
          for (const { id } of all) assert.ok((observed[id]?.length ?? 0) >= 2, `${id} was started`);
        },
      ),
      { numRuns: 15 },
    );
  });

  it('starves no cron command behind one that asks for more than the interval allows', () => {
    const all = [
      schedule({ id: 'greedy', desiredMs: MINUTE / 2, priority: 5 }),
      ...['* * * * *', '0 * * * *', '0 3 * * *'].map((text, i) =>
        schedule({ id: `cron${i}`, desiredMs: null, cron: compileCron(text, 'Europe/Berlin') }),
      ),
    ];
    const one = { minIntervalMs: MINUTE, priorityWeight: 0.1 };
    const { observed } = simulate(all, one, { from: NOW, hours: 24 * 7, tickSeconds: 60 });
    for (const { id } of all) assert.ok(observed[id]!.length >= 2, `${id}: ${observed[id]!.length} times in a week`);
  });

  it('serves each due time of a cron command while the interval allows what is wanted', () => {
    const times = fc.constantFrom('*/10 * * * *', '0 * * * *', '30 */2 * * *', '5,35 * * * *', '15 3 * * *');
    fc.assert(
      fc.property(
        fc.array(times, { minLength: 1, maxLength: 4 }),
        fc.array(
          fc.record({
            desiredMs: fc.integer({ min: 6 * MINUTE, max: 60 * MINUTE }),
            priority: fc.integer({ min: -50, max: 20 }),
          }),
          { maxLength: 3 },
        ),
        fc.integer({ min: -50, max: 20 }),
        (expressions, others, priority) => {
          const timed = expressions.map((text, i) => ({ id: `cron${i}`, cron: compileCron(text, 'Europe/Berlin') }));
          const all = [
            ...timed.map((it) => schedule({ ...it, priority, desiredMs: null })),
            ...others.map((it, i) => schedule({ ...it, id: `every${i}` })),
          ];
          const one = { minIntervalMs: MINUTE, priorityWeight: 0.1 };
          // At most 24 + 30 of 60 starts an hour.
          assert.equal(capacityWarning(all, NOW, one), null);
          const { observed } = simulate(all, one, { from: NOW, hours: 24, tickSeconds: 30 });
          for (const { id, cron } of timed) {
            let wanted = 0;
            for (let t = cron.next(NOW); t <= NOW + 24 * 60 * MINUTE - 10 * MINUTE; t = cron.next(t)) wanted++;
            const served = observed[id]!.length;
            assert.ok(served === wanted || served === wanted + 1, `${id}: ${served} of ${wanted}`);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('starts nothing twice when time goes backwards', () => {
    const jumps = fc.array(fc.integer({ min: -120 * MINUTE, max: 45 * MINUTE }), { minLength: 5, maxLength: 60 });
    fc.assert(
      fc.property(jumps, fc.constantFrom(...crons), (moves, cron) => {
        const cronCommand = schedule({ id: 'cron', cron, desiredMs: null, served: NOW });
        const frequent = schedule({ id: 'often', lastRun: NOW });
        const index = createScheduleIndex();
        index.set(cronCommand);
        index.set(frequent);
        const served = new Set<number>();
        let now = NOW;
        let last = NOW;
        for (const move of moves) {
          now += move;
          for (let c = index.choose(now, null, rules, true); c; c = index.choose(now, null, rules, true)) {
            if (c.id === 'cron') {
              assert.ok(!served.has(c.due), 'a due time is served once');
              served.add(c.due);
              index.set({ ...cronCommand, served: c.due });
            } else {
              assert.ok(now - last > 10 * MINUTE, 'a period lies between two starts');
              last = now;
              index.set({ ...frequent, lastRun: now });
            }
          }
        }
      }),
    );
  });

  it('runs a cron command once for each due time while a host is there, through both changes of the clocks', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('2026-03-28T18:00Z', '2026-10-24T18:00Z'),
        fc.constantFrom('*/20 * * * *', '30 2 * * *', '15 1-3 * * *'),
        fc.integer({ min: 1, max: 10 }),
        (from, text, step) => {
          const cron = compileCron(text, 'Europe/Berlin');
          const begin = Date.parse(from);
          const end = begin + 14 * 3600_000;
          const wanted: number[] = [];
          for (let t = cron.next(begin); t <= end; t = cron.next(t)) wanted.push(t);
          const index = createScheduleIndex();
          const command = schedule({ id: 'cron', cron, desiredMs: null, served: begin });
          index.set(command);
          const started: number[] = [];
          for (let now = begin; now <= end + step * MINUTE; now += step * MINUTE) {
            const choice = index.choose(now, null, rules, true);
            if (!choice) continue;
            started.push(choice.due);
            index.set({ ...command, served: choice.due });
          }
          assert.deepEqual(
            started.filter((t) => t <= end),
            wanted,
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it('simulates one, two and five minutes within 20 % of their frequency', () => {
    const all = [1, 2, 5].map((minutes) => schedule({ id: `m${minutes}`, desiredMs: minutes * MINUTE }));
    const { observed } = simulate(
      all,
      { minIntervalMs: 1000, priorityWeight: 0 },
      { from: NOW, hours: 2, tickSeconds: 10 },
    );
    for (const minutes of [1, 2, 5]) {
      const gaps = observed[`m${minutes}`]!;
      const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
      assert.ok(Math.abs(mean - minutes * 60) <= 0.2 * minutes * 60, `${minutes} min: ${mean} s`);
    }
  });

  it('knows the next due time among 100,000 commands, and decides in 2 ms with 1 % of them due', () => {
    const index = createScheduleIndex();
    const all = Array.from({ length: 100_000 }, (_, i) =>
      schedule({
        id: `c${i}`,
        lastRun: i % 100 === 0 ? NOW - 20 * MINUTE - i : NOW - (i % 9) * MINUTE,
        priority: i % 7,
      }),
    );
    for (const it of all) index.set(it);
    assert.deepEqual(index.choose(NOW, null, rules, true), choose(all, NOW, null, rules, true));
    const took = computingMs(() => {
      for (let decision = 0; decision < 200; decision++) {
        const choice = index.choose(NOW + decision, null, rules, true)!;
        index.set({ ...index.get(choice.id)!, lastRun: NOW + decision });
      }
    });
    assert.ok(took / 200 <= 2, `${took / 200} ms`);
    const idle = createScheduleIndex();
    for (const it of all.filter((_, i) => i % 100 !== 0)) idle.set(it);
    assert.equal(idle.nextLook(NOW, null, rules), Math.min(...all.filter((_, i) => i % 100 !== 0).map(dueFrom)));
  });
});
