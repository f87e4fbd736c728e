import { runDeliveryCampaign } from '../support/deliveryCampaign.ts';

describe('three hundred messages, two hosts and six deaths', () => {
  it('lose nothing, and say nothing twice but where a death fell between sending and recording', async () => {
    const { sent, buried, repeats, killed, seconds } = await runDeliveryCampaign({
      messages: 300,
      hosts: 2,
      kills: 6,
      timeoutMs: 80_000,
    });
    console.log(
      `      ${sent} sent, ${buried} in the dead letter file, ${repeats} repeats after ${killed} kills, ${seconds.toFixed(0)} s`,
    );
  }).timeout(120_000);
});
