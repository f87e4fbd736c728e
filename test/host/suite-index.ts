/** Entry of the tests inside the extension host: runs the compiled suites that lie beside it. */
import fs from 'node:fs';
import path from 'node:path';
import Mocha from 'mocha';

export function run(): Promise<void> {
  const output = process.env['AMPA_HOST_RESULTS'];
  const dir = process.env['AMPA_HOST_TESTS'];
  if (!output || !dir) throw new Error('run these through test/host/run.ts');
  const mocha = new Mocha({
    ui: 'bdd',
    timeout: 90_000,
    forbidOnly: true,
    reporter: 'json',
    reporterOptions: { output },
  });
  for (const file of fs.globSync('**/*.test.cjs', { cwd: dir }).toSorted()) mocha.addFile(path.join(dir, file));
  return new Promise((resolve, reject) => {
    mocha.run((failures) => (failures > 0 ? reject(new Error(`${failures} tests failed`)) : resolve()));
  });
}
