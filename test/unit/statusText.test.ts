import assert from 'node:assert/strict';
import { githubLines, statusText, statusTooltip, type StatusInput } from '../../src/vscode/statusText.ts';

const idle: StatusInput = { running: 0, queued: 0, needs: 0, problems: [] };
const of = (changes: Partial<StatusInput>): string => statusText({ ...idle, ...changes }).text;

describe('The status bar', () => {
  it('says what goes on', () => {
    assert.equal(of({}), '$(pulse) AMPA');
    assert.equal(of({ running: 2 }), '$(sync~spin) 2 running');
    assert.equal(of({ running: 2, needs: 1 }), '$(sync~spin) 2 running · 1 needs you');
    assert.equal(of({ needs: 2 }), '$(bell-dot) 2 need you');
    assert.equal(of({ queued: 3 }), '$(pulse) AMPA 3 queued');
    assert.equal(of({ problems: ['stalled'] }), '$(warning) AMPA not working');
  });

  it('warns only where a person is needed or the engine does not work', () => {
    assert.equal(statusText({ ...idle, running: 2, queued: 4 }).warning, false);
    assert.equal(statusText({ ...idle, needs: 1 }).warning, true);
    assert.equal(statusText({ ...idle, problems: ['x'] }).warning, true);
  });

  it('can be heard', () => {
    assert.equal(statusText(idle).label, 'AMPA: idle');
    assert.equal(statusText({ ...idle, running: 1, needs: 1 }).label, 'AMPA: 1 running · 1 needs you');
  });

  it('names live hosts with their last beat, problems and notices in its tooltip', () => {
    const host = {
      id: 'h',
      kind: 'daemon' as const,
      pid: 7,
      machine: 'm',
      startedAt: '',
      asks: false,
      lastBeat: 1000,
      live: true,
      alive: true,
    };
    const text = statusTooltip(
      { ...idle, problems: ['It *stalled*'] },
      [host, { ...host, pid: 8, live: false }],
      ['Restored'],
      13_000,
    );
    assert.match(text, /Daemon 7, beat 12s ago/);
    assert.doesNotMatch(text, /Daemon 8/);
    assert.match(text, /\$\(warning\) It \\\*stalled\\\*/);
    assert.match(text, /\$\(info\) Restored/);
  });

  it('names who we are on GitHub, what is left of the hour and what is not visible, once for many folders', () => {
    const state = {
      identity: 'the account of `gh`',
      login: 'octocat',
      budget: { remaining: 4812, limit: 5000, resetsAt: 13 * 60_000 },
      lacks: ['check runs (checks: read)'],
    };
    assert.deepEqual(githubLines([state, null, state], 60_000), [
      '$(github) octocat by the account of \\`gh\\`, 4812 of 5000 requests left for 12m 00s',
      '$(warning) Not visible on GitHub: check runs \\(checks: read\\)',
    ]);
    const bare = githubLines([{ ...state, login: null, budget: null, lacks: [] }], 0);
    assert.deepEqual(bare, ['$(github) GitHub by the account of \\`gh\\`']);
    assert.match(statusTooltip(idle, [], [], 0, bare), /\$\(github\) GitHub/);
  });
});
