/**
 * `node test/host/run.ts source|vsix [PROFILE…]`: mocha inside real extension hosts, one for each
 * profile. Only a result file that the extension host wrote counts: one that crashed reports success.
 *
 * Of the packaged extension only `folder` runs unless others are named: it holds the same files as
 * the built one, which a test there compares, and uses every part of them.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { compile, hostEnv, PROFILES, testFiles, workspace, type Mode, type Profile } from './profiles.ts';
import { installVsix, packagedVsix, root, startServer } from './server.ts';
import { setup } from './setup.ts';
import { launchBrowser, openWorkbench } from './workbench.ts';

const LIMIT_MS = 5 * 60_000;

interface Results {
  stats: { tests: number; passes: number; failures: number; pending: number };
  tests: { fullTitle: string; duration?: number; err?: { message?: string; stack?: string } }[];
}

async function runProfile(browser: Browser, profile: Profile, mode: Mode): Promise<Results | string> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), `ampa-${mode}-${profile}-`));
  const data = path.join(dir, 'server');
  const result = path.join(dir, 'results.json');
  const tests = await compile(profile, path.join(root, 'dist/test-host', `${mode}-${profile}`));
  const folder = workspace(profile, dir);
  if (mode === 'vsix') installVsix(packagedVsix(), data);
  const server = await startServer({
    data,
    trustAll: profile !== 'untrusted',
    settings: { 'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.banner': 'never' },
    env: hostEnv(dir, mode, tests, result),
  });
  const exit = Promise.withResolvers<number | string>();
  const timer = setTimeout(() => exit.resolve('no end within five minutes'), LIMIT_MS);
  let ended: number | string;
  try {
    const page = await openWorkbench(browser, server, {
      folder,
      development: { extension: mode === 'vsix' ? path.join(import.meta.dirname, 'driver') : root, tests },
      prepare: async (it) => {
        await it.exposeFunction('codeAutomationExit', (code: number) => exit.resolve(code));
        await it.exposeFunction('codeAutomationLog', (type: string, args: unknown[]) => {
          if (process.env['VERBOSE']) console.log(`[${type}]`, ...args);
        });
      },
    });
    ended = await exit.promise;
    if (ended !== 0) await page.screenshot({ path: path.join(root, `test-results/${mode}-${profile}.png`) });
    await page.close();
  } finally {
    clearTimeout(timer);
    await server.stop();
  }
  const results = fs.existsSync(result) ? (JSON.parse(fs.readFileSync(result, 'utf8')) as Results) : null;
  if (!results) return `no results, the extension host ended with ${ended}; logs are in ${dir}`;
  if (results.stats.tests > 0 && results.stats.failures === 0 && ended === 0) {
    fs.rmSync(dir, { recursive: true, force: true });
    return results;
  }
  console.log(`logs of ${profile} are in ${dir}`);
  return results.stats.tests === 0 ? 'ran no tests' : results;
}

function print(profile: Profile, results: Results): void {
  console.log(`\n  ${profile}`);
  for (const { fullTitle, duration, err } of results.tests) {
    const failed = err?.message !== undefined;
    console.log(`    ${failed ? 'x' : '✔'} ${fullTitle}${duration ? ` (${duration}ms)` : ''}`);
    if (failed) console.log(`      ${err.stack ?? err.message}`);
  }
}

const [mode, ...only] = process.argv.slice(2);
if (mode !== 'source' && mode !== 'vsix') throw new Error('usage: node test/host/run.ts source|vsix [PROFILE…]');
const chosen = (it: Profile): boolean => (only.length > 0 ? only.includes(it) : mode === 'source' || it === 'folder');
const profiles = PROFILES.filter((it) => chosen(it) && testFiles(it).length > 0);
await setup();
fs.mkdirSync(path.join(root, 'test-results'), { recursive: true });
const all: Results = { stats: { tests: 0, passes: 0, failures: 0, pending: 0 }, tests: [] };
let broken = profiles.length === 0;
const browser = await launchBrowser();
try {
  for (const profile of profiles) {
    const results = await runProfile(browser, profile, mode);
    if (typeof results === 'string') {
      broken = true;
      console.log(`x ${profile}: ${results}`);
      continue;
    }
    print(profile, results);
    for (const key of ['tests', 'passes', 'failures', 'pending'] as const) all.stats[key] += results.stats[key];
    all.tests.push(...results.tests);
  }
} finally {
  await browser.close();
}
const output = process.env['AMPA_TEST_RESULTS'];
if (output) {
  // As the reporter of the other suites writes them.
  const tests = all.tests.map(({ fullTitle, duration, err }) => ({
    title: fullTitle,
    state: err?.message === undefined ? 'passed' : 'failed',
    ms: duration ?? 0,
    error: err?.stack ?? err?.message,
  }));
  fs.writeFileSync(output, JSON.stringify({ stats: all.stats, tests }, null, 1));
}
console.log(`\n  ${all.stats.passes} passing, ${all.stats.failures} failing`);
process.exitCode = broken || all.stats.failures > 0 || all.stats.tests === 0 ? 1 : 0;
