import { runCampaign } from '../support/killCampaign.ts';

describe('twenty carriers killed at random moments', () => {
  it('lose no task, push no commit twice, leave no process, and every task ends as it would have', async () => {
    const seed = Number(process.env['AMPA_TEST_SEED'] ?? Date.now() % 1_000_000);
    const { killed, daemonsKilled, phases, seconds } = await runCampaign({
      kills: 20,
      daemonKills: 2,
      seed,
      slots: 4,
      timeoutMs: 100_000,
    });
    const where = Object.entries(phases).map(([phase, count]) => `${phase} ${count}`);
    console.log(
      `      seed ${seed}: ${killed} carriers (${where.join(', ')}) and ${daemonsKilled} daemons in ${seconds.toFixed(0)} s`,
    );
  }).timeout(120_000);
});
