import assert from 'node:assert/strict';
import { markersIn, parsePs, parseStat } from '../../src/adapters/process/table.ts';

describe('the process table', () => {
  const tail = (state: string, threads: number): string =>
    `${state} 10 20 20 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 ${threads} 0 95409 1000 100 18446744073709551615`;

  it('a name with spaces and parentheses does not shift the fields of stat', () => {
    assert.deepEqual(parseStat(`30 (tmux: (a) b) ${tail('S', 1)}`), {
      pid: 30,
      ppid: 10,
      pgid: 20,
      startTime: '95409',
      zombie: false,
    });
  });

  it('a leader that ended before its threads is no zombie yet', () => {
    assert.equal(parseStat(`30 (x) ${tail('Z', 1)}`).zombie, true);
    assert.equal(parseStat(`30 (x) ${tail('Z', 2)}`).zombie, false);
  });

  it('what is no stat line is an error, never an empty answer', () => {
    assert.throws(() => parseStat(''));
  });

  it('lines of ps give the start time as text', () => {
    const rows = parsePs(
      '    1     0     1 Ss   Fri Nov 20 05:19:26 2026\n  432   1   430 Z+   Fri Nov 20 05:20:01 2026    \n\n',
    );
    assert.deepEqual(rows, [
      { pid: 1, ppid: 0, pgid: 1, zombie: false, startTime: 'Fri Nov 20 05:19:26 2026' },
      { pid: 432, ppid: 1, pgid: 430, zombie: true, startTime: 'Fri Nov 20 05:20:01 2026' },
    ]);
  });

  it('a marker is found among others, and never as a part of one', () => {
    assert.deepEqual(markersIn('outer,task-1,task-1/5-2'), ['outer', 'task-1', 'task-1/5-2']);
  });
});
