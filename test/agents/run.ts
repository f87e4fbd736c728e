/**
 * `npm run test:agents`: installs real agents into this folder, once, and drives them against a
 * scripted model. AMPA_TEST_AGENTS_PATH names further folders of programs; agents that are found
 * nowhere are skipped, but for those of this folder's package.json.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const here = import.meta.dirname;
const root = path.resolve(here, '../..');

function run(program: string, args: readonly string[], cwd: string): number {
  const result = spawnSync(program, args, { cwd, stdio: 'inherit' });
  if (result.error) throw result.error;
  return result.status ?? 1;
}

const wanted = readFileSync(path.join(here, 'package.json'), 'utf8');
const stamp = path.join(here, 'node_modules/.ready');
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  // Without a lock file: `npm ci` refuses one that was made where not every platform's package is to be had.
  const args = ['install', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const status = run('npm', args, here);
  if (status !== 0) process.exit(status);
  // OpenCode puts its binary in place only there.
  const opencode = path.join(here, 'node_modules/opencode-ai');
  if (run(process.execPath, ['postinstall.mjs'], opencode) !== 0) process.exit(1);
  writeFileSync(stamp, wanted);
}
process.exit(
  run(
    process.execPath,
    [path.join(root, 'node_modules/mocha/bin/mocha.js'), 'test/agents/*.test.ts', ...process.argv.slice(2)],
    root,
  ),
);
