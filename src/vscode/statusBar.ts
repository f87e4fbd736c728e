/** The status bar item. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { HostInfo } from '../app/hosts.ts';
import { AmpaError, describeError } from '../errors.ts';
import type { Group } from './abilities.ts';
import type { CommandId } from './commandTable.ts';
import { engineProblems, freeSlots, startProblems } from './engineProblems.ts';
import type { Folder, Folders } from './folders.ts';
import type { Overview } from './overview.ts';
import type { Scheduled } from './scheduleTree.ts';
import { elementId } from './tasksModel.ts';
import { statusText, statusTooltip, type FailingChannel, type StatusInput } from './statusText.ts';

/** Hosts beat every 15 s; a stall is to be seen within a minute. */
const REFRESH_MS = 10_000;
/** Nobody looked for so long: the machine was asleep. */
const PAUSE_MS = 35_000;
/** A store that does not answer within this time is a problem of its own. */
const PATIENCE_MS = 10_000;

export interface StatusSources {
  folders: Folders;
  overview: Overview;
  notices(): readonly string[];
  scheduled(): readonly Scheduled[];
  /** Ways out of the editor that fail, of a folder whose engine runs. */
  channels(folder: Folder): Promise<readonly FailingChannel[]>;
  /** Further lines of the tooltip, markdown, for a folder whose engine runs. */
  more(folder: Folder): Promise<readonly string[]>;
  onError(error: unknown): void;
}

/** What was last seen of a folder's engine. */
interface Sight {
  hosts: HostInfo[];
  problems: string[];
  channels: readonly FailingChannel[];
  more: readonly string[];
  /** When this was seen, and since when without a pause that only a machine makes which sleeps. */
  lookedAt: number;
  awakeSince: number;
  /** When this process was among the hosts last. */
  seenAt: number;
  freeSince: number | null;
}

export function createStatusBar({
  folders,
  overview,
  notices,
  scheduled,
  channels,
  more,
  onError,
}: StatusSources): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('ampa.status', vscode.StatusBarAlignment.Left, 10);
  item.name = 'AMPA';
  item.command = 'ampa.whatNow' satisfies CommandId;
  const sights = new Map<Folder, Sight>();
  let timer: NodeJS.Timeout | undefined;
  let disposed = false;

  const input = (): StatusInput => {
    const count = (group: Group): number => overview.layout().counts.get(elementId({ kind: 'group', group })) ?? 0;
    return {
      ...{ running: count('running'), queued: count('queued'), needs: count('needs') },
      starting: ofEach((it) => (it.starting ? [it.starting.waitsFor] : [])),
      problems: ofEach(problemsOf),
    };
  };
  /** What there is to say of each folder, with its name where there are several. */
  const ofEach = (say: (folder: Folder) => readonly string[]): string[] => {
    const all = folders.all();
    return all.flatMap((it) => say(it).map((text) => (all.length > 1 ? `${it.name}: ${text}` : text)));
  };
  const problemsOf = (it: Folder): readonly string[] => {
    if (it.starting) return startProblems(it.starting, Date.now());
    if (it.state === 'failed' || it.state === 'readonly') return [describeError(it.error)];
    return it.state === 'running' ? (sights.get(it)?.problems ?? []) : [];
  };
  const draw = (): void => {
    if (disposed) return;
    const now = input();
    const { text, warning, label } = statusText(now);
    const seen = running().flatMap((folder) => sights.get(folder) ?? []);
    item.text = text;
    item.backgroundColor = warning ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    item.accessibilityInformation = { label, role: 'button' };
    const tooltip = statusTooltip({
      ...now,
      hosts: seen.flatMap((it) => it.hosts),
      commands: scheduled().map((it) => it.command),
      channels: seen.flatMap((it) => it.channels),
      more: seen.flatMap((it) => it.more),
      notices: notices(),
      now: Date.now(),
    });
    item.tooltip = new vscode.MarkdownString(tooltip, true);
  };
  const running = (): Folder[] => folders.all().filter((it) => it.state === 'running');
  const look = async (folder: Folder): Promise<Sight> => {
    const before = sights.get(folder);
    const app = await folder.app();
    const tasks = [...folder.snapshot().tasks.values()];
    const slots = app.config().values.maxConcurrentTasks;
    const now = Date.now();
    const freeSince = freeSlots(tasks, slots) > 0 ? (before?.freeSince ?? now) : null;
    const slept = before !== undefined && now - before.lookedAt > PAUSE_MS;
    const awakeSince = slept ? now : (before?.awakeSince ?? 0);
    const sight = { hosts: [], channels: [], more: [], seenAt: now, ...before, lookedAt: now, awakeSince, freeSince };
    try {
      const hosts = await answered(app.hosts());
      const own = hosts.find((host) => host.kind === 'vscode' && host.pid === process.pid);
      const seenAt = own ? now : sight.seenAt;
      const stalls = app.stalls(hosts);
      const found = engineProblems({ awakeSince, own, seenAt, tasks, slots, freeSince, stalls, now });
      return { ...sight, hosts, seenAt, problems: found };
    } catch (error) {
      return { ...sight, problems: [`The database does not answer: ${describeError(error)}`] };
    }
  };
  const asked = new Set<Folder>();
  /** What the tooltip tells beside: however long it takes, a stall is seen in time. */
  const lookAside = async (folder: Folder): Promise<void> => {
    if (asked.has(folder)) return;
    asked.add(folder);
    try {
      const [failing, lines] = await Promise.all([channels(folder), more(folder)]);
      const sight = sights.get(folder);
      if (sight) sights.set(folder, { ...sight, channels: failing, more: lines });
      draw();
    } catch (error) {
      onError(error);
    } finally {
      asked.delete(folder);
    }
  };
  /** Only while an engine runs: a guest room has no timer. */
  const refresh = async (): Promise<void> => {
    const all = folders.all();
    for (const it of sights.keys()) if (!all.includes(it)) sights.delete(it);
    const looked = await Promise.allSettled(
      running().map(async (it) => {
        const seen = await look(it);
        sights.set(it, { ...seen, channels: sights.get(it)?.channels ?? [], more: sights.get(it)?.more ?? [] });
      }),
    );
    for (const it of looked) if (it.status === 'rejected') onError(it.reason);
    draw();
    for (const folder of running()) void lookAside(folder);
    timer = undefined;
    schedule(REFRESH_MS);
  };
  const schedule = (ms: number): void => {
    const isUp = (it: Folder): boolean => it.state === 'running' || it.state === 'starting';
    if (timer === undefined && !disposed && folders.all().some(isUp)) timer = setTimeout(() => void refresh(), ms);
  };
  const subscriptions = [
    item,
    overview.onDidChange(() => {
      draw();
      schedule(500);
    }),
  ];
  draw();
  item.show();
  return {
    dispose() {
      disposed = true;
      clearTimeout(timer);
      for (const subscription of subscriptions) subscription.dispose();
    },
  };
}

/** Rejects where the answer takes too long. */
async function answered<T>(asked: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const late = sleep(PATIENCE_MS, undefined, { signal: stop.signal, ref: false }).then(() => {
    throw new AmpaError('store_busy', `nothing was heard of it for ${PATIENCE_MS / 1000} s`);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    stop.abort();
    // The stopped timer rejects, and nobody waits for it any longer.
    late.catch(() => undefined);
  }
}
