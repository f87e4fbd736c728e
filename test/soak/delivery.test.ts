import { runDeliveryCampaign } from '../support/deliveryCampaign.ts';

describe('ten thousand messages across five hosts, a fifth of the tries failing, and a hundred deaths', () => {
  it('lose nothing, and say nothing twice but where a death fell between sending and recording', async () => {
    const { sent, buried, repeats, killed, seconds } = await runDeliveryCampaign({
      messages: 10_000,
      hosts: 5,
      kills: 100,
      timeoutMs: 20 * 60_000,
    });
    console.log(
      `      ${sent} sent, ${buried} in the dead letter file, ${repeats} repeats after ${killed} kills, ${seconds.toFixed(0)} s`,
    );
  }).timeout(25 * 60_000);
});
