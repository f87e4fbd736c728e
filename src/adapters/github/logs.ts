/** What a red check says: the failing step of a job with its log, or another app's own words. */
import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createExcerpter, excerptOf, type Excerpter } from '../../tasks/excerpt.ts';
import type { FailedCheck, ForgeCheck, ForgeRepo } from '../../tasks/forge.ts';
import type { RedCheck } from '../../tasks/prompts.ts';
import { createMask, redact } from '../../tasks/redact.ts';
import type { Client } from './client.ts';
import { isForbidden, statusOf } from './failures.ts';
import { createStepFilter, timeoutIn, type StepTimes } from './stepLog.ts';

export interface LogOptions {
  secrets: readonly string[];
  /** How long a second of waiting lasts, ms. */
  secondMs?: number;
}

/** Of one step's log, bytes that are kept; the excerpt is made of all of it. */
const LARGEST = 256 * 1024 * 1024;

interface Step {
  name: string;
  number: number;
  status: string;
  conclusion: string | null;
  started_at?: string | null;
  completed_at?: string | null;
}

/** The failing step of a red check with its excerpt; the step's log goes to `logFile`. */
export async function failureOf(
  client: Client,
  repo: ForgeRepo,
  check: ForgeCheck,
  logFile: string,
  signal: AbortSignal,
  options: LogOptions,
): Promise<FailedCheck> {
  const at = { owner: repo.owner, repo: repo.name, request: { signal } };
  const sayings = async (): Promise<string> => (await saidBy(client, repo, check, signal)).join('\n\n');
  if (check.jobId === null) return spoken(check, await sayings(), logFile, null, options);

  let job;
  try {
    job = (
      await client.octokit.request('GET /repos/{owner}/{repo}/actions/jobs/{job_id}', {
        ...at,
        job_id: Number(check.jobId),
      })
    ).data;
  } catch (error) {
    if (!isForbidden(error) && statusOf(error) !== 404) throw error;
    return spoken(check, await sayings(), logFile, 'its log is not visible to AMPA (actions: read)', options);
  }
  const steps: Step[] = job.steps ?? [];
  const step = failingStep(steps);
  if (steps.length === 0) {
    const said = (await sayings()) || 'The job never started.';
    const words = await spoken(check, said, logFile, 'the job never started', options);
    return { ...words, neverStarted: !job.runner_id };
  }
  const log = await readLog(client, repo, check.jobId, step && timesOf(step, steps), logFile, signal, options);
  const cancelled = job.conclusion === 'timed_out' ? 'timed out' : null;
  const base = { name: check.name, step: step?.name ?? null, url: job.html_url ?? check.url };
  if (log === null) {
    const said = await sayings();
    return { ...(await spoken(check, said, logFile, cancelled ?? 'GitHub has no log of it', options)), ...base };
  }
  // That a whole job was ended by time stands in its annotations only.
  const ended = log.timedOut === null && step?.conclusion !== 'failure' ? timeoutIn(await sayings()) : null;
  return { ...base, excerpt: log.excerpt, remark: log.timedOut ?? ended ?? cancelled };
}

/** The step that a job failed in: one that failed, else one that was ended. */
function failingStep(steps: readonly Step[]): Step | null {
  const ended = (conclusion: string): Step | undefined => steps.find((it) => it.conclusion === conclusion);
  return (
    ended('failure') ??
    ended('timed_out') ??
    steps.find((it) => it.status === 'in_progress') ??
    ended('cancelled') ??
    null
  );
}

function timesOf(step: Step, steps: readonly Step[]): StepTimes {
  const before = steps.filter(
    (it) =>
      it.number < step.number && it.number > 1 && it.conclusion !== 'skipped' && it.started_at === step.started_at,
  );
  return {
    name: step.name,
    startedAt: step.started_at ?? null,
    endedAt: step.completed_at ?? null,
    sameSecondBefore: before.length,
    first: step.number === 1,
  };
}

interface ReadLog {
  excerpt: string;
  timedOut: string | null;
}

/** Streams a job's log, or the part of one step; null where GitHub has none. */
async function readLog(
  client: Client,
  repo: ForgeRepo,
  jobId: string,
  step: StepTimes | null,
  logFile: string,
  signal: AbortSignal,
  options: LogOptions,
): Promise<ReadLog | null> {
  const file = await open(logFile, 'w', 0o600);
  try {
    const sink = createSink(file, options.secrets);
    const secondMs = options.secondMs ?? 1000;
    for (let tries = 1, part = step; ; tries++) {
      const location = await logAddress(client, repo, jobId, signal, secondMs);
      if (location === null) return null;
      try {
        await sink.fill(client.download(location, signal), part);
      } catch (error) {
        signal.throwIfAborted();
        if (tries >= 3) throw error;
        await sleep(tries * secondMs, undefined, { signal });
        await sink.restart();
        continue;
      }
      if (!sink.empty() || part === null) return sink.finish();
      // The times of the step and of its log do not meet: all of the job is better than nothing.
      part = null;
    }
  } finally {
    await file.close();
  }
}

/** Where the log is kept: an address that is good for a minute, and carries its own authorization. */
async function logAddress(
  client: Client,
  repo: ForgeRepo,
  jobId: string,
  signal: AbortSignal,
  secondMs: number,
): Promise<string | null> {
  for (let tries = 1; ; tries++) {
    try {
      const { headers } = await client.octokit.request('GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs', {
        owner: repo.owner,
        repo: repo.name,
        job_id: Number(jobId),
        request: { signal, redirect: 'manual' },
      });
      return headers.location ?? null;
    } catch (error) {
      if (statusOf(error) === 410 || isForbidden(error)) return null;
      if (statusOf(error) !== 404) throw error;
      // Just after a job's end its log is still on its way.
      if (tries === 4) return null;
      await sleep(tries * secondMs, undefined, { signal });
    }
  }
}

/** Takes the step's lines to the file and the excerpt, a batch at a time, in constant memory. */
function createSink(file: FileHandle, secrets: readonly string[]) {
  let excerpter: Excerpter = createExcerpter();
  let mask = createMask(secrets);
  let size = 0;
  let seen = 0;
  let timedOut: string | null = null;
  let batch: string[] = [];

  async function flush(): Promise<void> {
    if (batch.length === 0) return;
    const text = `${batch.join('\n')}\n`;
    batch = [];
    excerpter.push(text);
    if (size > LARGEST) return;
    const bytes = Buffer.from(mask(text));
    await file.write(bytes, 0, bytes.length, size);
    size += bytes.length;
  }
  async function restart(): Promise<void> {
    excerpter = createExcerpter();
    mask = createMask(secrets);
    batch = [];
    timedOut = null;
    seen = size = 0;
    await file.truncate(0);
  }

  return {
    restart,
    async fill(chunks: AsyncIterable<string>, step: StepTimes | null): Promise<void> {
      const fateOf = step === null ? () => 'keep' as const : createStepFilter(step);
      let partial = '';
      let over = false;
      const take = async (line: string): Promise<void> => {
        const fate = fateOf(line);
        over ||= fate === 'end';
        if (fate === 'drop' || fate === 'end') return;
        if (fate === 'restart') await restart();
        timedOut ??= timeoutIn(line);
        seen++;
        batch.push(line);
      };
      for await (const chunk of chunks) {
        const lines = (partial + chunk).split('\n');
        partial = lines.pop() ?? '';
        // A line without an end must not fill the memory.
        if (partial.length > 1024 * 1024) {
          lines.push(partial);
          partial = '';
        }
        for (const line of lines) await take(line);
        await flush();
        // Leaving ends the download.
        if (over) break;
      }
      if (partial !== '') await take(partial);
      await flush();
    },
    empty: () => seen === 0,
    finish: (): ReadLog => ({ excerpt: excerpter.finish(secrets), timedOut }),
  };
}

/** A red check that has words instead of a log. */
async function spoken(
  check: ForgeCheck,
  said: string,
  logFile: string,
  remark: string | null,
  { secrets }: LogOptions,
): Promise<RedCheck> {
  const file = await open(logFile, 'w', 0o600);
  try {
    await file.writeFile(redact(said, secrets));
  } finally {
    await file.close();
  }
  const state = check.state === 'timed_out' ? 'timed out' : null;
  return { name: check.name, step: null, url: check.url, excerpt: excerptOf(said, secrets), remark: remark ?? state };
}

/** What a check run or a status says of itself: title, summary, text, annotations. */
async function saidBy(client: Client, repo: ForgeRepo, check: ForgeCheck, signal: AbortSignal): Promise<string[]> {
  const colon = check.id.indexOf(':');
  const [kind, id] = [check.id.slice(0, colon), check.id.slice(colon + 1)];
  if (kind === 'status') {
    const { data } = await client.graphql<{ node: { description?: string | null } | null }>(
      'query Status($id: ID!) { node(id: $id) { ... on StatusContext { description } } }',
      { id },
      signal,
    );
    return [data?.node?.description ?? ''].filter(Boolean);
  }
  if (kind !== 'check' || !/^\d+$/.test(id)) return [];
  const at = { owner: repo.owner, repo: repo.name, check_run_id: Number(id), request: { signal } };
  try {
    const { output } = (await client.octokit.request('GET /repos/{owner}/{repo}/check-runs/{check_run_id}', at)).data;
    const annotations =
      output.annotations_count === 0
        ? []
        : await client.octokit.paginate('GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations', {
            ...at,
            per_page: 100,
          });
    const lines = annotations.map((it) => {
      const place = it.path && it.path !== '.github' ? `${it.path}:${it.start_line}: ` : '';
      return `${place}${it.annotation_level ?? 'note'}: ${[it.title, it.message].filter(Boolean).join(': ')}`;
    });
    return [output.title, output.summary, output.text, lines.join('\n')].filter((it): it is string => Boolean(it));
  } catch (error) {
    if (isForbidden(error) || statusOf(error) === 404) return ['What it says is not visible to AMPA (checks: read).'];
    throw error;
  }
}
