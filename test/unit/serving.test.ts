import assert from 'node:assert/strict';
import type { HostInfo } from '../../src/app/hosts.ts';
import type { App } from '../../src/app/api.ts';
import { httpError } from '../../src/app/httpErrors.ts';
import { createMeter } from '../../src/app/meter.ts';
import { createPulse, loopStates } from '../../src/app/pulse.ts';
import { createServing, type ServingDeps } from '../../src/app/serving.ts';
import { AmpaError } from '../../src/errors.ts';

describe('the health of a host', () => {
  let now: number;
  beforeEach(() => {
    now = 1_000_000;
  });
  const host = (): HostInfo => ({
    id: 'me',
    kind: 'daemon',
    pid: 1,
    machine: 'm',
    asks: false,
    loops: [],
    startedAt: '',
    lastBeat: now,
    live: true,
    alive: true,
  });
  function make(over: Partial<ServingDeps> = {}) {
    const clock = { now: () => now, sleep: async () => undefined, after: () => () => undefined };
    const pulses = { 'worker loop': createPulse(clock.now), scheduler: createPulse(clock.now) };
    const serving = createServing({
      kind: 'daemon',
      clock,
      userDir: '/nowhere',
      secrets: [],
      app: () => ({ hosts: async () => [host()] }) as unknown as App,
      config: () => assert.fail(),
      onConfig: () => () => undefined,
      existing: () => undefined,
      hostId: () => 'me',
      watch: async () => () => undefined,
      loops: () => loopStates(pulses),
      meter: createMeter(() => undefined),
      respond: () => assert.fail(),
      channels: () => [],
      say: () => undefined,
      ...over,
    });
    return { serving, pulses };
  }

  it('is good where nothing is wrong', async () => {
    assert.deepEqual(await make().serving.health(), { ok: true, reasons: [] });
  });

  it('is bad where nobody outside hears of anything', async () => {
    const detail = 'Neither a Discord token nor a webhook is configured.';
    const { serving } = make({ channels: () => [detail] });
    assert.deepEqual(await serving.health(), { ok: false, reasons: [{ kind: 'channels', detail }] });
  });

  it('is bad where a loop stands still, and names it', async () => {
    const { serving, pulses } = make();
    pulses['worker loop'].begins();
    pulses.scheduler.begins();
    pulses.scheduler.done(now + 3600_000);
    now += 50_000;
    assert.deepEqual(await serving.health(), {
      ok: false,
      reasons: [{ kind: 'engine', detail: 'The worker loop of this process is 50 s late.' }],
    });
  });

  it('is told to the status bar without a look at the store', () => {
    const none = (): never => assert.fail('it only looks at what it has');
    const { serving, pulses } = make({ existing: none, app: none });
    assert.deepEqual(serving.stalls([host()]), []);
    pulses.scheduler.begins();
    now += 50_000;
    const other = { ...host(), id: 'other', pid: 2, lastBeat: now - 60_000 };
    assert.deepEqual(serving.stalls([host(), other]), [
      'The scheduler of this process is 50 s late.',
      'The daemon 2 has given no sign of life for 60 s.',
    ]);
  });

  it('is bad where the database cannot be read', async () => {
    const { serving } = make({
      app: () => ({ hosts: () => Promise.reject(new AmpaError('store_newer', 'it is damaged')) }) as unknown as App,
    });
    const { ok, reasons } = await serving.health();
    assert.deepEqual([ok, reasons[0]!.kind], [false, 'database']);
    assert.match(reasons[0]!.detail, /it is damaged/);
  });
});

describe('an error over HTTP', () => {
  const mask = (text: string): string => text.replaceAll('hunter2', '***');
  it('has the status of its code, and no secret', () => {
    const statuses = { usage: 400, not_found: 404, invalid_state: 409, timed_out: 410, agent_error: 502 } as const;
    for (const [code, status] of Object.entries(statuses))
      assert.equal(httpError(new AmpaError(code as keyof typeof statuses, 'x'), mask).status, status, code);
    assert.equal(httpError(new AmpaError('git', 'fatal: hunter2'), mask).message, 'fatal: ***');
  });

  it('tells nothing of a bug but that there is one', () => {
    const told = httpError(new TypeError('x of undefined at hunter2'), mask);
    assert.deepEqual([told.status, told.code], [500, 'internal']);
    assert.doesNotMatch(told.message, /undefined|hunter2/);
  });
});
