/**
 * The profiles of the tests inside an extension host, and what each of them opens. A profile is a
 * folder of suite/ and gets a window of its own:
 *
 *   folder      the sample repository, trusted, with the demo agent
 *   untrusted   the same, not trusted
 *   empty       no folder
 *   multiroot   two repositories in one workspace
 */
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { createSample, demoEnv } from '../../scripts/demo/sample.ts';
import { root } from './server.ts';

export const PROFILES = ['folder', 'untrusted', 'empty', 'multiroot'] as const;
export type Profile = (typeof PROFILES)[number];
const suiteDir = path.join(import.meta.dirname, 'suite');

export const testFiles = (profile: Profile): string[] =>
  fs
    .globSync(`${profile}/**/*.test.ts`, { cwd: suiteDir })
    .toSorted()
    .map((file) => path.join(suiteDir, file));

/** Compiles a profile's suites. CommonJS: the extension host hands `vscode` out through require. */
export async function compile(profile: Profile, outdir: string): Promise<string> {
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
export function workspace(profile: Profile, dir: string): string | undefined {
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

export type Mode = 'source' | 'vsix';

/** The environment of a profile's extension host. `tests` is what `compile` returned. */
export function hostEnv(dir: string, mode: Mode, tests: string, results: string): Record<string, string> {
  return {
    ...privateHome(dir),
    ...demoEnv(),
    DEMO_PAUSE_MS: '20',
    AMPA_HOST_RESULTS: results,
    AMPA_HOST_MODE: mode,
    AMPA_HOST_TESTS: path.dirname(tests),
    AMPA_HOST_ROOT: root,
  };
}
