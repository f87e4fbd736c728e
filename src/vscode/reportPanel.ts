/** Report pages: one panel for each folder. Nothing is read for a page that is hidden. */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { AmpaError, describeError } from '../errors.ts';
import type { ReportAction, ReportHostMessage, ReportPageMessage } from '../webview/reportProtocol.ts';
import { parseReportMemory, parseReportMessage } from '../webview/reportSchema.ts';
import type { CommandId } from './commandTable.ts';
import type { Documents } from './documents.ts';
import type { Folder, Folders } from './folders.ts';
import type { RestorablePanels } from './lazyPanels.ts';
import { pageHtml } from './pageHtml.ts';
import { historyPage } from './scheduleRows.ts';

export interface ReportPanels extends RestorablePanels {
  open(folder: vscode.Uri): void;
}

/** Between two reports while something changes, ms; more where reading takes longer. */
const PACE_MS = 2000;
/** As time passes the axis moves, ms. */
const IDLE_MS = 60_000;

export function createReportPanels(
  viewType: string,
  extensionUri: vscode.Uri,
  folders: Folders,
  documents: Documents,
): ReportPanels {
  const open = new Map<string, vscode.WebviewPanel>();
  const media = vscode.Uri.joinPath(extensionUri, 'dist', 'webview');

  const attach = (panel: vscode.WebviewPanel, folder: vscode.Uri): void => {
    const key = folder.toString();
    open.set(key, panel);
    panel.onDidDispose(() => {
      if (open.get(key) === panel) open.delete(key);
    });
    panel.iconPath = vscode.Uri.joinPath(extensionUri, 'media', 'icon.png');
    showReport({ panel, folderUri: folder, media, folders, documents });
  };
  return {
    open(folder) {
      const known = open.get(folder.toString());
      if (known) return known.reveal();
      const options = { enableScripts: true, localResourceRoots: [media] };
      attach(vscode.window.createWebviewPanel(viewType, 'AMPA Report', vscode.ViewColumn.Active, options), folder);
    },
    restore(panel, state) {
      const remembered = parseReportMemory(state);
      if (!remembered || open.has(vscode.Uri.parse(remembered.folder).toString())) return panel.dispose();
      panel.webview.options = { enableScripts: true, localResourceRoots: [media] };
      attach(panel, vscode.Uri.parse(remembered.folder));
    },
    dispose() {
      for (const panel of open.values()) panel.dispose();
    },
  };
}

interface Shown {
  panel: vscode.WebviewPanel;
  folderUri: vscode.Uri;
  media: vscode.Uri;
  folders: Folders;
  documents: Documents;
}

function showReport({ panel, folderUri, media, folders, documents }: Shown): void {
  const { webview } = panel;
  const subscriptions: vscode.Disposable[] = [];
  type Request = Omit<Extract<ReportPageMessage, { type: 'ready' }>, 'type'>;
  /** What the page wants to be told; null while it is hidden. */
  let wanted: Request | null = null;
  let timer: NodeJS.Timeout | undefined;
  let reading = false;
  let again = false;
  let readyAt = 0;
  let stopWatching: (() => void) | null = null;
  const post = (message: ReportHostMessage): Thenable<boolean> => webview.postMessage(message);

  const folderOf = (): Folder => {
    const folder = folders.of(folderUri);
    if (folder) return folder;
    const hint = 'Open it in this window to see its report.';
    throw new AmpaError('not_found', `The folder of this report is not open: ${folderUri.fsPath}`, hint);
  };
  const refreshIn = (ms: number): void => {
    clearTimeout(timer);
    timer = wanted === null ? undefined : setTimeout(() => void read(), ms);
  };
  const changed = (): void => {
    if (wanted !== null) refreshIn(Math.max(0, readyAt - Date.now()));
  };
  const read = async (): Promise<void> => {
    again = reading;
    if (reading || wanted === null) return;
    reading = true;
    const request = wanted;
    const begun = Date.now();
    try {
      const folder = folderOf();
      const app = await folder.app();
      // Hidden or closed meanwhile.
      if (wanted === null) return;
      stopWatching ??= app.hasStore() ? app.schedule.watch(changed) : null;
      const report = await app.report(request);
      if (wanted !== null) void post({ type: 'report', report });
      readyAt = Date.now() + Math.max(PACE_MS, 10 * (Date.now() - begun));
      if (app.hasStore()) refreshIn(IDLE_MS);
    } catch (error) {
      if (wanted !== null) void post({ type: 'failed', error: describeError(error) });
    } finally {
      reading = false;
    }
    if (again) await read();
  };
  const carryOut = async (id: number, action: ReportAction): Promise<void> => {
    let error: string | null = null;
    try {
      await act(action, folderOf(), documents);
    } catch (problem) {
      error = describeError(problem);
    }
    void post({ type: 'done', id, error });
  };

  webview.onDidReceiveMessage(
    (value: unknown) => {
      const message = parseReportMessage(value);
      if (message?.type === 'action') return carryOut(message.id, message.action);
      if (message === undefined) return undefined;
      wanted = { range: message.range, timeZone: message.timeZone };
      return read();
    },
    undefined,
    subscriptions,
  );
  const hide = (): void => {
    wanted = null;
    clearTimeout(timer);
  };
  // A hidden page does not exist: it says `ready` when it is drawn again.
  panel.onDidChangeViewState(() => (panel.visible ? undefined : hide()), undefined, subscriptions);
  // Tasks, and the first command or task, which makes the store.
  subscriptions.push(folders.onDidChange(changed));
  panel.onDidDispose(() => {
    hide();
    stopWatching?.();
    for (const it of subscriptions) it.dispose();
  });
  if (folders.all().length > 1) panel.title = `AMPA Report: ${folders.of(folderUri)?.name ?? folderUri.fsPath}`;
  webview.html = pageHtml({
    title: 'AMPA report',
    nonce: randomBytes(16).toString('base64'),
    cspSource: webview.cspSource,
    script: webview.asWebviewUri(vscode.Uri.joinPath(media, 'report.js')).toString(),
    style: webview.asWebviewUri(vscode.Uri.joinPath(media, 'report.css')).toString(),
    data: { folder: folderUri.toString() },
  });
}

async function act(action: ReportAction, folder: Folder, documents: Documents): Promise<void> {
  const run = async (command: CommandId, ...args: unknown[]): Promise<void> =>
    void (await vscode.commands.executeCommand(command, ...args));
  switch (action.kind) {
    case 'output': {
      const report = await (await folder.app()).schedule.runOf(action.command, action.run);
      return documents.show(`Run of ${action.command}`, historyPage(report.name, [report]));
    }
    case 'history':
      return run('ampa.scheduleHistory', { folder: folder.uri.toString(), command: action.command });
    case 'task':
      return run('ampa.showTask', action.task);
    case 'addCommand':
      return run('ampa.scheduleAdd');
    case 'startTask':
      return run('ampa.startTask');
  }
}
