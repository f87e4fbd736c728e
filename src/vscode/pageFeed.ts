/**
 * What a task page is told: a snapshot, then numbered deltas, at most ten a second, of what has
 * changed and is open on the page. Free of `vscode`: it posts through a function.
 */
import type { App } from '../app/api.ts';
import { describeError } from '../errors.ts';
import { isActive, type Task } from '../tasks/task.ts';
import { attemptViews, type AttemptView } from '../webview/attempts.ts';
import { filesView, taskView, type FilesView } from '../webview/model.ts';
import type { Change, HostMessage, Watch } from '../webview/protocol.ts';
import { plainText, type TextFilter } from '../webview/terminalText.ts';
import { createFollower, type Follower } from './logFollower.ts';

/** What a page is given of a log at first, bytes. */
const LOG_TAIL = 256 * 1024;
/** Between two deltas, ms. */
const PACE_MS = 100;
/** Between two looks at a log or conversation that may grow, ms. */
const LOOK_MS = 300;
/** Looks that find nothing before a stream that should not grow any more is left alone. */
const LAST_LOOKS = 4;

export type FeedApp = Pick<App, 'show' | 'readLog' | 'conversation' | 'changedFiles'>;

export interface FeedOptions {
  taskId: string;
  app: FeedApp;
  post(message: HostMessage): PromiseLike<unknown>;
  now(): number;
  /** After `ms`, or as soon as `wake` is called; ms of null waits for `wake` alone. */
  sleep(ms: number | null, wake: AbortSignal): Promise<void>;
}

export interface Feed {
  /** Begins (again) with a snapshot. */
  start(watch: Watch): void;
  watch(watch: Watch): void;
  /** The task has changed. */
  changed(): void;
  /** Nothing is read or sent until the next `start`. */
  stop(): void;
}

interface LogStream {
  follower: Follower;
  filter: TextFilter;
  begun: boolean;
}

/** One run of the feed, from a snapshot to the next one. */
interface Run {
  watch: Watch;
  dirty: boolean;
  stopped: boolean;
  wake: AbortController;
}

export function createFeed(options: FeedOptions): Feed {
  let run: Run | null = null;
  const poke = (it: Run): void => it.wake.abort();
  const end = (): void => {
    if (!run) return;
    run.stopped = true;
    poke(run);
    run = null;
  };
  return {
    start(watch) {
      end();
      const mine: Run = { watch, dirty: true, stopped: false, wake: new AbortController() };
      run = mine;
      carry(options, mine).catch((error: unknown) => {
        if (!mine.stopped) void options.post({ type: 'failed', error: describeError(error) });
        mine.stopped = true;
      });
    },
    watch(watch) {
      if (!run) return;
      run.watch = watch;
      poke(run);
    },
    changed() {
      if (!run) return;
      run.dirty = true;
      poke(run);
    },
    stop: end,
  };
}

async function carry({ taskId, app, post, now, sleep }: FeedOptions, run: Run): Promise<void> {
  const logs = new Map<number, LogStream>();
  const positions = new Map<number, number>();
  /** Streams that were read to their end and will not grow. */
  const finished = new Set<string>();
  const empty = new Map<string, number>();
  let task: Task | undefined;
  let told = { task: '', attempts: new Map<number, string>(), files: '' };
  let seq = 0;

  const look = async (): Promise<Change[]> => {
    run.dirty = false;
    const detail = await app.show(taskId);
    const before = task;
    task = detail.task;
    if (before && (before.attempts !== task.attempts || isActive(before.status) !== isActive(task.status)))
      finished.clear();
    const view = taskView(detail, now());
    const attempts = attemptViews(detail);
    const changes: Change[] = [];
    if (seq === 0 && told.task === '') {
      await post({ type: 'snapshot', seq: 0, page: { task: view, attempts, files: { state: 'unknown' }, now: now() } });
    } else {
      if (told.task !== JSON.stringify(view)) changes.push({ kind: 'task', task: view, now: now() });
      const changed = attempts.filter((it) => told.attempts.get(it.number) !== JSON.stringify(it));
      if (changed.length > 0) changes.push({ kind: 'attempts', attempts: changed });
    }
    const key = `${task.base_sha} ${task.head_sha}`;
    if (told.files !== key) changes.push({ kind: 'files', files: await files(app, task) });
    told = {
      task: JSON.stringify(view),
      attempts: new Map(attempts.map((it: AttemptView) => [it.number, JSON.stringify(it)])),
      files: key,
    };
    return changes;
  };
  const canGrow = (attempt: number): boolean => task !== undefined && isActive(task.status) && attempt >= task.attempts;
  /** A carrier writes its last lines after it has written down how the task ended. */
  const settle = (name: string, attempt: number, quiet: boolean): void => {
    const looks = quiet && !canGrow(attempt) ? (empty.get(name) ?? 0) + 1 : 0;
    empty.set(name, looks);
    if (looks >= LAST_LOOKS) finished.add(name);
  };
  let hurry = false;

  const readLog = async (attempt: number): Promise<Change[]> => {
    const name = `log ${attempt}`;
    if (finished.has(name)) return [];
    const stream = logs.get(attempt) ?? {
      follower: createFollower((from) => app.readLog(taskId, from), { attempt, tailBytes: LOG_TAIL }),
      filter: plainText(),
      begun: false,
    };
    logs.set(attempt, stream);
    let { text, more } = await stream.follower.next();
    // The past is sent at once; what is printed now goes in pieces.
    while (!stream.begun && more) {
      const piece = await stream.follower.next();
      text += piece.text;
      more = piece.more;
    }
    hurry ||= more;
    const restart = !stream.begun;
    stream.begun = true;
    settle(name, attempt, text === '');
    if (text === '' && !restart) return [];
    return [{ kind: 'log', attempt, text: stream.filter.push(text), restart }];
  };
  const readConversation = async (attempt: number): Promise<Change[]> => {
    const name = `conversation ${attempt}`;
    if (finished.has(name)) return [];
    const from = positions.get(attempt);
    const { entries, next } = await app.conversation(taskId, attempt, from ?? 0);
    positions.set(attempt, next);
    settle(name, attempt, entries.length === 0);
    hurry ||= entries.length > 0;
    if (entries.length === 0 && from !== undefined) return [];
    return [{ kind: 'conversation', attempt, entries, restart: from === undefined }];
  };

  while (!run.stopped) {
    run.wake = new AbortController();
    hurry = false;
    const { watch } = run;
    // A closed log is not read on; opened again, its last part is sent anew.
    for (const attempt of logs.keys()) if (!watch.logs.includes(attempt)) logs.delete(attempt);
    const changes = run.dirty ? await look() : [];
    for (const attempt of watch.conversations) changes.push(...(await readConversation(attempt)));
    for (const attempt of watch.logs) {
      if (!logs.has(attempt)) finished.delete(`log ${attempt}`);
      changes.push(...(await readLog(attempt)));
    }
    if (run.stopped) return;
    if (changes.length > 0) await post({ type: 'delta', seq: ++seq, changes });
    const open = [...watch.logs.map((it) => `log ${it}`), ...watch.conversations.map((it) => `conversation ${it}`)];
    const idle = open.every((it) => finished.has(it));
    // The pace holds even if there is something new: that is what bounds the work.
    await sleep(PACE_MS, new AbortController().signal);
    if (!hurry && !run.dirty) await sleep(idle ? null : LOOK_MS - PACE_MS, run.wake.signal);
  }
}

async function files(app: FeedApp, task: Task): Promise<FilesView> {
  if (!task.head_sha || !task.base_sha || task.head_sha === task.base_sha) {
    return isActive(task.status) || task.base_sha === null ? { state: 'unknown' } : filesView([]);
  }
  try {
    return filesView((await app.changedFiles(task.id)).files);
  } catch (error) {
    return { state: 'failed', error: describeError(error) };
  }
}
