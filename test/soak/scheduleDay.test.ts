import assert from 'node:assert/strict';
import { dayOfProcesses } from '../support/scheduleProcessDay.ts';

describe('a day of a scheduler on five processes', () => {
  for (const begin of ['2026-03-28T12:00Z', '2026-10-24T12:00Z']) {
    it(`from ${begin}, killed and replaced in turn: nothing runs twice, nothing is missed`, async function () {
      this.timeout(15 * 60_000);
      const from = Date.parse(begin);
      const { owners, runs, killed, interrupted } = await dayOfProcesses({
        hosts: 5,
        from,
        hours: 24,
        killEverySteps: 40,
      });
      console.log(`      ${runs} runs, ${killed} hosts killed, ${interrupted} runs interrupted`);
      assert.ok(runs > 400 && owners.size > 10);
    });
  }
});
