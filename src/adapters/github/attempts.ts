import type { ForgeRepo } from '../../tasks/task.ts';
import { ambiguousRuns, type FoundCheck } from './checkStates.ts';
import type { Client } from './client.ts';
import { isForbidden } from './failures.ts';

/**
 * Leaves out jobs of earlier attempts of a run. GitHub is asked only about runs in which a name stands
 * twice; where it may not tell, all of them count: a red job must not be taken for an old one.
 */
export async function withoutEarlierAttempts(
  client: Client,
  repo: ForgeRepo,
  found: readonly FoundCheck[],
  signal: AbortSignal,
): Promise<FoundCheck[]> {
  let kept = [...found];
  for (const runId of ambiguousRuns(found)) {
    let latest: Set<string>;
    try {
      const at = { owner: repo.owner, repo: repo.name, run_id: Number(runId), per_page: 100, request: { signal } };
      // Without a filter only jobs of the latest attempt are listed.
      const jobs = await client.octokit.paginate('GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs', at);
      latest = new Set(jobs.map((job) => String(job.id)));
    } catch (error) {
      if (isForbidden(error)) continue;
      throw error;
    }
    kept = kept.filter((it) => it.runId !== runId || it.jobId === null || latest.has(it.jobId));
  }
  return kept;
}
