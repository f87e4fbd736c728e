/** Carriers that are ended with SIGKILL around the call that opens a pull request. */
import assert from 'node:assert/strict';
import path from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { createHubProject, type HubProject } from './hubProject.ts';
import { seeded } from './seeded.ts';
import { until } from './until.ts';

/** Where a carrier dies. */
const MOMENTS = [
  /** It asks whether there is one. */
  'looking',
  /** Its call has not reached GitHub. */
  'sent',
  /** GitHub has carried it out, and the answer is lost. */
  'carried out',
  /** It has the answer, and has written nothing down. */
  'answered',
  /** It has just written it down. */
  'recorded',
] as const;
export type Moment = (typeof MOMENTS)[number];

/** Crashes that one task lives through. */
const EACH = 5;

/** Lets carriers die as often as is said, and asserts that each task has one pull request and a good end. */
export async function crashAroundPullRequests({
  crashes,
  seed,
}: {
  crashes: number;
  seed: number;
}): Promise<Record<string, number>> {
  const random = seeded(seed);
  const it = await createHubProject('ampa-pr-kills-', 1);
  const counts: Record<string, number> = {};
  try {
    for (let left = crashes; left > 0; left -= EACH) {
      const moments = Array.from(
        { length: Math.min(EACH, left) },
        () => MOMENTS[Math.floor(random() * MOMENTS.length)]!,
      );
      // What is written down is not asked for again.
      moments.sort((a, b) => Number(a === 'recorded') - Number(b === 'recorded'));
      for (const moment of moments) counts[moment] = (counts[moment] ?? 0) + 1;
      await oneTask(it, moments, random, `seed ${seed}, ${moments.join(', ')}`);
    }
    return counts;
  } finally {
    await it.remove();
  }
}

async function oneTask(it: HubProject, moments: readonly Moment[], random: () => number, story: string): Promise<void> {
  const { hub, fake, project } = it;
  const agent = 'cat >/dev/null; echo "$AMPA_TASK_ID" > state.txt';
  const app = await it.open(agent);
  const before = hub.pullRequests.length;
  const { id } = await app.start({ prompt: 'Make it good', checks: 'true' });
  let opened = 0;
  const isOpening = (request: { method: string; path: string }): boolean =>
    request.method === 'POST' && request.path.endsWith('/pulls');

  for (const moment of moments) {
    const carrier = project.spawnAmpa(['work', id], { ...it.env, AMPA_AGENT_COMMAND: agent });
    const die = (): void => void carrier.kill('SIGKILL');
    let hit = false;
    // Once it is open, the call that finds it is where the answer has to be written down.
    const isCall = (request: { method: string; path: string }): boolean =>
      isOpening(request) ||
      (hub.pullRequests.length > before && request.method === 'GET' && request.path.endsWith('/pulls'));
    let lock: BetterSqlite3.Database | undefined;
    fake.fault = (request) => {
      it.seePushes();
      const opening = isOpening(request);
      const looking = request.method === 'GET' && request.path.endsWith('/pulls');
      if (!hit && moment === 'answered' && isCall(request)) {
        hit = true;
        // As long as another writes, it cannot write down what it is told now.
        lock = new BetterSqlite3(path.join(project.repo, '.worklog/ampa/ampa.db'), { timeout: 5000 });
        lock.exec('begin immediate');
        carrier.once('exit', () => lock!.close());
      }
      const dies =
        !hit &&
        ((moment === 'looking' && looking) ||
          ((moment === 'sent' || moment === 'carried out') && isCall(request)) ||
          (moment === 'recorded' && request.path.endsWith('/graphql')));
      if (opening && !(dies && moment === 'sent')) opened++;
      if (!dies) return null;
      hit = true;
      die();
      return moment === 'carried out' ? 'drop answer' : 'drop';
    };
    fake.answered = (request) => {
      if (lock && isCall(request)) setTimeout(die, random() * 60);
    };
    await until(
      `the carrier has died: ${moment} of ${story}`,
      () => carrier.signalCode !== null || carrier.exitCode !== null,
    );
    assert.equal(carrier.signalCode, 'SIGKILL', `it ended before its moment: ${moment} of ${story}`);
    assert.ok(hit);
  }
  fake.fault = (request) => {
    it.seePushes();
    if (isOpening(request)) opened++;
    return null;
  };
  fake.answered = () => undefined;
  const task = await app.carryHere(id, new AbortController().signal);
  assert.equal(task.status, 'success', `${task.reason}: ${task.reason_detail}; ${story}`);
  const pulls = hub.pullRequests.filter((pull) => pull.head === task.branch);
  assert.deepEqual([pulls.length, opened], [1, 1], story);
  assert.deepEqual([pulls[0]!.number, pulls[0]!.draft], [task.pr_number, false], story);
  assert.equal(hub.pullRequests.length, before + 1, story);
  assert.equal(task.attempts, 1, story);
}
