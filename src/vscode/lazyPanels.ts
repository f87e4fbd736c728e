import * as vscode from 'vscode';

export interface RestorablePanels extends vscode.Disposable {
  /** A panel that the editor brings back after a reload. */
  restore(panel: vscode.WebviewPanel, state: unknown): void;
}

/** Registers panels of a type; what they do is loaded with the first of them, so that activation stays instant. */
export function registerLazyPanels<P extends RestorablePanels>(
  viewType: string,
  load: () => Promise<P>,
): vscode.Disposable & { panels(): Promise<P> } {
  let loading: Promise<P> | null = null;
  const panels = (): Promise<P> => (loading ??= load());
  const serializer = vscode.window.registerWebviewPanelSerializer(viewType, {
    async deserializeWebviewPanel(panel, state: unknown) {
      (await panels()).restore(panel, state);
    },
  });
  return {
    panels,
    dispose() {
      serializer.dispose();
      // A failure to load was reported to whoever asked for the page.
      loading?.then((it) => it.dispose()).catch(() => undefined);
    },
  };
}
