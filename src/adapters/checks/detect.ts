import fs from 'node:fs';
import path from 'node:path';

export interface Detected {
  command: string;
  /** Where it was found, for people. */
  source: string;
}

/** What npm writes into a new package.json. */
const PLACEHOLDER = /no test specified/;

/** The command that checks a repository: `.ci/run`, package.json's `test` script, a Makefile's `test` target, in that order. */
export function detectChecks(root: string): Detected | null {
  if (isFile(path.join(root, '.ci', 'run'))) return { command: 'bash .ci/run', source: '.ci/run' };
  const script = readPackageJson(root)?.scripts?.['test'];
  if (typeof script === 'string' && script.trim() !== '' && !PLACEHOLDER.test(script)) {
    return { command: `${packageManager(root)} test`, source: 'the test script of package.json' };
  }
  for (const name of ['GNUmakefile', 'makefile', 'Makefile']) {
    const file = path.join(root, name);
    if (isFile(file) && /^test\s*:(?!=)/m.test(fs.readFileSync(file, 'utf8')))
      return { command: 'make test', source: `the test target of ${name}` };
  }
  return null;
}

const INSTALL: readonly [lock: string, command: string][] = [
  ['pnpm-lock.yaml', 'pnpm install --frozen-lockfile'],
  ['yarn.lock', 'yarn install --frozen-lockfile'],
  ['bun.lock', 'bun install --frozen-lockfile'],
  ['bun.lockb', 'bun install --frozen-lockfile'],
  ['package-lock.json', 'npm ci'],
  ['npm-shrinkwrap.json', 'npm ci'],
  ['uv.lock', 'uv sync --frozen'],
  ['poetry.lock', 'poetry install --no-interaction'],
  ['Gemfile.lock', 'bundle install'],
];

/** The install command of the lock file at the root. */
export function detectSetup(root: string): Detected | null {
  for (const [lock, command] of INSTALL) {
    if (isFile(path.join(root, lock))) return { command, source: lock };
  }
  return null;
}

function packageManager(root: string): string {
  if (isFile(path.join(root, 'pnpm-lock.yaml'))) return 'pnpm';
  if (isFile(path.join(root, 'yarn.lock'))) return 'yarn';
  if (isFile(path.join(root, 'bun.lock')) || isFile(path.join(root, 'bun.lockb'))) return 'bun run';
  return 'npm';
}

/** Undefined where there is none, or where it is not JSON: npm could not run its script either. */
function readPackageJson(root: string): { scripts?: Record<string, unknown> } | undefined {
  const file = path.join(root, 'package.json');
  if (!isFile(file)) return undefined;
  try {
    const parsed: unknown = JSON.parse(fs.readFileSync(file, 'utf8'));
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}

const isFile = (file: string): boolean => fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
