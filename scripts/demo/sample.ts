/** The sample repository: a tiny project with a test, a bare `origin`, and the demo agent. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const FILES: Record<string, string> = {
  'package.json': `${JSON.stringify({ name: 'demo-shop', version: '1.0.0', private: true, type: 'module', scripts: { test: 'node --test' } }, null, 2)}\n`,
  'src/total.mjs': `/** The price of a list of items, in euros. */
export function total(items) {
  const sum = items.reduce((all, item) => all + item.price * item.count, 0);
  return Math.round(sum * 100) / 100;
}
`,
  'test/total.test.mjs': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { total } from '../src/total.mjs';

test('a total is in whole cents', () => {
  assert.equal(total([{ price: 0.1, count: 3 }]), 0.3);
});
`,
  'README.md': `# Demo shop

A tiny project to try AMPA on. The agent here is a scripted demo: no model, no account, no network.

Run **AMPA: Start Task…** and ask for a discount. The demo agent's first change breaks a test; AMPA
shows it the failing lines, and its second change fixes it.
`,
};

export interface Sample {
  /** The checkout to open. */
  folder: string;
  /** What the engine's host needs in its environment to use the demo agent. */
  env: Record<string, string>;
}

/** Makes the sample below `dir`. Works without a git identity or configuration of the user's. */
export function createSample(dir: string): Sample {
  const folder = path.join(dir, 'demo-shop');
  const origin = path.join(dir, 'demo-shop.git');
  const git = (...args: string[]): void =>
    void execFileSync('git', ['-C', folder, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  for (const [name, text] of Object.entries(FILES)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', origin]);
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'user.name', 'Demo');
  git('config', 'user.email', 'demo@example.invalid');
  git('config', 'commit.gpgsign', 'false');
  git('add', '.');
  git('commit', '--quiet', '--no-verify', '--message', 'A shop that can add up');
  git('remote', 'add', 'origin', origin);
  git('push', '--quiet', '--set-upstream', 'origin', 'main');
  return { folder, env: demoEnv() };
}

/** Selects the demo agent. The Node that runs this script also runs the agent. */
export function demoEnv(): Record<string, string> {
  const agent = path.join(import.meta.dirname, 'agent.mjs');
  const quote = (text: string): string =>
    process.platform === 'win32' ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
  return { AMPA_AGENT_TYPE: 'command', AMPA_AGENT_COMMAND: `${quote(process.execPath)} ${quote(agent)}` };
}
