/**
 * `npm test` runs every stage; `node scripts/test.ts unit host` runs those and what they need.
 * The last line is `N passed, N failed, N skipped`, summed over the result files that the suites
 * leave. A suite that leaves none, an old one, or one with no tests has failed, whatever its exit
 * status: a crashed extension host exits 0.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { resultsDir, resultsFile, root, STAGES, type Stage } from './stages.ts';

const SLOTS = 2;
const STAGE_LIMIT_MS = 15 * 60_000;

interface Counts {
  passes: number;
  failures: number;
  pending: number;
}
interface Results {
  stats: Counts & { tests: number };
  tests: { title: string; state: string; error?: string }[];
}
interface Outcome extends Counts {
  problem: string | null;
  seconds: number;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const colour: Record<string, string> = process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' };
const children = new Set<ChildProcess>();

/** Ends a stage with everything it started: each one leads a process group of its own. */
function end(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function selected(names: readonly string[]): Stage[] {
  if (names.length === 0)
    return STAGES.filter((stage) => !stage.files || fs.globSync(stage.files, { cwd: root }).length > 0);
  const wanted = new Set<string>();
  const add = (name: string): void => {
    const stage = STAGES.find((it) => it.name === name);
    if (!stage) throw new Error(`no stage "${name}"; there are ${STAGES.map((it) => it.name).join(', ')}`);
    wanted.add(name);
    stage.needs.forEach(add);
  };
  names.forEach(add);
  return STAGES.filter((stage) => wanted.has(stage.name));
}

/** What the stage's results file says, or why it does not count. */
function readCounts(stage: Stage, startedAt: number): Counts | string {
  const file = resultsFile(stage.name);
  if (!fs.existsSync(file)) return 'left no results';
  if (fs.statSync(file).mtimeMs < startedAt - 1000) return 'left old results';
  const { stats } = JSON.parse(fs.readFileSync(file, 'utf8')) as Results;
  return stats.tests > 0 ? stats : 'ran no tests';
}

function run(stage: Stage, live: boolean): Promise<Outcome> {
  const startedAt = Date.now();
  if (stage.tests) fs.rmSync(resultsFile(stage.name), { force: true });
  return new Promise((resolve) => {
    const [program = '', ...args] = stage.argv;
    const child = spawn(program, args, {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...colour, ...stage.env, AMPA_TEST_RESULTS: resultsFile(stage.name) },
    });
    children.add(child);
    // Lines of stages that run side by side carry the stage's name.
    let rest = '';
    const print = (text: string): void => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) say(live ? line : `${stage.name.padEnd(11)} | ${line}`);
    };
    child.stdout.setEncoding('utf8').on('data', print);
    child.stderr.setEncoding('utf8').on('data', print);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end(child, 'SIGKILL');
    }, STAGE_LIMIT_MS);
    const done = (failure: string | null): void => {
      clearTimeout(timer);
      children.delete(child);
      if (rest) print('\n');
      const seconds = (Date.now() - startedAt) / 1000;
      const counts = stage.tests ? readCounts(stage, startedAt) : { passes: 0, failures: 0, pending: 0 };
      const problem = [failure, typeof counts === 'string' ? counts : null].filter(Boolean).join(', ') || null;
      const { passes, failures, pending } =
        typeof counts === 'string' ? { passes: 0, failures: 0, pending: 0 } : counts;
      resolve({ passes, failures, pending, seconds, problem: problem ?? (failures > 0 ? 'has failures' : null) });
    };
    child.once('error', (error) => done(error.message));
    child.once('close', (code, signal) =>
      done(
        late
          ? `took longer than ${STAGE_LIMIT_MS / 60_000} minutes`
          : code === 0
            ? null
            : `ended with ${code ?? signal}`,
      ),
    );
  });
}

async function runAll(stages: readonly Stage[]): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const waiting = [...stages];
  const running = new Map<string, Promise<void>>();
  let free = SLOTS;
  while (waiting.length > 0 || running.size > 0) {
    for (const stage of [...waiting]) {
      const needs = stage.needs.map((name) => outcomes.get(name));
      if (needs.some((it) => it?.problem)) {
        waiting.splice(waiting.indexOf(stage), 1);
        outcomes.set(stage.name, { passes: 0, failures: 0, pending: 0, seconds: 0, problem: 'could not run' });
        continue;
      }
      if (needs.includes(undefined) || stage.cost > free) continue;
      waiting.splice(waiting.indexOf(stage), 1);
      free -= stage.cost;
      say(`> ${stage.name}`);
      const finished = run(stage, stages.length === 1).then((outcome) => {
        outcomes.set(stage.name, outcome);
        running.delete(stage.name);
        free += stage.cost;
        say(`${outcome.problem ? 'x' : '+'} ${stage.name} ${outcome.seconds.toFixed(1)}s ${outcome.problem ?? ''}`);
      });
      running.set(stage.name, finished);
    }
    if (running.size > 0) await Promise.race(running.values());
  }
  return outcomes;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const child of children) end(child, 'SIGTERM');
    process.exit(1);
  });
}

const startedAt = Date.now();
fs.mkdirSync(resultsDir, { recursive: true });
const stages = selected(process.argv.slice(2));
const outcomes = await runAll(stages);

// Said again at the end, where the last lines of a long log show it.
for (const [name, it] of outcomes) {
  if (it.failures === 0) continue;
  const { tests } = JSON.parse(fs.readFileSync(resultsFile(name), 'utf8')) as Results;
  for (const test of tests.filter(({ state }) => state === 'failed')) {
    say(`\nx ${name}: ${test.title}`);
    for (const line of (test.error ?? '').split('\n').slice(0, 12)) say(`    ${line}`);
  }
}

say('');
for (const [name, it] of outcomes) {
  const counts =
    it.passes + it.failures + it.pending ? `${it.passes} passed, ${it.failures} failed, ${it.pending} skipped` : '';
  say(
    `${it.problem ? 'x' : '+'} ${name.padEnd(11)} ${it.seconds.toFixed(1).padStart(6)}s  ${[counts, it.problem].filter(Boolean).join('; ')}`,
  );
}
say(
  `in ${((Date.now() - startedAt) / 1000).toFixed(0)}s; results in ${path.relative(process.cwd(), resultsDir) || '.'}`,
);

const all = [...outcomes.values()];
const total = (pick: (it: Outcome) => number): number => all.reduce((sum, it) => sum + pick(it), 0);
// A stage that failed without a failing test counts as one, so that the last line cannot look green.
const failed = total((it) => it.failures || (it.problem ? 1 : 0));
process.exitCode = failed > 0 ? 1 : 0;
say(`${total((it) => it.passes)} passed, ${failed} failed, ${total((it) => it.pending)} skipped`);
