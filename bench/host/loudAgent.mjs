/** An agent that prints 10 MB a second for `SECONDS`, and then changes a file. */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const line = `${'The agent thinks aloud, at length, and says what it has said before. '.repeat(2).slice(0, 127)}\n`;
const tenth = line.repeat((1024 * 1024) / line.length);
const seconds = Number(process.env.LOUD_SECONDS ?? 10);
const begun = performance.now();
for (let i = 0; i < seconds * 10; i++) {
  if (!process.stdout.write(tenth)) await new Promise((resolve) => process.stdout.once('drain', resolve));
  await sleep(Math.max(0, begun + (i + 1) * 100 - performance.now()));
}
fs.writeFileSync('state.txt', 'good\n');
