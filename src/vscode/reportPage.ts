/** The report page's registration: light, so that activation stays instant. What it does is reportPanel.ts. */
import * as vscode from 'vscode';
import type { Documents } from './documents.ts';
import type { Folders } from './folders.ts';
import type { ReportPanels } from './reportPanel.ts';

/** Type of the panels; the manifest activates the extension for it. */
const REPORT_VIEW = 'ampa.report';

export interface ReportPage extends vscode.Disposable {
  /** Shows the report of a folder; the one that is open, if it is. */
  open(folder: vscode.Uri): Promise<void>;
}

export function registerReportPage(
  context: vscode.ExtensionContext,
  folders: Folders,
  documents: Documents,
): ReportPage {
  let loading: Promise<ReportPanels> | null = null;
  const panels = (): Promise<ReportPanels> => {
    loading ??= import('./reportPanel.ts').then(({ createReportPanels }) =>
      createReportPanels(REPORT_VIEW, context.extensionUri, folders, documents),
    );
    return loading;
  };
  const serializer = vscode.window.registerWebviewPanelSerializer(REPORT_VIEW, {
    async deserializeWebviewPanel(panel, state: unknown) {
      (await panels()).restore(panel, state);
    },
  });
  return {
    async open(folder) {
      (await panels()).open(folder);
    },
    dispose() {
      serializer.dispose();
      // A failure to load was reported to whoever asked for the page.
      loading?.then((it) => it.dispose()).catch(() => undefined);
    },
  };
}
