import assert from 'node:assert/strict';
import { startBudgetClock } from '../../src/tasks/budgetClock.ts';

/** A clock whose slot is held from the beginning. */
function started() {
  let now = 1_000_000;
  const budget = startBudgetClock(() => now, 10_000);
  budget.hold(true);
  return { budget, pass: (ms: number) => (now += ms) };
}

describe("the clock of a task's budget", () => {
  it('charges within one beat what passed before and after a pause, and not the pause', () => {
    const { budget, pass } = started();
    pass(1_000);
    budget.pause(true);
    pass(3_500);
    budget.pause(false);
    pass(500);
    assert.equal(budget.due(), 1_500);
  });

  it('charges nothing while it is paused over many beats, and only what passed since it goes on', () => {
    const { budget, pass } = started();
    budget.pause(true);
    for (let i = 0; i < 5; i++) {
      pass(5_000);
      assert.equal(budget.due(), 0);
    }
    pass(4_000);
    budget.pause(false);
    pass(1_000);
    assert.equal(budget.due(), 1_000);
  });

  it('charges only the time in which the slot was held', () => {
    const { budget, pass } = started();
    pass(2_000);
    budget.hold(false);
    pass(2_000);
    assert.equal(budget.due(), 2_000);
    budget.charged(2_000);
    pass(5_000);
    budget.hold(true);
    pass(700);
    assert.equal(budget.due(), 700);
  });

  it('keeps what could not be written for the next beat, and charges nothing twice', () => {
    const { budget, pass } = started();
    pass(5_000);
    budget.due();
    pass(5_000);
    const due = budget.due();
    assert.equal(due, 10_000);
    pass(100);
    budget.charged(due);
    assert.equal(budget.due(), 100);
  });

  it('counts no sleep of the machine, and no way back of its clock', () => {
    const { budget, pass } = started();
    pass(3_600_000);
    assert.equal(budget.due(), 10_000);
    pass(-3_600_000);
    assert.equal(budget.due(), 10_000);
    pass(1_000);
    assert.equal(budget.due(), 11_000);
  });
});
