import fs from 'node:fs';
import path from 'node:path';
import type { AttemptLog, ConversationEntry, TaskLogs } from '../../tasks/ports.ts';
import { createMask, redact } from '../../tasks/redact.ts';

/** Of one attempt 256 MB are kept: the head, and two alternating files that hold the tail. */
const HEAD_BYTES = 128 * 1024 * 1024;
const TAIL_BYTES = 64 * 1024 * 1024;
/** The conversation is for reading; beyond this it only grows in the log. */
const CONVERSATION_BYTES = 8 * 1024 * 1024;
/** What may wait for the disk before the writer has to. */
const BUFFER_BYTES = 1024 * 1024;
/** An unfinished line is written after this time, ms, or at this length. */
const FLUSH_MS = 200;
const MAX_HELD = 16 * 1024;

export interface LogFiles {
  head: string;
  /** Older and newer half of the tail. */
  tails: [string, string];
  conversation: string;
  prompt: string;
}

/** Files of one attempt; 0 is the preparation. */
export function logFiles(dir: string, taskId: string, attempt: number): LogFiles {
  const base = path.join(dir, taskId, String(attempt));
  return {
    head: `${base}.log`,
    tails: [`${base}.tail-1.log`, `${base}.tail-2.log`],
    conversation: `${base}.jsonl`,
    prompt: `${base}.prompt.md`,
  };
}

/** The logs of tasks under `dir`. A log that is opened again (after a crash, a second try) goes on where it ended. */
export function createTaskLogs(
  dir: string,
  secrets: readonly string[],
  limits = { headBytes: HEAD_BYTES, tailBytes: TAIL_BYTES },
): TaskLogs {
  return {
    async open(taskId, attempt): Promise<AttemptLog> {
      await fs.promises.mkdir(path.join(dir, taskId), { recursive: true });
      const files = logFiles(dir, taskId, attempt);
      return openAttemptLog(files, secrets, limits);
    },
    async writePrompt(taskId, attempt, prompt) {
      await fs.promises.mkdir(path.join(dir, taskId), { recursive: true });
      const { prompt: file } = logFiles(dir, taskId, attempt);
      await fs.promises.writeFile(file, prompt);
      return file;
    },
  };
}

async function openAttemptLog(
  files: LogFiles,
  secrets: readonly string[],
  limits: { headBytes: number; tailBytes: number },
): Promise<AttemptLog> {
  const writer = await rollingWriter(files, limits);
  const conversation = createConversation(files.conversation, secrets);
  const mask = createMask(secrets);

  let pending: string[] = [];
  let pendingBytes = 0;
  let draining: Promise<void> | undefined;
  let failure: Error | undefined;
  /** An unfinished line. It waits a moment for its rest: a secret cut in two would not be known as one. */
  let held = '';
  let flushing: NodeJS.Timeout | undefined;

  const drain = async (): Promise<void> => {
    while (pending.length > 0) {
      const text = pending.join('');
      pending = [];
      pendingBytes = 0;
      await writer.append(Buffer.from(mask(text)));
    }
    draining = undefined;
  };
  const enqueue = (text: string): void => {
    if (text === '') return;
    pending.push(text);
    pendingBytes += text.length;
    draining ??= drain().catch((error: unknown) => {
      failure = error instanceof Error ? error : new Error(String(error));
      draining = undefined;
    });
  };
  const flush = (): void => {
    clearTimeout(flushing);
    flushing = undefined;
    enqueue(held);
    held = '';
  };
  const write = (text: string): void | Promise<void> => {
    if (failure) throw failure;
    held += text;
    const cut = held.length > MAX_HELD ? held.length : held.lastIndexOf('\n') + 1;
    enqueue(held.slice(0, cut));
    held = held.slice(cut);
    if (held !== '') {
      flushing ??= setTimeout(flush, FLUSH_MS);
      flushing.unref();
    }
    if (pendingBytes > BUFFER_BYTES) return draining;
  };

  return {
    write,
    note(text) {
      if (held !== '') held += '\n';
      flush();
      enqueue(`[ampa] ${text}\n`);
    },
    say: conversation.say,
    async close() {
      flush();
      await draining;
      conversation.close();
      await writer.close();
    },
  };
}

/** Appends to the head until that is full, then to two tail files in turn. */
async function rollingWriter(files: LogFiles, limits: { headBytes: number; tailBytes: number }) {
  const sizeOf = (file: string): number => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  let file = files.head;
  let size = sizeOf(file);
  if (size >= limits.headBytes) {
    file = sizeOf(files.tails[1]) > 0 ? files.tails[1] : files.tails[0];
    size = sizeOf(file);
  }
  let handle = await fs.promises.open(file, 'a', 0o600);
  return {
    async append(bytes: Buffer) {
      await handle.write(bytes);
      size += bytes.length;
      const limit = file === files.head ? limits.headBytes : limits.tailBytes;
      if (size < limit) return;
      await handle.close();
      if (file === files.tails[1]) fs.renameSync(files.tails[1], files.tails[0]);
      file = file === files.head ? files.tails[0] : files.tails[1];
      handle = await fs.promises.open(file, 'w', 0o600);
      size = 0;
    },
    close: () => handle.close(),
  };
}

/** JSON lines; pieces of one message are joined before they are written. */
function createConversation(file: string, secrets: readonly string[]) {
  let size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  /** What an earlier writer could not finish must not take the next line along. */
  let cut = size > 0 && !endsALine(file, size);
  let last: ConversationEntry | undefined;
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (!last) return;
    const line = `${cut ? '\n' : ''}${JSON.stringify({ ...last, text: redact(last.text, secrets) })}\n`;
    last = undefined;
    if (size + line.length > CONVERSATION_BYTES) return;
    size += line.length;
    try {
      fs.appendFileSync(file, line, { mode: 0o600 });
      cut = false;
    } catch {
      // The same text goes to the log, whose writer reports a disk that fails; this copy ends here.
      size = CONVERSATION_BYTES;
    }
  };
  return {
    say(entry: ConversationEntry) {
      if (
        last &&
        last.kind === entry.kind &&
        (entry.kind === 'text' || entry.kind === 'thought') &&
        last.text.length < 16_384
      ) {
        last.text += entry.text;
      } else {
        flush();
        last = { ...entry };
      }
      // A person who follows sees a growing answer at least every second.
      timer ??= setTimeout(flush, 1000);
      timer.unref();
    },
    close: flush,
  };
}

function endsALine(file: string, size: number): boolean {
  const handle = fs.openSync(file, 'r');
  try {
    const byte = Buffer.alloc(1);
    return fs.readSync(handle, byte, 0, 1, size - 1) === 1 && byte[0] === 10;
  } finally {
    fs.closeSync(handle);
  }
}
