/** The Schedule tree: every command with its next due time, lateness and last result; below it, its last runs. */
import * as vscode from 'vscode';
import type { RunReport, ScheduledCommand } from '../app/scheduleApi.ts';
import { coalesce } from '../tasks/coalesce.ts';
import { CONTEXT_KEYS, type ScheduleWelcome } from './commandTable.ts';
import type { Folder, Folders } from './folders.ts';
import { commandRow, runRow, type ScheduleRow } from './scheduleRows.ts';

export interface Scheduled {
  folder: Folder;
  command: ScheduledCommand;
}

export interface ScheduleTree extends vscode.Disposable {
  readonly provider: vscode.TreeDataProvider<string>;
  /** What the window's folders have, as last seen. */
  commands(): readonly Scheduled[];
  /** The command of a row. */
  of(element: string): Scheduled | undefined;
  /** Reads everything again. */
  refresh(): Promise<void>;
}

/** Times in the rows are relative, so they are redrawn now and then while somebody looks. */
const REDRAW_MS = 30_000;
const RUNS = 10;
const TAIL = 1000;

export function createScheduleTree(folders: Folders, onError: (error: unknown) => void): ScheduleTree {
  const changed = new vscode.EventEmitter<string[] | undefined>();
  /** By element: folder and command. */
  const rows = new Map<string, Scheduled>();
  const runs = new Map<string, RunReport>();
  const watched = new Map<Folder, () => void>();
  const stop = new AbortController();

  const elementOf = (folder: Folder, ...rest: string[]): string => JSON.stringify([folder.uri.toString(), ...rest]);
  const isOpen = (folder: Folder): boolean => folder.state === 'running' || folder.state === 'readonly';

  async function read(): Promise<void> {
    const found = new Map<string, Scheduled>();
    for (const folder of folders.all().filter(isOpen)) {
      const { schedule } = await folder.app();
      if (!watched.has(folder) && !stop.signal.aborted)
        watched.set(
          folder,
          schedule.watch(() => void refresh()),
        );
      for (const command of await schedule.list())
        // One that never had anything to do here, such as a heartbeat that nobody hears, is no news.
        if (command.waits_for === null || command.last_run !== null)
          found.set(elementOf(folder, command.id), { folder, command });
    }
    if (stop.signal.aborted) return;
    for (const [folder, off] of watched) {
      if (isOpen(folder) && folders.all().includes(folder)) continue;
      off();
      watched.delete(folder);
    }
    const same = found.size === rows.size && [...found.keys()].every((element) => rows.has(element));
    const altered = [...found].filter(
      ([element, { command }]) => JSON.stringify(rows.get(element)?.command) !== JSON.stringify(command),
    );
    rows.clear();
    for (const [element, it] of found) rows.set(element, it);
    sayWelcome();
    if (!same) changed.fire(undefined);
    else if (altered.length > 0) changed.fire(altered.map(([element]) => element));
  }
  /** What the view says while it is empty. */
  function sayWelcome(): void {
    const welcome: ScheduleWelcome = rows.size > 0 ? '' : folders.all().some(isOpen) ? 'empty' : 'off';
    void vscode.commands.executeCommand('setContext', CONTEXT_KEYS.schedule, welcome);
  }
  const refresh = coalesce(async () => {
    if (!stop.signal.aborted) await read().catch(onError);
  });

  const rowOf = (element: string): ScheduleRow | undefined => {
    const it = rows.get(element);
    if (it) return commandRow(it.command, Date.now(), folders.all().length > 1 ? it.folder.name : null);
    const run = runs.get(element);
    return run && runRow(run, Date.now());
  };
  const provider: vscode.TreeDataProvider<string> = {
    onDidChangeTreeData: changed.event,
    getTreeItem(element) {
      const row = rowOf(element);
      // Between a change and the redraw a row may be asked for that is gone.
      return row ? itemOf(element, row, rows.has(element)) : new vscode.TreeItem('');
    },
    async getChildren(element) {
      if (element === undefined) return [...rows.keys()];
      const it = rows.get(element);
      if (!it) return [];
      try {
        const found = await (await it.folder.app()).schedule.history(it.command.id, RUNS);
        for (const known of runs.keys()) if (commandOf(known) === element) runs.delete(known);
        return found.map((run) => {
          const own = elementOf(it.folder, it.command.id, run.started_at);
          // A row shows the end of its output, which may be a megabyte.
          runs.set(own, { ...run, output: run.output.slice(-TAIL) });
          return own;
        });
      } catch (error) {
        onError(error);
        return [];
      }
    },
    getParent: (element) => (rows.has(element) ? undefined : commandOf(element)),
  };
  const view = vscode.window.createTreeView('ampa.schedule', { treeDataProvider: provider });
  const redraw = setInterval(() => {
    if (view.visible && rows.size > 0) changed.fire([...rows.keys()]);
  }, REDRAW_MS);
  let states = '';
  const folderStates = (): string =>
    folders
      .all()
      .map((it) => `${it.uri.toString()} ${it.state}`)
      .join('\n');
  const subscriptions = [
    changed,
    view,
    // Tasks change often, folders seldom.
    folders.onDidChange(() => {
      const current = folderStates();
      if (current === states) return;
      states = current;
      void refresh();
    }),
  ];
  void refresh();
  return {
    provider,
    commands: () => [...rows.values()],
    of: (element) => rows.get(element) ?? rows.get(commandOf(element)),
    refresh,
    dispose() {
      stop.abort();
      clearInterval(redraw);
      for (const off of watched.values()) off();
      for (const subscription of subscriptions) subscription.dispose();
    },
  };
}

/** The element of a run's command. */
function commandOf(element: string): string {
  const [folder, id] = JSON.parse(element) as string[];
  return JSON.stringify([folder, id]);
}

function itemOf(element: string, row: ScheduleRow, hasRuns: boolean): vscode.TreeItem {
  const { None, Collapsed } = vscode.TreeItemCollapsibleState;
  const item = new vscode.TreeItem(row.label, hasRuns ? Collapsed : None);
  item.id = element;
  item.description = row.description;
  item.contextValue = row.tokens.join(' ');
  const color = row.icon.color === undefined ? undefined : new vscode.ThemeColor(row.icon.color);
  item.iconPath = new vscode.ThemeIcon(row.icon.id, color);
  item.tooltip = row.tooltip;
  item.accessibilityInformation = { label: [row.label, row.description].filter(Boolean).join(', ') };
  return item;
}
