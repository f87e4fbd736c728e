/** What the commands of the Schedule tree do. */
import * as vscode from 'vscode';
import type { RunReport } from '../app/scheduleApi.ts';
import { requireTrust } from './choose.ts';
import type { CommandId } from './commandTable.ts';
import type { Documents } from './documents.ts';
import type { Folders } from './folders.ts';
import { dueWords, historyPage, resultWords } from './scheduleRows.ts';
import type { Scheduled, ScheduleTree } from './scheduleTree.ts';

type Handler = (...args: unknown[]) => Promise<unknown>;
type ScheduleCommandId = Extract<CommandId, `ampa.schedule${string}`>;

export function createScheduleHandlers(deps: {
  folders: Folders;
  documents: Documents;
  scheduleTree(): ScheduleTree;
}): Record<ScheduleCommandId, Handler> {
  const { folders, documents, scheduleTree } = deps;
  /** Acts on the given row's command, or on the one a person picks. */
  const onCommand =
    (title: string, suits: (it: Scheduled) => boolean, act: (it: Scheduled) => Promise<unknown>): Handler =>
    async (given) => {
      if (!(await requireTrust())) return undefined;
      const chosen = (typeof given === 'string' ? scheduleTree().of(given) : undefined) ?? (await pick(title, suits));
      return chosen && act(chosen);
    };
  async function pick(title: string, suits: (it: Scheduled) => boolean): Promise<Scheduled | undefined> {
    await folders.wake();
    await scheduleTree().refresh();
    const items = scheduleTree()
      .commands()
      .filter(suits)
      .map((it) => ({
        label: it.command.title,
        description: dueWords(it.command, Date.now()),
        detail: it.command.every,
        it,
      }));
    if (items.length === 0) {
      void vscode.window.showInformationMessage('There is no scheduled command for that here.');
      return undefined;
    }
    return (await vscode.window.showQuickPick(items, { title, matchOnDetail: true }))?.it;
  }
  const history = async ({ folder, command }: Scheduled): Promise<void> => {
    const runs = await (await folder.app()).schedule.history(command.id, 10);
    await documents.show(`Runs of ${command.id}`, historyPage(command.title, runs));
  };
  const toggle =
    (enabled: boolean) =>
    async ({ folder, command }: Scheduled): Promise<void> => {
      await (await folder.app()).schedule.update(command.id, { enabled });
      await scheduleTree().refresh();
    };
  const run = async (it: Scheduled): Promise<void> => {
    const { folder, command } = it;
    const { schedule } = await folder.app();
    const options = { location: vscode.ProgressLocation.Notification, title: command.title, cancellable: true };
    const report = await vscode.window.withProgress(options, async (_, token): Promise<RunReport | null> => {
      const stop = new AbortController();
      const subscription = token.onCancellationRequested(() => stop.abort());
      try {
        return await schedule.run(command.id, { signal: stop.signal });
      } finally {
        subscription.dispose();
      }
    });
    if (!report) return;
    const text = `${command.title}: ${resultWords(report)}`;
    const good = report.status === 'succeeded' || report.status === 'skipped';
    const show = good ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
    // The command is done when the run is; the button may be pressed much later.
    void show(text, 'Show Output').then((answer) => (answer ? history(it) : undefined));
  };
  return {
    'ampa.scheduleRun': onCommand('Which command runs now?', (it) => it.command.unsupported === null, run),
    'ampa.scheduleEnable': onCommand('Which command is switched on?', (it) => !it.command.enabled, toggle(true)),
    'ampa.scheduleDisable': onCommand('Which command is switched off?', (it) => it.command.enabled, toggle(false)),
    'ampa.scheduleHistory': onCommand('Whose runs?', () => true, history),
  };
}
