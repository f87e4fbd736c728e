/**
 * `npm run bench [-- PART…]`: races against peers, and the budgets of the editor. Parts: job, long,
 * claim, github, schedule, sizes, host; all of them without an argument. One table; nothing in it is remembered from
 * another run.
 */
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { claimAndFinish } from './claim.ts';
import { githubWaiting } from './github.ts';
import { editorBudgets } from './host.ts';
import { instantJob, longJob } from './mainJob.ts';
import { sizes } from './sizes.ts';
import { scheduler } from './schedule.ts';
import { print, type Row } from './table.ts';

const PAIRS = 20;
/** Of the long job fewer: each takes a minute, and its spread is small beside its length. */
const LONG_PAIRS = 6;

const PARTS: Record<string, () => Promise<Row[]>> = {
  job: async () => [await instantJob(PAIRS)],
  long: async () => [await longJob(LONG_PAIRS)],
  claim: async () => [await claimAndFinish(PAIRS)],
  github: githubWaiting,
  schedule: scheduler,
  sizes: async () => sizes(),
  host: editorBudgets,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in PARTS));
if (unknown.length > 0) throw new Error(`no part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`);

const built = spawnSync(process.execPath, ['esbuild.mjs'], {
  cwd: path.resolve(import.meta.dirname, '..'),
  stdio: 'inherit',
});
if (built.status !== 0) throw new Error('the build failed');

const load = (): string => os.loadavg()[0]!.toFixed(1);
console.log(`${os.cpus().length} cores, ${process.version}, load at the beginning ${load()}`);
const rows: Row[] = [];
for (const [name, run] of Object.entries(PARTS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`> ${name}`);
  rows.push(...(await run()));
}
console.log(`load at the end ${load()}\n`);
print(rows);
process.exitCode = rows.some((row) => row.ok === false) ? 1 : 0;
