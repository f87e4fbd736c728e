/**
 * `npm run test:desktop`: the same suites in a desktop VS Code, from source. VSCODE_EXECUTABLE names
 * an installed one; without it @vscode/test-electron downloads VS Code. Needs a display.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runTests } from '@vscode/test-electron';
import { compile, hostEnv, PROFILES, testFiles, workspace } from './profiles.ts';
import { root } from './server.ts';

for (const profile of PROFILES.filter((it) => testFiles(it).length > 0)) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), `ampa-desktop-${profile}-`));
  const results = path.join(dir, 'results.json');
  const tests = await compile(profile, path.join(root, 'dist/test-host', `desktop-${profile}`));
  const folder = workspace(profile, dir);
  const status = await runTests({
    vscodeExecutablePath: process.env['VSCODE_EXECUTABLE'],
    extensionDevelopmentPath: root,
    extensionTestsPath: tests,
    extensionTestsEnv: hostEnv(dir, 'source', tests, results),
    launchArgs: [
      ...(folder ? [folder] : []),
      `--user-data-dir=${path.join(dir, 'user')}`,
      `--extensions-dir=${path.join(dir, 'extensions')}`,
      ...(profile === 'untrusted' ? [] : ['--disable-workspace-trust']),
    ],
  });
  if (!fs.existsSync(results)) throw new Error(`${profile}: no results, VS Code ended with ${status}; see ${dir}`);
  const { stats } = JSON.parse(fs.readFileSync(results, 'utf8')) as {
    stats: { passes: number; failures: number; tests: number };
  };
  console.log(`${profile}: ${stats.passes} passed, ${stats.failures} failed`);
  if (stats.tests === 0 || stats.failures > 0) process.exitCode = 1;
}
