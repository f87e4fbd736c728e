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

const wanted = readFileSync(path.join(here, 'package-lock.json'), 'utf8');
const stamp = path.join(here, 'node_modules/.ready');
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  const status = run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], here);
  if (status !== 0) process.exit(status);
  writeFileSync(stamp, wanted);
}
process.exit(
  run(
    process.execPath,
    [path.join(root, 'node_modules/mocha/bin/mocha.js'), 'test/agents/*.test.ts', ...process.argv.slice(2)],
    root,
  ),
);
