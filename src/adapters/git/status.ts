/** Reads `git status --porcelain=v2 -z --branch`. */

export interface StatusEntry {
  /** Relative to the top of the worktree; a repository within it ends in a slash. */
  path: string;
  kind: 'changed' | 'unmerged' | 'untracked';
  /** The index differs from HEAD. */
  staged: boolean;
  /** HEAD has nothing of this name. */
  added: boolean;
  /** The entry is a submodule or another repository. */
  gitlink: boolean;
}

export interface Status {
  /** Commit of HEAD; empty before the first one. */
  oid: string;
  /** Branch of HEAD; null when detached. */
  branch: string | null;
  /** `remote/branch` that HEAD's branch follows. */
  upstream: string | null;
  entries: StatusEntry[];
}

/** Total: lines of kinds that a later git may add are passed over. */
export function parseStatus(output: string): Status {
  const status: Status = { oid: '', branch: null, upstream: null, entries: [] };
  const fields = output.split('\0');
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index]!;
    const words = field.split(' ');
    switch (words[0] ?? '') {
      case '#':
        if (words[1] === 'branch.oid') status.oid = words[2] === '(initial)' ? '' : (words[2] ?? '');
        else if (words[1] === 'branch.head')
          status.branch = words[2] === '(detached)' ? null : words.slice(2).join(' ');
        else if (words[1] === 'branch.upstream') status.upstream = words.slice(2).join(' ');
        break;
      case '1':
        status.entries.push(changed(words, 8));
        break;
      case '2':
        status.entries.push(changed(words, 9));
        // The path it was renamed from.
        index++;
        break;
      case 'u':
        status.entries.push({
          path: words.slice(10).join(' '),
          kind: 'unmerged',
          staged: true,
          added: false,
          gitlink: false,
        });
        break;
      case '?':
        status.entries.push({
          path: words.slice(1).join(' '),
          kind: 'untracked',
          staged: false,
          added: true,
          gitlink: false,
        });
        break;
      default:
    }
  }
  return status;
}

function changed(words: readonly string[], pathAt: number): StatusEntry {
  const [, xy = '..', , headMode, indexMode, treeMode] = words;
  return {
    path: words.slice(pathAt).join(' '),
    kind: 'changed',
    staged: xy[0] !== '.',
    added: headMode === '000000',
    gitlink: indexMode === '160000' || treeMode === '160000',
  };
}
