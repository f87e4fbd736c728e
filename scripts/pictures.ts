/** `npm run pictures`: the README's pictures, taken from what the end-to-end tests have just photographed. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
/** Name in media/screenshots: name of the test's screenshot. */
const PICTURES: Readonly<Record<string, string>> = {
  'task-page.png': 'task-page-success.png',
  'report.png': 'report-night-light-1000.png',
};

const env = { ...process.env, AMPA_TEST_PICTURES: '1' };
const tests = spawnSync(process.execPath, ['scripts/test.ts', 'pages', 'e2e'], { cwd: root, stdio: 'inherit', env });
if (tests.status !== 0) throw new Error('the end-to-end tests failed, so there are no pictures');
fs.mkdirSync(path.join(root, 'media/screenshots'), { recursive: true });
for (const [name, taken] of Object.entries(PICTURES)) {
  fs.copyFileSync(path.join(root, 'test-results/screenshots', taken), path.join(root, 'media/screenshots', name));
}
