/** A process that reads the log of the red check `build` at a fake GitHub into a file: how much memory that takes it. */
import type { RedCheck } from '../../src/tasks/prompts.ts';
import { createGitHub } from '../../src/adapters/github/github.ts';
import { ACME, sha } from './github.ts';

export interface LogReading {
  check: RedCheck;
  /** By how much its peak has grown, bytes. */
  grown: number;
}

const [url, token, file] = process.argv.slice(2) as [string, string, string];
/** The most it ever had, bytes. */
const peak = (): number => process.resourceUsage().maxRSS * 1024;

const { forge } = await createGitHub({ env: { GITHUB_TOKEN: token, AMPA_GITHUB_API_URL: url }, now: Date.now });
const { signal } = new AbortController();
const { snapshots } = await forge.snapshots(ACME, [{ sha: sha(1), pullRequest: null }], signal);
const before = peak();
const check = await forge.failure(
  ACME,
  snapshots[0]!.checks.find((it) => it.name === 'build')!,
  file,
  signal,
);
console.log(JSON.stringify({ check, grown: peak() - before } satisfies LogReading));
