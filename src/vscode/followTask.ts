/** The text of a terminal that follows a task: log, then log of the next attempt, then the result. Free of `vscode`. */
import type { App } from '../app/api.ts';
import { reasonText } from '../tasks/reasons.ts';
import { isActive, type Task } from '../tasks/task.ts';
import { terminalText } from '../webview/terminalText.ts';
import { createFollower } from './logFollower.ts';

/** What is shown of the past, bytes. */
const TAIL_BYTES = 1024 * 1024;

export interface Pace {
  /** Between two pieces, ms: 64 KB in that time is as fast as a log is shown. */
  pieceMs: number;
  /** Between two looks at a log that may grow, ms. */
  lookMs: number;
}
const PACE: Pace = { pieceMs: 60, lookMs: 250 };
/** A carrier writes its last lines after it has written down how the task ended. */
const LAST_LOOKS = 4;
/** The task itself is read again after so many looks: a change may have come before the watch began. */
const LOOKS_PER_READ = 20;

export interface Following {
  app: Pick<App, 'show' | 'readLog' | 'watch'>;
  taskId: string;
  /** One attempt, 0 is the preparation; undefined follows the task from its current attempt on. */
  only: number | undefined;
  write(text: string): void;
  signal: AbortSignal;
  pace?: Pace;
}

/** Writes until the signal aborts, or until the only attempt it follows has ended. */
export async function followTask({ app, taskId, only, write, signal, pace = PACE }: Following): Promise<void> {
  let wake = new AbortController();
  let task = (await app.show(taskId)).task;
  const off = app.watch(({ tasks }) => {
    task = tasks.find((it) => it.id === taskId) ?? task;
    wake.abort();
  });
  try {
    let tailBytes = TAIL_BYTES;
    for (let attempt = only ?? task.attempts; ; attempt++) {
      const label = attempt === 0 ? 'Preparation' : `Attempt ${attempt} of ${Math.max(attempt, task.max_attempts)}`;
      write(ownLine('2', tailBytes > 0 ? `${task.title}: ${label}` : label));
      await followAttempt(attempt);
      if (signal.aborted) return;
      if (only !== undefined) return write(ownLine('2', `End of the log of attempt ${only}`));
      tailBytes = 0;
    }

    /** Returns when another attempt has begun (or, for an only attempt, when it is over). */
    async function followAttempt(attempt: number): Promise<void> {
      const follower = createFollower((from) => app.readLog(taskId, from), { attempt, tailBytes });
      const filter = terminalText();
      let said = '';
      let empty = 0;
      while (!signal.aborted) {
        wake = new AbortController();
        const { text, more } = await follower.next();
        if (signal.aborted) return;
        if (text !== '') write(filter.push(text));
        empty = text === '' ? empty + 1 : 0;
        if (more) {
          await pause(pace.pieceMs, signal);
          continue;
        }
        const ended = !isActive(task.status);
        if (empty < LAST_LOOKS || (!ended && task.attempts <= attempt)) {
          if (empty % LOOKS_PER_READ === LOOKS_PER_READ - 1) task = (await app.show(taskId)).task;
          await pause(pace.lookMs, signal);
          continue;
        }
        if (task.attempts > attempt || only !== undefined) return;
        const result = resultOf(task);
        if (result.text !== said) write(ownLine(result.colour, result.text));
        said = result.text;
        // It stays readable; a task that is continued goes on here.
        await pause(null, AbortSignal.any([signal, wake.signal]));
        if (isActive(task.status)) said = '';
      }
    }
  } finally {
    off();
  }
}

/** A line of AMPA's own. Its text comes from tasks, so it passes the filter too. */
export const ownLine = (colour: string, text: string): string =>
  `\r\n\u001b[${colour}m── ${terminalText().push(text.replace(/\s+/g, ' ').trim())} ──\u001b[0m\r\n`;

function resultOf(task: Task): { colour: string; text: string } {
  if (task.merged_at) return { colour: '32', text: 'Merged' };
  if (task.status === 'success') return { colour: '32', text: 'Success: the checks are green' };
  const { sentence, hint } = reasonText(task.reason ?? task.status);
  const colour = task.status === 'error' ? '31' : task.status === 'aborted' ? '2' : '33';
  return { colour, text: [sentence, task.reason_detail ?? '', hint].filter(Boolean).join(' ') };
}

/** Resolves after `ms` (null: never by itself), or as soon as the signal aborts. */
export function pause(ms: number | null, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = ms === null ? undefined : setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
