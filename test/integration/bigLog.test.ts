import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { createProject } from '../support/project.ts';
import { until } from '../support/until.ts';

const MB = 1024 * 1024;
/** More than is kept, and twice what the carrier may grow by: it must neither keep nor hold it all. */
const PRINTED = 500 * MB;

/** The most memory that a process has held, bytes; 0 when it is gone. Linux. */
function peakMemory(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

describe('an agent that prints hundreds of megabytes', () => {
  it('neither fills the memory of its carrier nor slows down who reads the log', async () => {
    const project = createProject('ampa-biglog-');
    try {
      const gate = path.join(project.box.dir, 'gate');
      const wait = (name: string): string =>
        `touch ${gate}.${name}; until [ -e ${gate}.${name}.go ]; do sleep 0.02; done`;
      const line = 'A line of an agent that says a great deal, and then again and again and again, without an end.';
      const agent = `cat >/dev/null; echo THE FIRST LINE; ${wait('begin')}; yes "${line}" | head -c ${PRINTED}; echo; echo THE LAST LINE; ${wait('end')}; echo good > state.txt`;
      const app = await project.open(agent);
      const { id } = await app.start({ prompt: 'Talk a lot', checks: 'true' });
      project.spawnAmpa(['work', id], { AMPA_AGENT_COMMAND: agent });
      const reached = (name: string) =>
        until(`the agent reached ${name}`, () => statSync(`${gate}.${name}`, { throwIfNoEntry: false }), 60_000);
      await reached('begin');
      const { owner } = await app.find(id);
      const carrier = (await app.hosts()).find((host) => host.id === owner)!.pid;
      const before = peakMemory(carrier);
      assert.ok(before > 0);

      project.box.write(`${gate}.begin.go`, '');
      let slowest = 0;
      let cursor = (await app.readLog(id, {})).cursor;
      await until(
        'it has printed',
        async () => {
          const begun = performance.now();
          const piece = await app.readLog(id, { cursor });
          slowest = Math.max(slowest, performance.now() - begun);
          assert.ok(piece.text.length <= 256 * 1024, 'a follower gets small pieces');
          cursor = piece.cursor;
          return statSync(`${gate}.end`, { throwIfNoEntry: false });
        },
        60_000,
      );
      const grown = peakMemory(carrier) - before;
      project.box.write(`${gate}.end.go`, '');
      const task = await app.carryHere(id, new AbortController().signal);
      assert.equal(task.status, 'success');

      const dir = path.join(project.repo, '.worklog/ampa/logs', id);
      const kept = readdirSync(dir).reduce((sum, name) => sum + statSync(path.join(dir, name)).size, 0);
      assert.ok(kept >= 192 * MB && kept <= 256 * MB, `${(kept / MB).toFixed(0)} MB kept`);
      // The quickest counts: the others may have waited for the machine.
      let tailMs = Infinity;
      for (let round = 0; round < 5; round++) {
        const begun = performance.now();
        const tail = await app.readLog(id, { attempt: 1, tailBytes: MB });
        tailMs = Math.min(tailMs, performance.now() - begun);
        assert.ok(tail.text.length <= MB);
        assert.match(tail.text, /THE LAST LINE/);
      }
      assert.match((await app.readLog(id, { cursor: { attempt: 1, offset: 0 } })).text, /THE FIRST LINE/);
      assert.ok(grown <= 256 * MB, `the carrier grew by ${(grown / MB).toFixed(0)} MB`);
      assert.ok(tailMs <= 1000, `the last MB took ${tailMs.toFixed(0)} ms`);
      console.log(
        `      carrier +${(grown / MB).toFixed(0)} MB, slowest piece ${slowest.toFixed(0)} ms, last MB ${tailMs.toFixed(0)} ms`,
      );
    } finally {
      await project.remove();
    }
  }).timeout(150_000);
});
