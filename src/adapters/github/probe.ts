import type { ForgeRepo } from '../../tasks/task.ts';
import type { Client } from './client.ts';
import { isForbidden, statusOf } from './failures.ts';

/** What a user's token lacks of what tasks need, in GitHub's names of permissions and scopes; each endpoint is tried. */
export async function probeRepository(client: Client, repo: ForgeRepo): Promise<string[]> {
  const at = { owner: repo.owner, repo: repo.name };
  const { octokit } = client;
  const missing: string[] = [];
  const { data, headers } = await octokit.request('GET /repos/{owner}/{repo}', at);
  if (data.permissions?.push === false) missing.push('contents: write (you may not push here)');
  const scopes = headers['x-oauth-scopes'];
  // Only tokens with scopes send this; a push that touches workflow files is refused without it.
  if (typeof scopes === 'string' && scopes !== '' && !/\bworkflow\b/.test(scopes)) missing.push('workflow');

  const ref = data.default_branch;
  const tries: [permission: string, ask: () => Promise<unknown>][] = [
    ['pull_requests: write', () => octokit.request('GET /repos/{owner}/{repo}/pulls', { ...at, per_page: 1 })],
    ['actions: read', () => octokit.request('GET /repos/{owner}/{repo}/actions/runs', { ...at, per_page: 1 })],
    ['checks: read', () => octokit.request('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', { ...at, ref })],
    ['statuses: read', () => octokit.request('GET /repos/{owner}/{repo}/commits/{ref}/status', { ...at, ref })],
    ['issues: write', () => octokit.request('GET /repos/{owner}/{repo}/issues', { ...at, per_page: 1 })],
    // Only it marks a pull request as ready, and tells the checks of many commits at once.
    ['GraphQL', () => client.graphql('query { rateLimit { remaining } }', {})],
  ];
  await Promise.all(
    tries.map(async ([permission, ask]) => {
      try {
        await ask();
      } catch (error) {
        if (isForbidden(error)) missing.push(permission);
        // 404, 409, 410 and 422: no commit yet, or switched off here; nothing that a permission would mend.
        else if (![404, 409, 410, 422].includes(statusOf(error) ?? 0)) throw error;
      }
    }),
  );
  return missing.sort();
}
