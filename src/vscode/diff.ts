/**
 * The changes of a task, merge base against head, over a read-only file system of ours. It reads
 * git's objects, so it outlives the worktree, and it does not need the git extension.
 */
import * as vscode from 'vscode';
import type { App } from '../app/api.ts';
import { AmpaError } from '../errors.ts';
import type { ChangedFile } from '../tasks/ports.ts';
import type { Task } from '../tasks/task.ts';
import { cutTitle, diffQuery, parseDiffQuery, type Side } from './diffQuery.ts';
import type { Folders } from './folders.ts';
import { plain } from './plain.ts';

const DIFF_SCHEME = 'ampa-diff';
/** The editor asks for a file's size before it reads it: what was read is kept for a moment. */
const CACHE_BYTES = 16 * 1024 * 1024;

export interface Diffs extends vscode.Disposable {
  /** All changed files in one editor. */
  openAll(app: App, task: Task): Promise<void>;
  /** One file of them. */
  openFile(app: App, task: Task, path: string): Promise<void>;
}

export function registerDiff(folders: Folders): Diffs {
  const files = vscode.workspace.registerFileSystemProvider(DIFF_SCHEME, fileSystem(folders), {
    isReadonly: true,
    isCaseSensitive: true,
  });
  const changes = async (app: App, task: Task) => {
    const changed = await app.changedFiles(task.id);
    const folder = folders.of(task.id)?.uri ?? vscode.Uri.file(app.workspace.root);
    const side = (commit: string | null, path: string): vscode.Uri =>
      vscode.Uri.from({
        scheme: DIFF_SCHEME,
        path: `/${path}`,
        query: diffQuery({ folder: folder.toString(), task: task.id, commit }),
      });
    const sides = (file: ChangedFile) => ({
      left: file.status === 'added' ? undefined : side(changed.base, file.oldPath ?? file.path),
      right: file.status === 'deleted' ? undefined : side(changed.head, file.path),
      nothing: side(null, file.path),
    });
    return { ...changed, sides };
  };
  const nothing = (task: Task): void =>
    void vscode.window.showInformationMessage(plain(`“${cutTitle(task.title)}” has not committed any changes.`));

  return {
    async openAll(app, task) {
      const { files: changed, repo, sides } = await changes(app, task);
      if (changed.length === 0) return nothing(task);
      const triples = changed.map((file) => {
        const { left, right } = sides(file);
        // The label is the file in the checkout: the editor shows its path, and its icon, from there.
        return [vscode.Uri.joinPath(vscode.Uri.file(repo), file.path), left, right];
      });
      await vscode.commands.executeCommand('vscode.changes', `Changes: ${cutTitle(task.title)}`, triples);
    },
    async openFile(app, task, path) {
      const { files: changed, sides } = await changes(app, task);
      const file = changed.find((it) => it.path === path);
      if (!file)
        throw new AmpaError('not_found', `${path} is no longer among the changes`, 'Look at all of them with Diff.');
      const { left, right, nothing: empty } = sides(file);
      const name = path.slice(path.lastIndexOf('/') + 1);
      await vscode.commands.executeCommand(
        'vscode.diff',
        left ?? empty,
        right ?? empty,
        `${name}: ${cutTitle(task.title)}`,
        { preview: true },
      );
    },
    dispose: () => files.dispose(),
  };
}

function fileSystem(folders: Folders): vscode.FileSystemProvider {
  const cache = new Map<string, Uint8Array>();
  const changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  const readOnly = (uri: vscode.Uri): never => {
    throw vscode.FileSystemError.NoPermissions(uri);
  };

  const read = async (uri: vscode.Uri): Promise<Uint8Array> => {
    const key = uri.toString();
    const known = cache.get(key);
    if (known) return known;
    const side = parseDiffQuery(uri.query);
    if (!side) throw vscode.FileSystemError.FileNotFound(uri);
    const bytes = side.commit === null ? new Uint8Array() : await readSide({ ...side, commit: side.commit }, uri);
    cache.set(key, bytes);
    let size = [...cache.values()].reduce((sum, it) => sum + it.length, 0);
    for (const [old, content] of cache) {
      if (size <= CACHE_BYTES || old === key) break;
      size -= content.length;
      cache.delete(old);
    }
    return bytes;
  };
  const readSide = async (side: Side & { commit: string }, uri: vscode.Uri): Promise<Uint8Array> => {
    const folder = folders.of(vscode.Uri.parse(side.folder, true));
    if (!folder) throw vscode.FileSystemError.Unavailable(`The folder of this change is not open: ${side.folder}`);
    const app = await folder.app();
    // The repository is the task's own, whatever the address says.
    const { task } = await app.show(side.task);
    return app.fileAt(task.repo, side.commit, uri.path.slice(1));
  };

  return {
    onDidChangeFile: changed.event,
    watch: () => ({ dispose: () => undefined }),
    async stat(uri) {
      const bytes = await read(uri);
      return {
        type: vscode.FileType.File,
        ctime: 0,
        mtime: 0,
        size: bytes.length,
        permissions: vscode.FilePermission.Readonly,
      };
    },
    readFile: read,
    readDirectory: () => [],
    createDirectory: readOnly,
    writeFile: readOnly,
    delete: readOnly,
    rename: readOnly,
  };
}
