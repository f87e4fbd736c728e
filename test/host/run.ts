/**
 * `node test/host/run.ts source|vsix [PROFILE…]`: mocha inside real extension hosts. Each folder of
 * suite/ is a profile with a window of its own:
 *
 *   folder      the sample repository, trusted, with the demo agent
 *   untrusted   the same, not trusted
 *   empty       no folder
 *   multiroot   two repositories in one workspace
 *
 * Only a result file that the extension host wrote counts: one that crashed reports success.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { createSample, demoEnv } from '../../scripts/demo/sample.ts';
import { installVsix, packagedVsix, root, startServer } from './server.ts';
import { setup } from './setup.ts';
import { launchBrowser, openWorkbench } from './workbench.ts';

const PROFILES = ['folder', 'untrusted', 'empty', 'multiroot'] as const;
type Profile = (typeof PROFILES)[number];
const LIMIT_MS = 5 * 60_000;
const suiteDir = path.join(import.meta.dirname, 'suite');

interface Results {
  stats: { tests: number; passes: number; failures: number; pending: number };
  tests: { fullTitle: string; duration?: number; err?: { message?: string; stack?: string } }[];
}

const testFiles = (profile: Profile): string[] =>
  fs
    .globSync(`${profile}/**/*.test.ts`, { cwd: suiteDir })
    .toSorted()
    .map((file) => path.join(suiteDir, file));

/** Compiles a profile's suites. CommonJS: the extension host hands `vscode` out through require. */
async function compile(profile: Profile, outdir: string): Promise<string> {
  await build({
    entryPoints: [...testFiles(profile), path.join(import.meta.dirname, 'suite-index.ts')],
    absWorkingDir: root,
    outbase: import.meta.dirname,
    outdir,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node22',
    external: ['vscode', 'mocha'],
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  return path.join(outdir, 'suite-index.cjs');
}

/** What the profile's window opens. */
function workspace(profile: Profile, dir: string): string | undefined {
  if (profile === 'empty') return undefined;
  const first = createSample(dir).folder;
  if (profile !== 'multiroot') return first;
  const second = createSample(path.join(dir, 'second')).folder;
  const file = path.join(dir, 'two.code-workspace');
  fs.writeFileSync(
    file,
    JSON.stringify({
      folders: [
        { path: first, name: 'one' },
        { path: second, name: 'two' },
      ],
    }),
  );
  return file;
}

/** Nothing of the user's own configuration or state is seen or touched. */
function privateHome(dir: string): Record<string, string> {
  const home = path.join(dir, 'home');
  fs.mkdirSync(home, { recursive: true });
  fs.writeFileSync(path.join(home, '.gitconfig'), '[user]\n\tname = Tester\n\temail = tester@example.invalid\n');
  return { HOME: home, XDG_CONFIG_HOME: path.join(home, '.config'), XDG_STATE_HOME: path.join(home, '.state') };
}

async function runProfile(browser: Browser, profile: Profile, mode: 'source' | 'vsix'): Promise<Results | string> {
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
    env: {
      ...privateHome(dir),
      ...demoEnv(),
      DEMO_PAUSE_MS: '20',
      AMPA_HOST_RESULTS: result,
      AMPA_HOST_MODE: mode,
      AMPA_HOST_TESTS: path.dirname(tests),
      AMPA_HOST_ROOT: root,
    },
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
const profiles = PROFILES.filter((it) => (only.length === 0 || only.includes(it)) && testFiles(it).length > 0);
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
if (output) fs.writeFileSync(output, JSON.stringify(all, null, 1));
console.log(`\n  ${all.stats.passes} passing, ${all.stats.failures} failing`);
process.exitCode = broken || all.stats.failures > 0 || all.stats.tests === 0 ? 1 : 0;
