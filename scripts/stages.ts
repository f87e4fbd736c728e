/** What `npm test` consists of, and in which order it may run. */
import fs from 'node:fs';
import path from 'node:path';

export interface Stage {
  name: string;
  /** Program and arguments. */
  argv: string[];
  /** Stages that must have passed before. */
  needs: string[];
  /** Of the machine's two slots: 2 runs alone, 0 waits for the network and takes none. */
  cost: 0 | 1 | 2;
  /** The stage runs tests and must leave results. */
  tests: boolean;
  /** Added to the environment. */
  env?: Readonly<Record<string, string>>;
  /** It is left out when no file matches this glob. */
  files?: string;
}

export const root = path.resolve(import.meta.dirname, '..');
export const resultsDir = path.join(root, 'test-results');
export const resultsFile = (stage: string): string => path.join(resultsDir, `${stage}.json`);

const mocha = (files: string[], flags: string[]): string[] => [
  'mocha',
  '--forbid-only',
  ...['--reporter', './test/reporter.ts'],
  ...flags,
  ...files,
];

/** Files that take the longest: begun first, so that none of them is left over alone at the end. */
const LONG = [
  'agentQuestions',
  'githubTask',
  'crash',
  'githubShapes',
  'secrets',
  'cli',
  'githubMerge',
  'schedule',
  'agents',
  'notifications',
  'mainJob',
  'acpTask',
  'gitStart',
  'webhooks',
  'localServer',
  'serverHosts',
  'kills',
  'answers',
  'discordGateway',
  'deliveryKills',
];

function filesOf(dir: string, first: readonly string[]): string[] {
  const rank = (file: string): number => {
    const at = first.indexOf(path.basename(file, '.test.ts'));
    return at < 0 ? first.length : at;
  };
  return fs
    .globSync(`test/${dir}/**/*.test.ts`, { cwd: root })
    .toSorted()
    .toSorted((a, b) => rank(a) - rank(b));
}

const suite = (name: string, needs: string[], cost: 1 | 2, ...flags: string[]): Stage => ({
  name,
  argv: mocha([`test/${name}/**/*.test.ts`], flags),
  needs,
  cost,
  tests: true,
  files: `test/${name}/**/*.test.ts`,
});

const check = (name: string, argv: string[], needs: string[] = [], cost: 0 | 1 | 2 = 1): Stage => ({
  name,
  argv,
  needs,
  cost,
  tests: false,
});

export const STAGES: readonly Stage[] = [
  check('setup', ['node', 'test/host/setup.ts'], [], 0),
  check('build', ['node', 'esbuild.mjs']),
  // The longest, so it begins first. Its tests mostly wait for processes, so more files than cores run side by side.
  {
    ...suite('integration', ['build'], 1),
    argv: mocha(filesOf('integration', LONG), ['--parallel', '--jobs', '4']),
    env: {
      AMPA_TEST_CLI: path.join(root, 'dist/cli.js'),
      // To start a process costs as much as its parent holds in memory, and these start thousands: a small
      // young generation, and modules that are compiled already, halve that.
      NODE_OPTIONS: '--max-semi-space-size=1',
      NODE_COMPILE_CACHE: path.join(root, 'node_modules/.cache/ampa-tests'),
    },
  },
  check('types', ['node', 'scripts/types.ts']),
  check('lint', ['oxlint', '--type-aware', '--deny-warnings']),
  check('format', ['oxfmt', '--check']),
  check('dead', ['knip', '--no-progress']),
  suite('unit', [], 1),
  check('package', ['node', 'scripts/package.ts', '--no-build'], ['build']),
  suite('bundle', ['package', 'setup'], 1),
  { ...suite('host', ['build', 'setup'], 1), argv: ['node', 'test/host/run.ts', 'source'], files: undefined },
  { ...suite('vsix', ['package', 'setup'], 1), argv: ['node', 'test/host/run.ts', 'vsix'], files: undefined },
  suite('pages', ['build', 'setup'], 1),
  {
    ...suite('e2e', ['build', 'setup'], 2),
    // Three windows side by side, the longest file first: what comes last has no other to run beside.
    argv: mocha(
      ['test/e2e/tasks.test.ts', 'test/e2e/!(tasks).test.ts'],
      ['--timeout', '120000', '--parallel', '--jobs', '3'],
    ),
  },
];
