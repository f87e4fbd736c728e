/** A campaign of answers: each question is answered at the same moment from four surfaces on two hosts. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import { CHECK } from './project.ts';
import { createQuestions } from './questionProject.ts';
import { until } from './until.ts';

interface Fate {
  id: string;
  by: string;
  won: boolean;
  response: string;
  /** What a loser was told. */
  message: string;
}

const HOSTS = [
  ['editor', 'discord'],
  ['http', 'cli'],
];

export interface AnswerReport {
  seconds: number;
  /** How often each surface was first. */
  wins: Record<string, number>;
}

/** Rejects with an assertion where a question was answered twice or not at all, or a loser was not told who won. */
export async function runAnswers(options: {
  prompts: number;
  atOnce: number;
  timeoutMs: number;
}): Promise<AnswerReport> {
  const { prompts, atOnce, timeoutMs } = options;
  const questions = createQuestions('ampa-answers-');
  const { project } = questions;
  const hosts: ChildProcess[] = [];
  const from = Date.now();
  try {
    const rounds = Array.from({ length: Math.ceil(prompts / atOnce) }, (_, i) =>
      Math.min(atOnce, prompts - i * atOnce),
    );
    const vars = questions.env([[...rounds.map((count) => `ask-many ${count}`), 'write state.txt good'].join('\n')]);
    const app = await questions.open(vars);
    const fates: Fate[] = [];
    for (const names of HOSTS) {
      const child = spawn(
        process.execPath,
        [path.resolve(import.meta.dirname, 'answerer.ts'), project.repo, ...names],
        { env: { ...project.env, ...vars, AMPA_METRICS_PORT: '0' }, stdio: ['pipe', 'pipe', 'inherit'] },
      );
      hosts.push(child);
      await new Promise<void>((resolve) => {
        readline.createInterface({ input: child.stdout }).on('line', (line) => {
          if (line === 'ready') resolve();
          else fates.push(JSON.parse(line) as Fate);
        });
      });
    }
    const { id } = await app.start({ prompt: 'Make it good', checks: CHECK });
    project.spawnAmpa(['work', id], vars);
    /** The command that each question is about. */
    const asked = new Map<string, string>();
    await until(
      'every question is asked, and answered by everybody',
      async () => {
        for (const prompt of asked.size < prompts ? await app.prompts() : []) {
          if (asked.has(prompt.id)) continue;
          asked.set(prompt.id, prompt.detail);
          for (const host of hosts) host.stdin!.write(`${prompt.id}\n`);
        }
        return fates.length === prompts * 4;
      },
      timeoutMs,
    );
    await questions.ended(app, id);

    const heard = new Map<unknown, unknown>();
    for (const { many, outcome } of questions.journal()) {
      if (many === undefined) continue;
      assert.ok(!heard.has(many), `the agent heard twice of ${JSON.stringify(many)}`);
      heard.set(many, outcome);
    }
    assert.equal(asked.size, prompts);
    assert.equal(heard.size, prompts, 'the agent heard an answer to each question');
    const wins: Record<string, number> = {};
    for (const [prompt, command] of asked) {
      const all = fates.filter((fate) => fate.id === prompt);
      const winners = all.filter((fate) => fate.won);
      assert.equal(winners.length, 1, JSON.stringify(all));
      const winner = winners[0]!;
      wins[winner.by] = (wins[winner.by] ?? 0) + 1;
      assert.equal(heard.get(command), winner.response === 'allow' ? 'once' : 'no', 'the agent heard the winner');
      for (const loser of all.filter((fate) => !fate.won))
        assert.ok(loser.message.includes(` by ${winner.by} at 20`), `${loser.message} should name ${winner.by}`);
    }
    return { seconds: (Date.now() - from) / 1000, wins };
  } finally {
    for (const host of hosts) host.stdin!.end();
    await Promise.all(
      hosts.map((host) => until('an answerer ends', () => host.exitCode !== null).catch(() => host.kill('SIGKILL'))),
    );
    await project.remove();
  }
}
