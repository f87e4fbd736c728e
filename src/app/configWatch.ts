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
  const watchers = new Map<string, fs.FSWatcher>();
  let seen = stateOf(files);
  let settling: NodeJS.Timeout | undefined;
  let looking: NodeJS.Timeout | undefined;

  const look = (): void => {
    settling = undefined;
    // Watching first: what happens before it stands is seen by the look.
    arm();
    const now = stateOf(files);
    if (now === seen) return;
    seen = now;
    changed();
  };
  const soon = (): void => {
    settling ??= setTimeout(look, SETTLE_MS).unref();
  };
  const drop = (dir: string): void => {
    watchers.get(dir)?.close();
    watchers.delete(dir);
  };
  function watch(dir: string): boolean {
    if (watchers.has(dir)) return true;
    try {
      const watcher = fs.watch(dir, { persistent: false }, (kind) => {
        // It may be the folder itself that went, and came again with the same number.
        if (kind === 'rename') drop(dir);
        soon();
      });
      watcher.on('error', () => {
        drop(dir);
        soon();
      });
      watchers.set(dir, watcher);
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
  reload: () => Promise<unknown>,
  say: (notice: string) => void,
): void {
  let reading = Promise.resolve<unknown>(undefined);
  const read = (): void => {
    reading = reading
      .then(reload)
      .catch((error: unknown) => say(`The settings stay as they were: ${describeError(error)}`));
  };
  watchFiles(files, stop, read);
  // They may have changed since they were first read.
  read();
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
