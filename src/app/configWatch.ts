import fs from 'node:fs';
import path from 'node:path';
import { describeError } from '../errors.ts';

/** Editors write a file in several steps; ms. */
const SETTLE_MS = 150;
/** How often is looked where the system cannot tell, ms. */
const LOOK_MS = 5_000;

/**
 * Calls back when one of the files has come, gone or changed, until `stop`. The folders are watched,
 * those that are not there yet by the nearest one that is; only where the system refuses that are the
 * files looked at again and again.
 */
export function watchFiles(files: readonly string[], stop: AbortSignal, changed: () => void): void {
  if (stop.aborted) return;
  const watchers = new Map<string, { watcher: fs.FSWatcher; ino: bigint }>();
  let seen = stateOf(files);
  let settling: NodeJS.Timeout | undefined;
  let looking: NodeJS.Timeout | undefined;

  const look = (): void => {
    arm();
    const now = stateOf(files);
    if (now === seen) return;
    seen = now;
    changed();
  };
  const soon = (): void => {
    clearTimeout(settling);
    settling = setTimeout(look, SETTLE_MS);
    settling.unref();
  };
  const drop = (dir: string): void => {
    watchers.get(dir)?.watcher.close();
    watchers.delete(dir);
  };
  function watch(dir: string): boolean {
    const ino = statOf(dir)?.ino ?? 0n;
    // A folder that was removed and made anew is another one.
    if (watchers.get(dir)?.ino !== ino) drop(dir);
    if (watchers.has(dir)) return true;
    try {
      const watcher = fs.watch(dir, { persistent: false }, soon);
      watcher.on('error', () => {
        drop(dir);
        soon();
      });
      watchers.set(dir, { watcher, ino });
      return true;
    } catch {
      // Too many are watched already, or the file system cannot tell: then we look ourselves.
      return false;
    }
  }
  function arm(): void {
    const wanted = new Set(files.map((file) => nearest(path.dirname(file))));
    for (const dir of watchers.keys()) if (!wanted.has(dir)) drop(dir);
    const all = [...wanted].map(watch).every(Boolean);
    if (all) clearInterval(looking);
    looking = all ? undefined : (looking ?? setInterval(look, LOOK_MS).unref());
  }

  arm();
  stop.addEventListener(
    'abort',
    () => {
      clearTimeout(settling);
      clearInterval(looking);
      for (const dir of watchers.keys()) drop(dir);
    },
    { once: true },
  );
}

/** Reads the settings again whenever a file changes. One that cannot be read leaves them as they were. */
export function followSettings(
  files: readonly string[],
  stop: AbortSignal,
  reload: () => unknown,
  say: (notice: string) => void,
): void {
  watchFiles(files, stop, () => {
    try {
      reload();
    } catch (error) {
      say(`The settings stay as they were: ${describeError(error)}`);
    }
  });
}

/** What tells one state of the files from another. */
function stateOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const stat = statOf(file);
      return stat ? `${stat.ino} ${stat.mtimeNs} ${stat.size}` : '-';
    })
    .join('\n');
}

function nearest(dir: string): string {
  for (let at = dir; ; at = path.dirname(at)) {
    if (statOf(at)?.isDirectory() || path.dirname(at) === at) return at;
  }
}

function statOf(file: string): fs.BigIntStats | undefined {
  try {
    return fs.statSync(file, { bigint: true });
  } catch {
    // Not there, or not for us: whoever reads it says why.
    return undefined;
  }
}
