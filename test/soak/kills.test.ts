import { runCampaign } from '../support/killCampaign.ts';

/** `AMPA_TEST_SEED=N` repeats a campaign. */
describe('two hundred carriers killed at random moments', () => {
  it('lose no task, push no commit twice, leave no process, and every task ends as it would have', async () => {
    const seed = Number(process.env['AMPA_TEST_SEED'] ?? Date.now() % 1_000_000);
    console.log(`      seed ${seed}`);
    const { killed, daemonsKilled, phases, seconds } = await runCampaign({
      kills: 200,
      daemonKills: 20,
      seed,
      slots: 4,
      timeoutMs: 20 * 60_000,
      early: true,
    });
    const where = Object.entries(phases).map(([phase, count]) => `${phase} ${count}`);
    console.log(
      `      ${killed} carriers (${where.join(', ')}) and ${daemonsKilled} daemons in ${seconds.toFixed(0)} s`,
    );
  }).timeout(25 * 60_000);
});
