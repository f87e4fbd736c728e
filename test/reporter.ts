/**
 * Mocha's `spec` reporter, which also leaves the counts of the run in the file that
 * AMPA_TEST_RESULTS names: what a process prints or exits with does not say that tests ran.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import type MochaTypes from 'mocha';

// By require: mocha's own reporters are CommonJS, and the types do not name them otherwise.
const Mocha = createRequire(import.meta.url)('mocha') as typeof MochaTypes;

interface Entry {
  title: string;
  file: string | undefined;
  state: 'passed' | 'failed' | 'pending';
  ms: number;
  error?: string;
}

export default class ResultsReporter extends Mocha.reporters.Spec {
  constructor(runner: MochaTypes.Runner, options: MochaTypes.MochaOptions) {
    super(runner, options);
    const output = process.env['AMPA_TEST_RESULTS'];
    if (!output) return;
    const tests: Entry[] = [];
    const add = (test: MochaTypes.Test, state: Entry['state'], error?: Error): void => {
      tests.push({
        title: test.fullTitle(),
        file: test.file,
        state,
        ms: test.duration ?? 0,
        error: error?.stack ?? error?.message,
      });
    };
    runner.on('pass', (test) => add(test, 'passed'));
    runner.on('fail', (test, error) => add(test, 'failed', error as Error));
    runner.on('pending', (test) => add(test, 'pending'));
    runner.once('end', () => {
      const count = (state: Entry['state']): number => tests.filter((test) => test.state === state).length;
      const stats = {
        tests: tests.length,
        passes: count('passed'),
        failures: count('failed'),
        pending: count('pending'),
      };
      fs.writeFileSync(output, JSON.stringify({ stats, tests }, null, 1));
    });
  }
}
