import type { Carry } from './phase.ts';
import type { Watch } from '../watchStore.ts';
import { AmpaError, describeError } from '../../errors.ts';
import { foldChecks, workflowRun } from '../fold.ts';
import { isOpen, type FailedCheck, type Forge, type ForgeCheck } from '../forge.ts';
import { inFiles } from '../prompts.ts';
import type { Reason } from '../reasons.ts';
import type { Check, Task } from '../task.ts';
import { watchChecks, watchKey } from '../watch.ts';
import { finishGreen } from './green.ts';
import { ifMerged } from './merged.ts';
import { forgeOnBase } from './onBase.ts';
import { askAgain } from './red.ts';

/** No check so long after the push and the pull request: there is none, ms. */
const MISSING_AFTER_MS = 3 * 60_000;
/** Green that was seen sooner after the push does not count, ms. */
const SETTLED_MS = 10_000;
/** What an agent is shown at a time; the first failures explain the rest. */
const MAX_RED = 3;

type ChecksDecision = { kind: 'green' | 'red' } | { kind: 'stop'; reason: Exclude<Reason, 'user'>; detail: string };

/** Waits for all checks of the pushed commit on the forge, and acts on what they add up to. */
export async function forgeChecksPhase(carry: Carry, task: Task): Promise<Task> {
  const { deps, claim, signal } = carry;
  const { store } = deps;
  const forge = await deps.forge(task);
  const sha = task.pushed_sha ?? task.head_sha!;
  const log = await carry.log(task.attempts);
  log.note(`waiting for the checks of ${sha.slice(0, 10)}`);
  let shown = '';
  let checks: readonly ForgeCheck[] = [];
  let hidden: readonly string[] = [];

  const decision = await watchChecks<ChecksDecision>(carry, forge, task, sha, async (watch) => {
    checks = watch.snapshot?.checks ?? [];
    hidden = watch.snapshot?.hidden ?? [];
    const state = JSON.stringify(checks);
    if (state !== shown) {
      for (const check of checks) await store.saveCheck(claim, rowOf(task, sha, check));
      const run = workflowRun(task.forge!, checks);
      if (run.ci_run_id !== task.ci_run_id) task = await store.patch(claim, run);
      shown = state;
    }
    return judge(carry, forge, task, watch);
  });
  signal.throwIfAborted();
  await learn(carry, task, checks);

  if (decision.kind !== 'green') {
    const merged = await ifMerged(carry, task);
    if (merged) return merged;
  }
  switch (decision.kind) {
    case 'stop':
      log.note(`${decision.reason}: ${decision.detail}`);
      return store.apply(claim, { type: 'stop', reason: decision.reason, detail: decision.detail });
    case 'green':
      log.note('all checks are green');
      if (hidden.length > 0) await store.note(claim, `Green without what is not visible here: ${hidden.join(', ')}.`);
      return finishGreen(carry, task, sha);
    case 'red': {
      const red = await failures(carry, forge, task, sha, checks);
      const started = red.filter((check) => !check.neverStarted);
      if (started.length > 0) return askAgain(carry, task, started, sha);
      // The agent cannot mend what never ran.
      const detail = red.map((check) => `${check.name}: ${check.remark}: ${check.excerpt}`).join('\n');
      return store.apply(claim, { type: 'stop', reason: 'checks_blocked', detail });
    }
  }
}

/**
 * What is seen now as a decision; undefined: not yet. Time is what lay between the push and the look, not the
 * wall's: a machine that slept has to look again before anything is late, and so has one whose newest look failed.
 */
async function judge(carry: Carry, forge: Forge, task: Task, watch: Watch): Promise<ChecksDecision | undefined> {
  const { watches } = carry.deps;
  const { snapshot, seenAt, failure } = watch;
  if (failure && failure.at - failure.since > task.limits.checksMs) {
    return { kind: 'stop', reason: 'checks_unknown', detail: failure.detail };
  }
  if (!snapshot || seenAt === null) return undefined;
  const age = seenAt - watch.since;
  const waited = failure ? 0 : age;
  const late = waited > task.limits.checksMs;
  const states = snapshot.checks.map((check) => check.state);
  switch (foldChecks(states, watch.rerun)) {
    case 'green':
      // Checks of several workflows do not appear at once: what is green a moment after the push may not be all.
      return age >= SETTLED_MS ? { kind: 'green' } : undefined;
    case 'red':
      return { kind: 'red' };
    case 'rerun': {
      const stale = snapshot.checks.filter((check) => check.state === 'cancelled' || check.state === 'stale');
      try {
        await forge.rerun(task.forge!, stale, carry.signal);
      } catch (error) {
        if (carry.signal.aborted || !(error instanceof AmpaError)) throw error;
        const names = stale.map((check) => check.name).join(', ');
        return {
          kind: 'stop',
          reason: 'checks_blocked',
          detail: `${names}: cancelled, and ${carry.mask(describeError(error))}`,
        };
      }
      await watches.markRerun(carry.claim);
      await carry.deps.store.note(carry.claim, `Run again once: ${stale.map((check) => check.name).join(', ')}`);
      return undefined;
    }
    case 'blocked': {
      const blocked = snapshot.checks.filter((check) =>
        ['action_required', 'startup_failure', 'cancelled', 'stale'].includes(check.state),
      );
      return {
        kind: 'stop',
        reason: 'checks_blocked',
        detail: blocked.map((check) => `${check.name}: ${check.state.replace('_', ' ')}`).join('\n'),
      };
    }
    case 'missing':
      if (snapshot.mergeable === 'conflict') {
        return {
          kind: 'stop',
          reason: 'merge_conflict',
          detail: `${task.branch} conflicts with ${task.base}${inFiles(await carry.deps.git.conflicts(task, carry.signal))}, so no check runs.`,
        };
      }
      if (snapshot.hidden.length > 0 && waited > MISSING_AFTER_MS) {
        return {
          kind: 'stop',
          reason: 'checks_blocked',
          detail: `Not visible to this identity: ${snapshot.hidden.join(', ')}`,
        };
      }
      return waited > MISSING_AFTER_MS
        ? {
            kind: 'stop',
            reason: 'checks_missing',
            detail: `No check 3 minutes after the push of ${watch.sha.slice(0, 10)}.`,
          }
        : undefined;
    case 'pending':
      return late ? { kind: 'stop', reason: 'checks_timeout', detail: pendingOf(snapshot.checks) } : undefined;
  }
}

const pendingOf = (checks: readonly ForgeCheck[]): string =>
  checks
    .filter(isOpen)
    .map((check) => `${check.name}: ${check.state}`)
    .join('\n');

async function failures(
  carry: Carry,
  forge: Forge,
  task: Task,
  sha: string,
  checks: readonly ForgeCheck[],
): Promise<FailedCheck[]> {
  const failed = checks.filter((check) => check.state === 'failure' || check.state === 'timed_out');
  const red: FailedCheck[] = [];
  const rest = failed.map((check) => check.name);
  const onBase = await forgeOnBase(carry, forge, task, sha, failed);
  for (const check of failed) {
    if (red.filter((it) => !it.neverStarted).length === MAX_RED) break;
    rest.shift();
    const logFile = await carry.deps.checkLogFile(task, check.name);
    const failure = await failureOf(carry, forge, task, check, logFile);
    await carry.deps.store.saveCheck(carry.claim, {
      ...rowOf(task, sha, check),
      ...(failure.neverStarted ? { state: 'startup_failure' } : {}),
      excerpt: failure.excerpt,
      log_path: logFile,
    });
    red.push({ ...failure, onBase: onBase.has(check) });
  }
  const last = red.at(-1);
  if (last && rest.length > 0) red[red.length - 1] = withRemark(last, `these failed too: ${rest.join(', ')}`);
  return red;
}

const withRemark = (check: FailedCheck, remark: string): FailedCheck => ({
  ...check,
  remark: [check.remark, remark].filter(Boolean).join('; '),
});

/** A log that cannot be had is said to the agent; the name and the address of the check still help. */
async function failureOf(
  carry: Carry,
  forge: Forge,
  task: Task,
  check: ForgeCheck,
  logFile: string,
): Promise<FailedCheck> {
  try {
    return await forge.failure(task.forge!, check, logFile, carry.signal);
  } catch (error) {
    if (carry.signal.aborted || !(error instanceof AmpaError)) throw error;
    const excerpt = `Its log could not be read: ${carry.mask(describeError(error))}`;
    return { name: check.name, step: null, url: check.url, excerpt, remark: null };
  }
}

const rowOf = (task: Task, sha: string, check: ForgeCheck): Check => ({
  task_id: task.id,
  attempt: task.attempts,
  sha,
  name: check.name,
  provider: 'github',
  state: check.state,
  started_at: check.startedAt,
  ended_at: check.endedAt,
  url: check.url,
  excerpt: null,
  log_path: null,
});

/** How long each workflow took, so that the next wait knows when to look closely. */
async function learn(carry: Carry, task: Task, checks: readonly ForgeCheck[]): Promise<void> {
  const spans = new Map<string, { from: number; to: number }>();
  for (const { workflow, startedAt, endedAt } of checks) {
    if (!workflow || !startedAt || !endedAt) continue;
    const [from, to] = [Date.parse(startedAt), Date.parse(endedAt)];
    const span = spans.get(workflow);
    spans.set(workflow, span ? { from: Math.min(span.from, from), to: Math.max(span.to, to) } : { from, to });
  }
  for (const [workflow, { from, to }] of spans)
    await carry.deps.watches.learn(watchKey(task.forge!), workflow, to - from);
}
