/** Links to a task: `vscode://ampa.ampa/task/<id>?folder=<uri>`. Pure. */

export type Link = { kind: 'task'; id: string; folder: string | null } | { kind: 'invalid'; why: string };

/** 26 characters of Crockford's base 32, the first at most 7. */
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** `query` is decoded once, as the editor hands it over. */
export function parseLink(path: string, query: string): Link {
  const parts = path.split('/').filter(Boolean);
  if (parts[0] !== 'task' || parts.length !== 2) {
    return { kind: 'invalid', why: `AMPA opens links to tasks (/task/ID), not ${JSON.stringify(path.slice(0, 80))}.` };
  }
  const id = (parts[1] ?? '').toUpperCase();
  if (!ULID.test(id))
    return { kind: 'invalid', why: `${JSON.stringify((parts[1] ?? '').slice(0, 40))} is not the id of a task.` };
  const folder = folderOf(query);
  if (folder !== null && !/^(file|vscode-remote):\/\//.test(folder)) {
    return { kind: 'invalid', why: `${JSON.stringify(folder.slice(0, 80))} is not the address of a folder.` };
  }
  return { kind: 'task', id, folder };
}

/**
 * The folder's address may itself hold `&` or `=`, decoded already: it is the last parameter, and
 * everything behind its name belongs to it.
 */
function folderOf(query: string): string | null {
  const match = /(?:^|&)folder=(.*)$/s.exec(query);
  return match?.[1] ? match[1] : null;
}
