/**
 * One engine for each workspace folder. A folder is a guest room: until it has a store, or a person
 * starts a first task in it, looking at it makes no file, no timer and no engine.
 */
import fs from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { App, Change } from '../app/api.ts';
import { AmpaError } from '../errors.ts';
import type { OpenPrompt } from '../conversations/prompt.ts';
import type { Task } from '../tasks/task.ts';

export interface Snapshot {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly prompts: readonly OpenPrompt[];
}

/**
 * - `guest`: nothing of ours is here, or the workspace is not trusted
 * - `starting`, `running`, `failed`: the engine; `starting` also while its code is loaded for a look
 * - `readonly`: another machine works on this folder; its tasks are shown
 */
export type FolderState = 'guest' | 'starting' | 'running' | 'readonly' | 'failed';

/** A start that goes on: what it waits for now, in words that follow "waits for", and since when (ms since the epoch). */
export interface Start {
  readonly waitsFor: string;
  readonly since: number;
}

export interface Folder {
  readonly uri: vscode.Uri;
  readonly name: string;
  readonly state: FolderState;
  /** Why the engine does not run, when it failed or only reads. */
  readonly error: unknown;
  /** Null where nothing is being started. */
  readonly starting: Start | null;
  /** The engine's facade, loaded on first use. Makes nothing. Rejects while the workspace is not trusted. */
  app(): Promise<App>;
  /** The facade with its engine running and the snapshot filled: makes the store where there is none. */
  engage(): Promise<App>;
  /** All tasks and open questions as last seen; empty while the engine does not run. */
  snapshot(): Snapshot;
  /** Changes of the snapshot, after it has been updated. */
  onDidChange(listener: (change: Change) => void): vscode.Disposable;
}

export interface Folders {
  /** Folders that share a repository count once. */
  all(): readonly Folder[];
  /** The folder that holds a file, or that knows a task. */
  of(what: vscode.Uri | string): Folder | undefined;
  /** A folder came, went or changed its state or its snapshot. */
  onDidChange(listener: () => void): vscode.Disposable;
  /** Starts the engine of every trusted folder that has a store by now, and that no other machine works on any more. */
  wake(): Promise<void>;
}

/** Makes the facade of a folder, and says what it waits for; the only thing that loads the engine's code. */
export type LoadApp = (folder: vscode.Uri, waitsFor: (what: string) => void) => Promise<App>;

export interface FoldersOptions {
  load: LoadApp;
  /** Told about an engine that could not start, and about notices of a running one. */
  report: (folder: Folder, problem: unknown) => void;
  notice: (folder: Folder, text: string) => void;
  /** What the editor keeps of the person's secrets has changed. */
  onSecrets: vscode.Event<void>;
}

interface OwnFolder extends Folder {
  /** Another folder of this window resolves to the same repository: that one's engine is used. */
  readonly twin: OwnFolder | null;
  /** Its engine could run by now, and nobody has started it. */
  isIdle(): boolean;
  /** Reads the settings again, where they are in use. */
  reload(): void;
  close(): void;
}

/** Follows the window's folders. Dispose it to close the engines; running tasks go on in their carriers. */
export function createFolders(options: FoldersOptions): Folders & vscode.Disposable {
  const changed = new vscode.EventEmitter<void>();
  const folders = new Map<string, OwnFolder>();
  const roots = new Map<string, OwnFolder>();

  const sync = (): void => {
    const now = (vscode.workspace.workspaceFolders ?? []).filter((it) => it.uri.scheme === 'file');
    const wanted = new Set(now.map((it) => it.uri.toString()));
    for (const [key, folder] of folders) {
      if (wanted.has(key)) continue;
      folders.delete(key);
      folder.close();
      // Whoever used its engine gets one of their own.
      for (const [other, { twin }] of folders) if (twin === folder) folders.delete(other);
    }
    for (const it of now) {
      const key = it.uri.toString();
      if (!folders.has(key))
        folders.set(
          key,
          createFolder(it.uri, it.name, roots, options, () => changed.fire()),
        );
    }
    changed.fire();
  };
  const wake = async (): Promise<void> => {
    if (!vscode.workspace.isTrusted) return;
    const idle = [...folders.values()].filter((it) => it.isIdle());
    // A failure is reported by the folder itself, and does not keep the others from waking.
    await Promise.allSettled(idle.map((it) => it.engage()));
  };
  const reload = (): void => {
    for (const folder of folders.values()) folder.reload();
  };
  const subscriptions = [
    changed,
    vscode.workspace.onDidChangeWorkspaceFolders(() => {
      sync();
      void wake();
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      changed.fire();
      void wake();
    }),
    // A task started on the command line: seen when somebody comes back to the window, without a timer.
    vscode.window.onDidChangeWindowState((state) => {
      if (state.focused) void wake();
    }),
    // The same in the window's own terminal, which takes the focus of no window.
    vscode.window.onDidEndTerminalShellExecution(() => void wake()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('ampa')) reload();
    }),
    options.onSecrets(() => reload()),
  ];
  sync();

  return {
    all: () => [...folders.values()].filter((it) => it.twin === null),
    of(what) {
      if (typeof what === 'string') return [...folders.values()].find((it) => it.snapshot().tasks.has(what));
      const holder = vscode.workspace.getWorkspaceFolder(what)?.uri ?? what;
      const own = folders.get(holder.toString());
      return own?.twin ?? own;
    },
    onDidChange: (listener) => changed.event(listener),
    wake,
    dispose() {
      for (const subscription of subscriptions) subscription.dispose();
      for (const folder of folders.values()) folder.close();
      folders.clear();
    },
  };
}

function createFolder(
  uri: vscode.Uri,
  name: string,
  roots: Map<string, OwnFolder>,
  { load, report, notice }: FoldersOptions,
  changed: () => void,
): OwnFolder {
  const change = new vscode.EventEmitter<Change>();
  const tasks = new Map<string, Task>();
  let prompts: readonly OpenPrompt[] = [];
  let state: Exclude<FolderState, 'starting'> = 'guest';
  let starting: Start | null = null;
  let error: unknown = null;
  let twin: OwnFolder | null = null;
  let loading: Promise<App> | null = null;
  let loaded: App | null = null;
  let engaging: Promise<App> | null = null;
  let closed = false;
  const stops: (() => void)[] = [];

  const waitsFor = (what: string): void => {
    starting = { waitsFor: what, since: starting?.since ?? Date.now() };
    changed();
  };
  const set = (next: typeof state, why: unknown = null): void => {
    starting = null;
    state = next;
    error = why;
    changed();
  };
  const take = (news: Change): void => {
    const fresh = news.tasks.filter((task) => (tasks.get(task.id)?.rev ?? -1) < task.rev);
    for (const task of fresh) tasks.set(task.id, task);
    prompts = news.prompts;
    change.fire({ tasks: fresh, prompts: news.prompts });
    changed();
  };
  const loadOnce = async (): Promise<App> => {
    const app = await load(uri, waitsFor).finally(() => {
      if (engaging === null) set(state, error);
    });
    const other = roots.get(app.workspace.root);
    if (other && other !== own) {
      await app.close();
      twin = other;
      changed();
      return other.app();
    }
    roots.set(app.workspace.root, own);
    loaded = app;
    if (closed) closeApp();
    return app;
  };
  const start = async (): Promise<App> => {
    let app: App;
    try {
      app = await own.app();
      if (!twin) await bringUp(app);
    } catch (problem) {
      for (const stop of stops.splice(0)) stop();
      set('failed', problem);
      report(own, problem);
      throw problem;
    }
    return twin ? twin.engage() : app;
  };
  const bringUp = async (app: App): Promise<void> => {
    if (closed) throw new AmpaError('refused', `${name} is not part of this window any more`);
    waitsFor('the database and the engine on it');
    const reading = await startOrRead(app);
    // From here on every change is seen; what the list brings may be older and does not replace it.
    stops.push(
      app.watch(take),
      app.onNotice((text) => notice(own, text)),
    );
    waitsFor('the list of tasks');
    const [listed, open] = await Promise.all([app.list({}), app.prompts()]);
    take({ tasks: listed.tasks, prompts: open });
    for (const text of app.notices()) notice(own, text);
    set(reading === null ? 'running' : 'readonly', reading);
  };
  /** Another machine's claim on the store leaves us its readers: null where the engine runs. */
  const startOrRead = async (app: App): Promise<AmpaError | null> => {
    try {
      await app.startEngine();
      return null;
    } catch (problem) {
      if (problem instanceof AmpaError && problem.code === 'read_only') return problem;
      throw problem;
    }
  };
  /** Takes a folder over that another machine worked on, once that has gone. */
  const resume = async (app: App): Promise<App> => {
    if (state !== 'readonly' || loaded !== app) return app;
    try {
      if ((await startOrRead(app)) === null) set('running');
    } catch (problem) {
      report(own, problem);
      throw problem;
    }
    return app;
  };
  const closeApp = (): void => {
    for (const stop of stops.splice(0)) stop();
    const app = loaded;
    loaded = null;
    loading = null;
    if (!app) return;
    roots.delete(app.workspace.root);
    app.close().catch((problem: unknown) => report(own, problem));
  };

  const hasStore = (): boolean =>
    loaded ? loaded.hasStore() : fs.existsSync(path.join(uri.fsPath, '.worklog', 'ampa', 'ampa.db'));

  const own: OwnFolder = {
    uri,
    name,
    get state() {
      return twin ? twin.state : starting ? 'starting' : state;
    },
    get starting() {
      return twin ? twin.starting : starting;
    },
    get error() {
      return twin ? twin.error : error;
    },
    get twin() {
      return twin;
    },
    isIdle: () => twin === null && (state === 'readonly' || (state === 'guest' && engaging === null && hasStore())),
    app() {
      if (!vscode.workspace.isTrusted) return Promise.reject(untrusted());
      if (twin) return twin.app();
      // It was no repository when we looked; somebody may have made it one since.
      if (loaded && !loaded.workspace.isGit && own.state === 'guest' && fs.existsSync(path.join(uri.fsPath, '.git')))
        closeApp();
      loading ??= loadOnce().catch((problem: unknown) => {
        loading = null;
        throw problem;
      });
      return loading;
    },
    engage() {
      // No failure of the folder: nothing is tried.
      if (!vscode.workspace.isTrusted) return Promise.reject(untrusted());
      engaging ??= start().catch((problem: unknown) => {
        engaging = null;
        throw problem;
      });
      return engaging.then((app) => (twin ? app : resume(app)));
    },
    snapshot: () => (twin ? twin.snapshot() : { tasks, prompts }),
    onDidChange: (listener) => (twin ? twin.onDidChange(listener) : change.event(listener)),
    reload() {
      loaded?.reloadConfig().catch((problem: unknown) => report(own, problem));
    },
    close() {
      closed = true;
      closeApp();
      change.dispose();
    },
  };
  return own;
}

const untrusted = (): AmpaError =>
  new AmpaError(
    'trust',
    'AMPA runs nothing in a workspace that is not trusted',
    'Trust it with "Workspaces: Manage Workspace Trust".',
  );
