/** Jobs of Actions with their steps and logs, as GitHub stores them. */
import type { FakeCheckRun, FakeLog, FakeStep } from './fakeGitHubState.ts';

const at = (second: number): string =>
  new Date(Date.UTC(2026, 0, 1, 10, 0, second)).toISOString().replace('.000Z', 'Z');
export const line = (second: number, text: string): string => `${at(second).replace('Z', '.1234567Z')} ${text}\n`;

export const step = (
  number: number,
  name: string,
  from: number,
  to: number,
  conclusion: FakeStep['conclusion'] = 'success',
): FakeStep => ({
  number,
  name,
  status: 'completed',
  conclusion,
  started_at: at(from),
  completed_at: at(to),
});

/** A job whose third step fails, with the other steps' lines around it. */
export function failed(lines: readonly string[], more: Partial<FakeCheckRun> = {}): Partial<FakeCheckRun> {
  return {
    steps: [
      step(1, 'Set up job', 0, 2),
      step(2, 'Run actions/checkout@v6', 2, 4),
      step(3, 'Build', 4, 30, 'failure'),
      step(4, 'Upload', 30, 30, 'skipped'),
      step(5, 'Post Run actions/checkout@v6', 30, 31),
    ],
    log: [
      line(0, 'Current runner version: error in the set-up'),
      line(2, '##[group]Run actions/checkout@v6'),
      line(4, 'error: from checkout'),
      line(4, '##[group]Run make'),
      ...lines.map((text) => line(10, text)),
      line(30, '##[error]Process completed with exit code 2.'),
      line(30, 'Post job cleanup.'),
      line(31, 'error: from afterwards'),
    ].join(''),
    ...more,
  };
}

/** The log of such a job with 50 kB a block in its third step, and these lines in the middle. */
export const longLog = (needle: readonly string[], blocks = 1000): FakeLog =>
  function* () {
    const filler = 'ok 1 - all is well with this one and it says so at length '.padEnd(99, '.');
    const block = line(10, filler).repeat(400);
    yield line(2, '##[group]Run actions/checkout@v6') + line(4, '##[group]Run make');
    for (let n = 0; n < blocks; n++) {
      if (n === blocks / 2) yield needle.map((text) => line(10, text)).join('');
      yield block;
    }
    yield line(30, '##[error]Process completed with exit code 1.') + line(31, 'Post job cleanup.');
  };
