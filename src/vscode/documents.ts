/** Read-only pages of ours: the setup check, error reports. Kept in memory, shown as rendered markdown. */
import * as vscode from 'vscode';

const SCHEME = 'ampa';

export interface Documents extends vscode.Disposable {
  /** Shows a page; one with the same name is replaced. */
  show(name: string, markdown: string): Promise<void>;
}

export function createDocuments(): Documents {
  const changed = new vscode.EventEmitter<vscode.Uri>();
  const texts = new Map<string, string>();
  const provider = vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
    onDidChange: changed.event,
    provideTextDocumentContent: (uri) =>
      texts.get(uri.path) ?? 'This page is from an earlier session. Run the command again to see it.',
  });
  return {
    async show(name, markdown) {
      const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name}.md` });
      texts.set(uri.path, markdown);
      changed.fire(uri);
      // The preview is an extension that a person can switch off.
      const preview = vscode.extensions.getExtension('vscode.markdown-language-features');
      if (preview) await vscode.commands.executeCommand('vscode.openWith', uri, 'vscode.markdown.preview.editor');
      else await vscode.window.showTextDocument(uri, { preview: true });
    },
    dispose() {
      provider.dispose();
      changed.dispose();
    },
  };
}
