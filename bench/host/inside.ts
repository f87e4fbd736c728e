/** Runs inside the extension host and leaves its figures in the file that AMPA_BENCH_RESULTS names. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { Internals } from '../../src/vscode/extension.ts';
import type { HostFigures } from '../host.ts';

const RESOLUTION_MS = 10;
const MB = 1024 * 1024;

export async function run(): Promise<void> {
  const output = process.env['AMPA_BENCH_RESULTS'];
  const seconds = Number(process.env['AMPA_BENCH_SECONDS'] ?? 0);
  if (!output) throw new Error('run this through bench/host.ts');
  const extension = vscode.extensions.getExtension<Internals>('ampa.ampa');
  if (!extension) throw new Error('the extension is not installed');
  const begun = performance.now();
  const internals = await extension.activate();
  const loadMs = performance.now() - begun;
  const figures: HostFigures = { activationMs: internals.activation.ms, loadMs };
  if (seconds > 0) Object.assign(figures, await listen(internals, seconds));
  fs.writeFileSync(output, JSON.stringify(figures));
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited a minute for ${what}`);
    await sleep(50);
  }
}

/** A process that does nothing, in the same seconds: what the machine does to any event loop now. */
function idleP99(seconds: number): Promise<number> {
  const script = `
    const histogram = require('node:perf_hooks').monitorEventLoopDelay({ resolution: ${RESOLUTION_MS} });
    histogram.enable();
    setTimeout(() => { console.log(histogram.percentile(99)); process.exit(); }, ${seconds * 1000});`;
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
    execFile(process.execPath, ['-e', script], { env }, (error, stdout) => {
      if (error) reject(new Error('the idle process failed', { cause: error }));
      else resolve(Math.max(0, Number(stdout) / 1e6 - RESOLUTION_MS));
    });
  });
}

async function measure(seconds: number) {
  const idle = idleP99(seconds);
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const cpu = process.cpuUsage();
  histogram.enable();
  let peak = 0;
  for (let i = 0; i < seconds * 2; i++) {
    await sleep(500);
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  histogram.disable();
  const used = process.cpuUsage(cpu);
  // What it records is the time between two firings of a timer of `resolution`.
  const delay = (ns: number): number => Math.max(0, ns / 1e6 - RESOLUTION_MS);
  return {
    p50: delay(histogram.percentile(50)),
    p99: delay(histogram.percentile(99)),
    max: delay(histogram.max),
    idleP99: await idle,
    samples: histogram.count,
    peakMb: peak / MB,
    cpuPercent: (used.user + used.system) / 1e4 / seconds,
  };
}

/** 2,000 tasks in the store; the tree, a running task's page and its log are open while its agent prints. */
async function listen({ overview, tree, folders }: Internals, seconds: number) {
  await vscode.commands.executeCommand('ampa.tasks.focus');
  await until('the view', () => tree?.view.visible ?? false);
  await until('the tasks', () => [...overview.tasks()].length >= 2000);
  await sleep(2000);
  const quiet = await measure(Math.min(seconds, 5));
  const before = new Set([...overview.tasks()].map((task) => task.id));
  await vscode.commands.executeCommand('ampa.startTask', { prompt: 'Talk a lot', permissions: 'all' });
  let id = '';
  await until('the task', () => {
    id = [...overview.tasks()].find((task) => !before.has(task.id))?.id ?? '';
    return id !== '';
  });
  await vscode.commands.executeCommand('ampa.showTask', id);
  await vscode.commands.executeCommand('ampa.showLog', id);
  const [folder] = folders.all();
  const app = await folder!.app();
  const logged = async (): Promise<number> => (await app.readLog(id, { attempt: 1, tailBytes: 1 })).cursor.offset;
  await until('the first output', async () => overview.task(id)?.phase === 'agent' && (await logged()) > MB);
  const from = await logged();
  const loud = await measure(seconds);
  const printedMbPerSecond = ((await logged()) - from) / MB / seconds;
  if (overview.task(id)?.phase !== 'agent') throw new Error('the agent ended before the measurement did');
  return { quiet, loud, printedMbPerSecond };
}
