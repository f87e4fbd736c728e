/** What the address of one side of a change says besides its path. Pure. */

export interface Side {
  /** Address of the workspace folder whose engine knows the task. */
  folder: string;
  task: string;
  /** Null is a side that does not exist: an empty file. */
  commit: string | null;
}

const COMMIT = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

export const diffQuery = ({ folder, task, commit }: Side): string => JSON.stringify({ folder, task, commit });

/** Undefined for anything that `diffQuery` has not made. */
export function parseDiffQuery(query: string): Side | undefined {
  let value: unknown;
  try {
    value = JSON.parse(query);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { folder, task, commit } = value as Record<string, unknown>;
  if (typeof folder !== 'string' || typeof task !== 'string' || !/^[0-9A-Za-z]+$/.test(task)) return undefined;
  if (commit !== null && !(typeof commit === 'string' && COMMIT.test(commit))) return undefined;
  return { folder, task, commit };
}

/** A title as it fits on a tab. */
export const cutTitle = (title: string): string => (title.length <= 60 ? title : `${title.slice(0, 59).trimEnd()}…`);
