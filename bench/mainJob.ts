/**
 * The main job against a bare shell script that does the same git steps with the same agent and the
 * same check, on the same repository.
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { createSandbox, type Sandbox } from '../test/support/repo.ts';
import { median, race, type Row } from './table.ts';

const run = promisify(execFile);
const CLI = path.resolve(import.meta.dirname, '../dist/cli.js');
const CHECK = 'grep -q good state.txt';
const FILES = 300;

const SCRIPT = `set -e
branch="amp/bare-$1"
worktree="$PWD.bare/$1"
git fetch --quiet origin main
git worktree add --quiet -b "$branch" "$worktree" origin/main
cd "$worktree"
echo "Make it good" | sh -c "$AGENT"
git add --all
git commit --quiet --message "Make it good"
git push --quiet origin "HEAD:refs/heads/$branch"
sh -c "$CHECK"
`;

interface Shop {
  box: Sandbox;
  ampa(agent: string): Promise<number>;
  script(agent: string): Promise<number>;
}

/** A repository of some hundred files; both sides work on it in turn. */
function open(): Shop {
  const box = createSandbox('ampa-bench-');
  const { repo } = box.withOrigin();
  for (let i = 0; i < FILES; i++) box.write(path.join(repo, `src/part-${i % 20}/file-${i}.txt`), `${i}\n`.repeat(200));
  box.git(repo, 'add', '.');
  box.git(repo, 'commit', '-q', '-m', 'Files');
  box.git(repo, 'push', '-q', 'origin', 'main');
  const env = {
    ...box.env,
    XDG_STATE_HOME: path.join(box.dir, 'state'),
    XDG_CONFIG_HOME: path.join(box.dir, 'config'),
  };
  let count = 0;
  const timed = async (program: string, args: string[], more: Record<string, string>): Promise<number> => {
    const begun = performance.now();
    await run(program, args, { cwd: repo, env: { ...env, ...more } });
    return performance.now() - begun;
  };
  return {
    box,
    ampa: (agent) =>
      timed(process.execPath, [CLI, 'start', '--wait', '--task', 'Make it good', '--checks', CHECK], {
        AMPA_AGENT_COMMAND: agent,
      }),
    script: (agent) => timed('/bin/sh', ['-c', SCRIPT, 'sh', String(++count)], { AGENT: agent, CHECK }),
  };
}

const agentOf = (seconds: number): string =>
  `cat >/dev/null; ${seconds > 0 ? `sleep ${seconds}; ` : ''}echo good > state.txt`;

/** An instant job: what AMPA adds, in ms. */
export async function instantJob(pairs: number): Promise<Row> {
  const shop = open();
  try {
    const { ours, theirs } = await race(
      pairs,
      () => shop.ampa(agentOf(0)),
      () => shop.script(agentOf(0)),
    );
    const [a, b] = [median(ours), median(theirs)];
    const added = median(ours.map((value, i) => value - theirs[i]!));
    return {
      what: `main job, instant agent, ms (${pairs} pairs)`,
      ours: a.toFixed(0),
      theirs: `${b.toFixed(0)} shell script`,
      ratio: `+${added.toFixed(0)} ms`,
      budget: '+500 ms',
      ok: added <= 500,
    };
  } finally {
    shop.box.remove();
  }
}

/** A job of `seconds`: what AMPA adds, in percent. Pairs of a sleeping agent run side by side, three at a time. */
export async function longJob(pairs: number, seconds = 30): Promise<Row> {
  const shops = Array.from({ length: Math.min(3, pairs) }, open);
  try {
    const each = await Promise.all(
      shops.map(async (shop, lane) => {
        // Lanes begin apart, so that one's git steps do not meet another's.
        await new Promise((resolve) => setTimeout(resolve, (lane * seconds * 1000) / shops.length / 2));
        const share = Math.floor(pairs / shops.length) + (lane < pairs % shops.length ? 1 : 0);
        return race(
          share,
          () => shop.ampa(agentOf(seconds)),
          () => shop.script(agentOf(seconds)),
          false,
        );
      }),
    );
    const [ours, theirs] = [each.flatMap((it) => it.ours), each.flatMap((it) => it.theirs)];
    const [a, b] = [median(ours), median(theirs)];
    const ratio = median(ours.map((value, i) => value / theirs[i]!));
    return {
      what: `main job, agent of ${seconds} s, s (${pairs} pairs)`,
      ours: (a / 1000).toFixed(2),
      theirs: `${(b / 1000).toFixed(2)} shell script`,
      ratio: `+${((ratio - 1) * 100).toFixed(2)} %`,
      budget: '+2 %',
      ok: ratio <= 1.02,
    };
  } finally {
    for (const shop of shops) shop.box.remove();
  }
}
