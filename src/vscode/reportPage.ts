/** The report page's registration: light, so that activation stays instant. What it does is reportPanel.ts. */
import type * as vscode from 'vscode';
import type { Documents } from './documents.ts';
import type { Folders } from './folders.ts';
import { registerLazyPanels } from './lazyPanels.ts';

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
  const { panels, dispose } = registerLazyPanels(REPORT_VIEW, async () => {
    const { createReportPanels } = await import('./reportPanel.ts');
    return createReportPanels(REPORT_VIEW, context.extensionUri, folders, documents);
  });
  return {
    async open(folder) {
      (await panels()).open(folder);
    },
    dispose,
  };
}
