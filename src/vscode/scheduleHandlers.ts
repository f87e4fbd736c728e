/** What the commands of the Schedule tree do. */
import * as vscode from 'vscode';
import type { RunReport, ScheduledCommand } from '../app/scheduleApi.ts';
import { chooseFolder, requireTrust } from './choose.ts';
import type { CommandId } from './commandTable.ts';
import type { Documents } from './documents.ts';
import type { Folders } from './folders.ts';
import { plain, withoutIcons } from './plain.ts';
import { guideAdd, guideEdit } from './scheduleGuide.ts';
import { dueWords, historyPage, resultWords } from './scheduleRows.ts';
import { timingWords } from './scheduleTimes.ts';
import type { Scheduled, ScheduleTree } from './scheduleTree.ts';

interface Question {
  /** The command. */
  title: string;
  placeHolder: string;
}

type Handler = (...args: unknown[]) => Promise<unknown>;
type ScheduleCommandId = Extract<CommandId, `ampa.schedule${string}`> | 'ampa.enableScheduler';

export function createScheduleHandlers(deps: {
  folders: Folders;
  documents: Documents;
  scheduleTree(): ScheduleTree;
}): Record<ScheduleCommandId, Handler> {
  const { folders, documents, scheduleTree } = deps;
  /** The command that was meant: a row of the tree, or a folder with an id. */
  const given = async (what: unknown): Promise<Scheduled | undefined> => {
    if (typeof what === 'string') return scheduleTree().of(what);
    if (typeof what !== 'object' || what === null || !('command' in what) || !('folder' in what)) return undefined;
    await look();
    return scheduleTree()
      .commands()
      .find((it) => it.command.id === what.command && it.folder.uri.toString() === what.folder);
  };
  const look = async (): Promise<void> => {
    await folders.wake();
    await scheduleTree().refresh();
  };
  /** Acts on the given command, or on the one a person picks. */
  const onCommand =
    (question: Question, suits: (it: Scheduled) => boolean, act: (it: Scheduled) => Promise<unknown>): Handler =>
    async (what) => {
      if (!(await requireTrust())) return undefined;
      const chosen = (await given(what)) ?? (await pick(question, suits, false))?.[0];
      return chosen && act(chosen);
    };
  /** The same for any number of them. */
  const onCommands =
    (question: Question, suits: (it: Scheduled) => boolean, act: (it: Scheduled) => Promise<unknown>): Handler =>
    async (what) => {
      if (!(await requireTrust())) return;
      const row = await given(what);
      for (const it of row ? [row] : ((await pick(question, suits, true)) ?? [])) await act(it);
      await scheduleTree().refresh();
    };
  async function pick(
    question: Question,
    suits: (it: Scheduled) => boolean,
    many: boolean,
  ): Promise<Scheduled[] | undefined> {
    await look();
    const items = scheduleTree()
      .commands()
      .filter(suits)
      .map((it) => ({
        label: withoutIcons(it.command.title),
        description: dueWords(it.command, Date.now()),
        detail: timingWords(it.command),
        it,
      }));
    if (items.length === 0) {
      void vscode.window.showInformationMessage('There is no scheduled command to choose from.');
      return undefined;
    }
    if (many)
      return (await vscode.window.showQuickPick(items, { ...question, matchOnDetail: true, canPickMany: true }))?.map(
        ({ it }) => it,
      );
    const chosen = await vscode.window.showQuickPick(items, { ...question, matchOnDetail: true });
    return chosen && [chosen.it];
  }
  const add: Handler = async () => {
    const folder = (await requireTrust()) ? await chooseFolder(folders, 'Add Scheduled Command') : undefined;
    const command = folder && (await guideAdd(await folder.app()));
    if (!command) return;
    await folder.engage();
    await scheduleTree().refresh();
    said(command, 'was scheduled');
    await vscode.commands.executeCommand('ampa.schedule.focus');
  };
  const edit = async ({ folder, command }: Scheduled): Promise<void> => {
    const changed = await guideEdit(await folder.app(), command);
    if (!changed) return;
    await scheduleTree().refresh();
    said(changed, 'was changed');
  };
  const remove = async ({ folder, command }: Scheduled): Promise<void> => {
    const detail = `${command.running ? 'The current run is stopped. ' : ''}Past runs and their output are deleted.`;
    const options = { modal: true, detail };
    if (!(await vscode.window.showWarningMessage(`Remove “${command.title}”?`, options, 'Remove'))) return;
    await (await folder.app()).schedule.remove(command.id);
    await scheduleTree().refresh();
  };
  const enableScheduler: Handler = async () => {
    const folder = (await requireTrust()) ? await chooseFolder(folders, 'Enable Scheduler') : undefined;
    if (!folder) return;
    const { schedule } = await folder.engage();
    await schedule.enable();
    await scheduleTree().refresh();
    await vscode.commands.executeCommand('ampa.schedule.focus');
  };
  const history = async ({ folder, command }: Scheduled): Promise<void> => {
    const runs = await (await folder.app()).schedule.history(command.id, 10);
    await documents.show(`Runs of ${command.id}`, historyPage(command.title, runs));
  };
  const toggle =
    (enabled: boolean) =>
    async ({ folder, command }: Scheduled): Promise<void> => {
      await (await folder.app()).schedule.update(command.id, { enabled });
    };
  const run = async (it: Scheduled): Promise<void> => {
    const { folder, command } = it;
    const { schedule } = await folder.app();
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: plain(withoutIcons(command.title)),
      cancellable: true,
    };
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
    void show(plain(text), 'Show Output').then((answer) => (answer ? history(it) : undefined));
  };
  return {
    'ampa.scheduleRun': onCommand(
      { title: 'Run Scheduled Command Now', placeHolder: 'Select a command to run' },
      (it) => it.command.unsupported === null,
      run,
    ),
    'ampa.enableScheduler': enableScheduler,
    'ampa.scheduleAdd': add,
    'ampa.scheduleUpdate': onCommand(
      { title: 'Edit Scheduled Command', placeHolder: 'Select a command to edit' },
      () => true,
      edit,
    ),
    'ampa.scheduleRemove': onCommand(
      { title: 'Remove Scheduled Command', placeHolder: 'Select a command to remove' },
      () => true,
      remove,
    ),
    'ampa.scheduleEnable': onCommands(
      { title: 'Enable Scheduled Command', placeHolder: 'Select commands to enable' },
      (it) => !it.command.enabled,
      toggle(true),
    ),
    'ampa.scheduleDisable': onCommands(
      { title: 'Pause Scheduled Command', placeHolder: 'Select commands to pause' },
      (it) => it.command.enabled,
      toggle(false),
    ),
    'ampa.scheduleHistory': onCommand(
      { title: 'Show Runs of Scheduled Command', placeHolder: 'Select a command' },
      () => true,
      history,
    ),
  };
}

function said(command: ScheduledCommand, what: string): void {
  const next = command.next_due === null || !command.enabled ? '' : `: ${dueWords(command, Date.now())}`;
  vscode.window.setStatusBarMessage(`$(clock) “${withoutIcons(command.title)}” ${what}${next}`, 5000);
}
