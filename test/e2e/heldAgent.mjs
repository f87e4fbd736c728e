/** The demo agent, which a test can hold in the middle of its turn: it waits as long as the file E2E_HOLD exists. */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

process.stdout.write('a turn has begun\n');
while (fs.existsSync(process.env.E2E_HOLD ?? '')) await sleep(50);
await import('../../scripts/demo/agent.mjs');
