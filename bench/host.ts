/** The budgets of the editor, measured in a real VS Code: bench/host/inside.ts runs in its extension host. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { monotonicFactory } from 'ulid';
import { openDatabase } from '../src/adapters/sqlite/open.ts';
import { createTaskBoard } from '../src/adapters/sqlite/taskBoard.ts';
import { makeStateDir, resolveWorkspace, statePaths } from '../src/app/state.ts';
import { root, startServer } from '../test/host/server.ts';
import { setup } from '../test/host/setup.ts';
import { launchBrowser, openWorkbench } from '../test/host/workbench.ts';
import { createSandbox, makeTask, type Sandbox } from '../test/support/repo.ts';
import { median, type Row } from './table.ts';

interface Delay {
  p50: number;
  p99: number;
  max: number;
  /** Of a process beside it that does nothing. */
  idleP99: number;
  samples: number;
  peakMb: number;
  cpuPercent: number;
}

export interface HostFigures {
  /** `activate` itself. */
  activationMs: number;
  /** With the loading of the bundle, unless VS Code had activated it before. */
  loadMs: number;
  quiet?: Delay;
  loud?: Delay;
  printedMbPerSecond?: number;
}

const TASKS = 2000;
const ACTIVATIONS = 5;
const LOUD_SECONDS = 20;

async function compile(dir: string): Promise<string> {
  const outfile = path.join(dir, 'inside.cjs');
  await build({
    entryPoints: [path.join(import.meta.dirname, 'host/inside.ts')],
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node22',
    external: ['vscode'],
  });
  return outfile;
}

/** One window with the extension, until the code inside has left its figures. */
async function measure(
  browser: Browser,
  box: Sandbox,
  folder: string,
  seconds: number,
  tests: string,
): Promise<HostFigures> {
  const results = path.join(box.dir, 'figures.json');
  fs.rmSync(results, { force: true });
  const agent = `${process.execPath} ${path.join(import.meta.dirname, 'host/loudAgent.mjs')}`;
  const server = await startServer({
    data: path.join(box.dir, 'server'),
    env: {
      ...box.env,
      XDG_STATE_HOME: path.join(box.dir, 'state'),
      XDG_CONFIG_HOME: path.join(box.dir, 'config'),
      AMPA_BENCH_RESULTS: results,
      AMPA_BENCH_SECONDS: String(seconds),
      AMPA_AGENT_COMMAND: agent,
      AMPA_CHECKS_COMMAND: 'true',
      LOUD_SECONDS: String(seconds + 30),
    },
  });
  const exit = Promise.withResolvers<void>();
  const timer = setTimeout(() => exit.resolve(), 180_000);
  const said: string[] = [];
  try {
    const page = await openWorkbench(browser, server, {
      folder,
      development: { extension: root, tests },
      prepare: async (it) => {
        await it.exposeFunction('codeAutomationExit', () => exit.resolve());
        await it.exposeFunction(
          'codeAutomationLog',
          (_type: string, args: unknown[]) => void said.push(args.join(' ')),
        );
      },
    });
    await exit.promise;
    await page.close();
  } finally {
    clearTimeout(timer);
    await server.stop();
  }
  if (!fs.existsSync(results)) throw new Error(`the extension host left no figures: ${said.slice(-5).join('\n')}`);
  return JSON.parse(fs.readFileSync(results, 'utf8')) as HostFigures;
}

/** Ended tasks of the last weeks. */
async function seed(box: Sandbox, folder: string): Promise<void> {
  const workspace = await resolveWorkspace(folder);
  const paths = statePaths(workspace, { HOME: box.env['HOME'], XDG_STATE_HOME: path.join(box.dir, 'state') });
  makeStateDir(workspace);
  const database = await openDatabase({ file: paths.database, backupDir: paths.backups, now: Date.now });
  const board = createTaskBoard(database.db, Date.now);
  const newId = monotonicFactory();
  for (let i = 0; i < TASKS; i++) {
    const at = new Date(Date.now() - (TASKS - i) * 600_000);
    const prompt = `Task ${i}: the totals of an order ignore the discount that its customer was promised. `.repeat(3);
    await board.insert(
      makeTask({
        id: newId(at.getTime()),
        repo: folder,
        title: `Mend the totals of order ${i}`,
        request: prompt,
        prompt,
        status: i % 9 === 0 ? 'needs_review' : 'success',
        reason: i % 9 === 0 ? 'max_attempts' : null,
        attempts: 1,
        created_at: at.toISOString(),
        updated_at: at.toISOString(),
      }),
    );
  }
  await database.close();
}

export async function editorBudgets(): Promise<Row[]> {
  await setup();
  const browser = await launchBrowser();
  const box = createSandbox('ampa-bench-host-');
  const none = { theirs: '', ratio: '' };
  try {
    const { repo } = box.withOrigin();
    const tests = await compile(fs.mkdtempSync(path.join(os.tmpdir(), 'ampa-bench-inside-')));
    const starts: HostFigures[] = [];
    for (let i = 0; i < ACTIVATIONS; i++) starts.push(await measure(browser, box, repo, 0, tests));
    const activation = median(starts.map((it) => it.activationMs));
    await seed(box, repo);
    const { quiet, loud, printedMbPerSecond } = await measure(browser, box, repo, LOUD_SECONDS, tests);
    if (!quiet || !loud || printedMbPerSecond === undefined) throw new Error('the extension host did not listen');
    const ms = (value: number): string => value.toFixed(1);
    return [
      {
        what: `activate(), ms (${ACTIVATIONS} starts; with loading ${ms(median(starts.map((it) => it.loadMs)))})`,
        ours: ms(activation),
        ...none,
        budget: '25',
        ok: activation <= 25,
      },
      {
        what: `extension host, ${TASKS} tasks, agent at ${printedMbPerSecond.toFixed(1)} MB/s: event-loop delay p99, ms (p50 ${ms(loud.p50)}, max ${ms(loud.max)}, while quiet ${ms(quiet.p99)})`,
        ours: ms(loud.p99),
        theirs: `${ms(loud.idleP99)} idle process beside it`,
        ratio: '',
        budget: '16',
        ok: loud.p99 <= 16,
      },
      {
        what: `the same: memory of the extension host, MB (${loud.cpuPercent.toFixed(0)} % of a core)`,
        ours: loud.peakMb.toFixed(0),
        theirs: `${quiet.peakMb.toFixed(0)} while quiet`,
        ratio: '',
        budget: '',
        ok: null,
      },
    ];
  } finally {
    await browser.close();
    box.remove();
  }
}
