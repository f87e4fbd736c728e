/** Programs are looked up here, and never in the folder that is worked on. */
import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

export interface FindOptions {
  /** Folders that hold no program for us: the workspace and its worktrees. */
  notIn?: readonly string[];
}

const isInside = (folder: string, parent: string): boolean => {
  const relative = path.relative(parent, folder);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
};

async function isProgram(file: string): Promise<boolean> {
  try {
    if (!(await stat(file)).isFile()) return false;
    await access(file, constants.X_OK);
    return true;
  } catch {
    // Not there, or not to be executed by us: either way not a program that can be started.
    return false;
  }
}

const realOrSame = (folder: string): Promise<string> => realpath(folder).catch(() => folder);

/** The value of a variable whose name Windows spells in any case. */
function variable(env: Readonly<Record<string, string | undefined>>, name: string): string {
  if (process.platform !== 'win32') return env[name] ?? '';
  const key = Object.keys(env).find((candidate) => candidate.toUpperCase() === name);
  return key === undefined ? '' : (env[key] ?? '');
}

/**
 * The absolute path of a program, or null. A bare name is looked up on PATH (and with PATHEXT on
 * Windows); an absolute path is checked; anything relative, in PATH too, is refused, and so is
 * every PATH entry inside one of `notIn`.
 */
export async function findOnPath(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  options: FindOptions = {},
): Promise<string | null> {
  const windows = process.platform === 'win32';
  const extensions = windows ? variable(env, 'PATHEXT').split(';').filter(Boolean) : [];
  const endings =
    windows && !path.extname(name) ? (extensions.length > 0 ? extensions : ['.EXE', '.CMD', '.BAT']) : [''];
  if (path.isAbsolute(name)) {
    for (const ending of endings) if (await isProgram(name + ending)) return name + ending;
    return null;
  }
  if (!name || name.includes('/') || (windows && name.includes('\\'))) return null;

  const refused = (
    await Promise.all((options.notIn ?? []).map(async (folder) => [folder, await realOrSame(folder)]))
  ).flat();
  for (const entry of variable(env, 'PATH').split(path.delimiter)) {
    if (!path.isAbsolute(entry)) continue;
    const real = await realOrSame(entry);
    if (refused.some((folder) => isInside(entry, folder) || isInside(real, folder))) continue;
    for (const ending of endings) {
      const file = path.join(entry, name + ending);
      if (await isProgram(file)) return file;
    }
  }
  return null;
}
