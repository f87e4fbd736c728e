import fs from 'node:fs';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { codeOf } from '../../errors.ts';
import type { RunOutput, RunOutputs } from '../../scheduler/ports.ts';
import { createMask } from '../../tasks/redact.ts';

const KEEP_BYTES = 1024 * 1024;
const MARK_BYTES = 80;
/** The tail of a long output, and an unfinished line, reach the disk within this time, ms. */
const FLUSH_MS = 500;
const MAX_HELD = 16 * 1024;

/** Outputs of scheduled runs under `dir`: for each run one file of at most 1 MiB, head and tail. */
export function createRunOutputs(
  dir: string,
  secrets: readonly string[],
  keepBytes = KEEP_BYTES,
): RunOutputs & {
  /** Writes a whole output at once. */
  save(commandId: string, runId: string, text: string): void;
} {
  // An id may hold what a file name may not, or differ from another in case only.
  const folder = (commandId: string): string => {
    if (/^[a-z0-9_-][a-z0-9._-]{0,59}$/.test(commandId)) return path.join(dir, commandId);
    const hash = createHash('sha256').update(commandId).digest('hex').slice(0, 12);
    return path.join(
      dir,
      `${commandId
        .toLowerCase()
        .replace(/[^a-z0-9._-]+/g, '_')
        .slice(0, 40)}~${hash}`,
    );
  };
  const fileOf = (commandId: string, runId: string): string => path.join(folder(commandId), `${runId}.log`);
  return {
    async open(commandId, runId) {
      await fs.promises.mkdir(folder(commandId), { recursive: true });
      return openOutput(fileOf(commandId, runId), secrets, keepBytes);
    },
    async read(commandId, runId) {
      try {
        return await fs.promises.readFile(fileOf(commandId, runId), 'utf8');
      } catch (error) {
        if (isMissing(error)) return '';
        throw error;
      }
    },
    async prune(commandId, known) {
      const names = await fs.promises.readdir(folder(commandId)).catch((error: unknown) => {
        if (isMissing(error)) return [];
        throw error;
      });
      const keep = await known();
      const wanted = new Set(keep.map((id) => `${id}.log`));
      for (const name of names)
        if (!wanted.has(name)) await fs.promises.rm(path.join(folder(commandId), name), { force: true });
      if (keep.length > 0) return;
      await fs.promises.rmdir(folder(commandId)).catch((error: unknown) => {
        if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
      });
    },
    save(commandId, runId, text) {
      if (text === '') return;
      fs.mkdirSync(folder(commandId), { recursive: true });
      const output = openOutput(fileOf(commandId, runId), secrets, keepBytes);
      output.write(text);
      output.end();
    },
  };
}

const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT';

function openOutput(file: string, secrets: readonly string[], keepBytes: number): RunOutput & { end(): void } {
  const headBytes = Math.floor(keepBytes / 2);
  const tailBytes = keepBytes - headBytes - MARK_BYTES;
  const handle = fs.openSync(file, 'w', 0o600);
  const mask = createMask(secrets);
  let head = 0;
  let tail: Buffer[] = [];
  let tailSize = 0;
  let left = 0;
  let dirty = false;
  /** An unfinished line: a secret cut in two would not be known as one. */
  let held = '';
  let timer: NodeJS.Timeout | undefined;
  let failed = false;

  /** A disk that fails must not change how a run ends: its output is cut short. */
  const onDisk = (work: () => void): void => {
    if (failed) return;
    try {
      work();
    } catch {
      failed = true;
    }
  };
  const take = (text: string): void => {
    if (text === '') return;
    let bytes = Buffer.from(mask(text));
    if (tailSize === 0 && left === 0 && head < headBytes) {
      const cut = charStart(bytes, Math.min(bytes.length, headBytes - head));
      onDisk(() => void fs.writeSync(handle, bytes.subarray(0, cut), 0, cut, head));
      head += cut;
      if (cut === bytes.length) return;
      bytes = bytes.subarray(cut);
    }
    tail.push(bytes);
    tailSize += bytes.length;
    dirty = true;
    while (tailSize - tail[0]!.length >= tailBytes) {
      const first = tail.shift()!;
      tailSize -= first.length;
      left += first.length;
    }
  };
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    take(held);
    held = '';
    if (!dirty) return;
    dirty = false;
    let kept = Buffer.concat(tail);
    if (kept.length > tailBytes) {
      const cut = charStart(kept, kept.length - tailBytes);
      left += cut;
      kept = kept.subarray(cut);
    }
    tail = [kept];
    tailSize = kept.length;
    const mark = left > 0 ? Buffer.from(`\n[ampa] ${left} bytes are left out here\n`) : Buffer.alloc(0);
    onDisk(() => {
      const rest = Buffer.concat([mark, kept]);
      fs.writeSync(handle, rest, 0, rest.length, head);
      fs.ftruncateSync(handle, head + rest.length);
    });
  };
  const end = (): void => {
    flush();
    onDisk(() => fs.closeSync(handle));
  };
  return {
    write(text) {
      held += text;
      const cut = held.length > MAX_HELD ? held.length : held.lastIndexOf('\n') + 1;
      take(held.slice(0, cut));
      held = held.slice(cut);
      if (held === '' && !dirty) return;
      timer ??= setTimeout(flush, FLUSH_MS);
      timer.unref();
    },
    end,
    async close() {
      end();
    },
  };
}

/** The first position at or before `at` that does not cut a character. */
function charStart(bytes: Buffer, at: number): number {
  let cut = at;
  while (cut > 0 && cut < bytes.length && (bytes[cut]! & 0xc0) === 0x80) cut--;
  return cut;
}
