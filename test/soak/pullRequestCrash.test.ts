import { crashAroundPullRequests } from '../support/pullRequestKills.ts';

/** `AMPA_TEST_SEED=N` repeats a campaign. */
describe('fifty carriers killed around the call that opens a pull request', () => {
  it('open one for each task, and each task ends as it would have', async () => {
    const seed = Number(process.env['AMPA_TEST_SEED'] ?? Date.now() % 1_000_000);
    const moments = await crashAroundPullRequests({ crashes: 50, seed });
    console.log(`      seed ${seed}: ${JSON.stringify(moments)}`);
  }).timeout(15 * 60_000);
});
