/** A day of a scheduler whose hosts are processes of their own, all moved through time together. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scheduleBench } from './scheduleBench.ts';
import { addDay, checkDay } from './scheduleDay.ts';
import type { FromHost, ToHost } from './scheduleProcess.ts';

const PROGRAM = path.join(import.meta.dirname, 'scheduleProcess.ts');

interface Host {
  name: string;
  child: ChildProcess;
  look: number;
}

/**
 * After every `killEverySteps` steps one host is killed in the midst of its next, and another takes its
 * place. What was done is checked; resolves to what there was.
 */
export async function dayOfProcesses(options: {
  hosts: number;
  from: number;
  hours: number;
  killEverySteps: number;
}): Promise<Awaited<ReturnType<typeof checkDay>> & { killed: number }> {
  const { from } = options;
  const bench = scheduleBench({ at: from });
  const { store } = await bench.open();
  const hosts: Host[] = [];
  let started = 0;
  const start = async (at: number): Promise<void> => {
    const name = `host${started++}`;
    const child = fork(PROGRAM, [bench.dir, name, String(at)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await once(child, 'message');
    hosts.push({ name, child, look: at });
  };
  /** Resolves when the host has stepped, or is dead. */
  const step = async (host: Host, to: number): Promise<void> => {
    const gone = new AbortController();
    const answered = once(host.child, 'message', { signal: gone.signal });
    const ended = once(host.child, 'exit', { signal: gone.signal });
    host.child.send({ to } satisfies ToHost, () => undefined);
    const [first] = (await Promise.race([answered, ended.then(() => [null])])) as [FromHost | null];
    gone.abort();
    await Promise.allSettled([answered, ended]);
    if (first === null && host.child.signalCode !== 'SIGKILL') throw new Error(`${host.name} failed`);
    host.look = first === null ? Infinity : (first.look ?? Infinity);
  };
  try {
    await addDay(bench, store);
    for (let i = 0; i < options.hosts; i++) await start(from);
    const end = from + options.hours * 3600_000;
    let killed = 0;
    for (let now = from, steps = 1; now <= end; steps++) {
      const stepping = hosts.map((host) => step(host, now));
      if (steps % options.killEverySteps === 0) {
        const victim = hosts[killed++ % hosts.length]!;
        // Anywhere in its step, before and behind it.
        await sleep(Math.random() * 4);
        victim.child.kill('SIGKILL');
        await Promise.all(stepping);
        if (victim.child.exitCode === null && victim.child.signalCode === null) await once(victim.child, 'exit');
        hosts.splice(hosts.indexOf(victim), 1);
        for (const host of hosts) host.child.send({ dead: victim.name } satisfies ToHost);
        await start(now);
      }
      await Promise.all(stepping);
      now = Math.max(Math.min(...hosts.map((host) => host.look)), now + 1);
    }
    return { ...(await checkDay(store, from, end)), killed };
  } finally {
    for (const { child } of hosts) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    await bench.remove();
  }
}
