/** Open questions as files, for scripts and for people who look into the folder. */
import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { codeOf } from '../../errors.ts';
import { payloadOf } from '../../conversations/prompt.ts';
import type { PromptFiles } from '../../conversations/ports.ts';

/**
 * A session as part of a file name. It is opaque text, so anything that a file system could take for
 * more than a name (separators, dots first, control characters, what Windows reserves, great length)
 * goes, and a hash of the whole keeps two sessions apart. No plain name holds a tilde.
 */
export function sessionName(session: string): string {
  if (/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(session)) return session;
  const hash = createHash('sha256').update(session).digest('hex').slice(0, 16);
  const shown = session.replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 40);
  return `${shown}~${hash}`;
}

/** With what a process may leave behind that dies while it writes one. */
const PENDING = /^pending_prompt_.*_(\d+)\.json(?:\.taken|\..*\.partial)?$/s;

/** `dir` is made when first needed. */
export function createPromptFiles(dir: string): PromptFiles {
  const make = (): Promise<unknown> => fs.promises.mkdir(dir, { recursive: true });
  const partial = (file: string): string => `${file}.${process.pid}.${randomUUID()}.partial`;

  async function replace(file: string, text: string): Promise<void> {
    const from = partial(file);
    try {
      await fs.promises.writeFile(from, text, { mode: 0o600 });
      await fs.promises.rename(from, file);
    } catch (error) {
      await fs.promises.rm(from, { force: true });
      throw error;
    }
  }
  const sessions = new Map<string, { last: Promise<void>; next: Promise<void> | undefined }>();

  async function writeSession(session: string, read: () => Promise<Readonly<Record<string, unknown>>>): Promise<void> {
    await make();
    const file = path.join(dir, `session_${sessionName(session)}.json`);
    // Another process may change and write meanwhile: whoever writes last has to have read last.
    for (let written = ''; ;) {
      const text = json(await read());
      if (text === written) return;
      await replace(file, text);
      written = text;
    }
  }

  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  const stampOf = (file: string): number => Number(PENDING.exec(path.basename(file))?.[1] ?? 0);

  return {
    async reserve(session, at) {
      await make();
      for (let stamp = at; ; stamp++) {
        const file = path.join(dir, `pending_prompt_${sessionName(session)}_${stamp}.json`);
        try {
          // Parallel tool calls ask within one millisecond: the name is taken before it is written to.
          await (await fs.promises.open(`${file}.taken`, 'wx', 0o600)).close();
        } catch (error) {
          if (codeOf(error) !== 'EEXIST') throw error;
          continue;
        }
        if (!fs.existsSync(file)) return { file, stamp };
        await fs.promises.rm(`${file}.taken`, { force: true });
      }
    },
    async write(prompt) {
      const file = prompt.prompt_file;
      if (file === null) return;
      await make();
      await replace(file, json(payloadOf(prompt, stampOf(file))));
      await fs.promises.rm(`${file}.taken`, { force: true });
    },
    async forget(file) {
      await fs.promises.rm(file, { force: true });
      await fs.promises.rm(`${file}.taken`, { force: true });
    },
    session(session, read) {
      // Whoever comes while one is written waits for the next, which serves them all.
      const queue = sessions.get(session) ?? { last: Promise.resolve(), next: undefined };
      sessions.set(session, queue);
      queue.next ??= queue.last.then(() => {
        queue.next = undefined;
        const running = writeSession(session, read).finally(() => {
          if (queue.last === done && !queue.next) sessions.delete(session);
        });
        const done = running.catch(() => undefined);
        queue.last = done;
        return running;
      });
      return queue.next;
    },
    async event(event) {
      await make();
      await fs.promises.appendFile(path.join(dir, 'events.jsonl'), `${JSON.stringify(event)}\n`, { mode: 0o600 });
    },
    async prune(before) {
      let removed = 0;
      for (const name of await names(dir)) {
        const stamp = PENDING.exec(name)?.[1];
        if (stamp === undefined || Number(stamp) >= before) continue;
        await fs.promises.rm(path.join(dir, name), { force: true });
        removed++;
      }
      return removed;
    },
  };
}

async function names(dir: string): Promise<string[]> {
  try {
    return await fs.promises.readdir(dir);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
