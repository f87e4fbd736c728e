/** What an agent may do without a person being asked. */
import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { PermissionRequest } from '../../tasks/ports.ts';
import type { PermissionMode } from '../../tasks/task.ts';
import { arrayField, field, textField } from './turn.ts';

/** The parts of an ACP tool call that decide. */
export interface ToolCallFacts {
  kind: string;
  title: string;
  /** As the agent named them; relative ones start at the worktree. */
  paths: string[];
  command: string | null;
}

const PATH_KEYS = [
  'file_path',
  'filePath',
  'filepath',
  'path',
  'abs_path',
  'notebook_path',
  'target',
  'destination',
  'source',
];
const READS = new Set(['read', 'search', 'think']);
const EDITS = new Set(['edit', 'delete', 'move']);

/** Reads the facts out of what the agent sent; later values win over earlier ones. */
export function toolCallFacts(...calls: readonly unknown[]): ToolCallFacts {
  const facts: ToolCallFacts = { kind: 'other', title: '', paths: [], command: null };
  const paths = new Set<string>();
  for (const call of calls) {
    facts.kind = textField(call, 'kind') ?? facts.kind;
    facts.title = textField(call, 'title') || facts.title;
    for (const location of arrayField(call, 'locations')) paths.add(textField(location, 'path') ?? '');
    for (const content of arrayField(call, 'content'))
      if (textField(content, 'type') === 'diff') paths.add(textField(content, 'path') ?? '');
    const input = field(call, 'rawInput');
    for (const key of PATH_KEYS) paths.add(textField(input, key) ?? '');
    const command = field(input, 'command') ?? field(input, 'cmd');
    if (typeof command === 'string') facts.command = command;
    else if (Array.isArray(command)) facts.command = command.map(String).join(' ');
  }
  paths.delete('');
  facts.paths = [...paths];
  return facts;
}

/** The request as a person is asked it: the exact command, or the paths. */
export function permissionRequest(facts: ToolCallFacts): PermissionRequest {
  const detail = facts.command ?? facts.paths.join('\n');
  return {
    kind: facts.kind,
    title: facts.title || detail.split('\n')[0] || facts.kind,
    detail: detail || facts.title,
    // A path is no such thing: what would be written there is another matter each time.
    command: facts.command || null,
  };
}

/** Resolves symbolic links as far as the path exists; null for one that leads nowhere yet. */
async function realPath(file: string): Promise<string | null> {
  try {
    return await realpath(file);
  } catch (error) {
    const parent = path.dirname(file);
    if (parent === file) throw error;
    const isLink = await lstat(file).then(
      (entry) => entry.isSymbolicLink(),
      () => false,
    );
    const real = isLink ? null : await realPath(parent);
    return real === null ? null : path.join(real, path.basename(file));
  }
}

/** Inside the worktree and not in its git data, where an edit would become a hook that runs. */
async function isInside(cwd: string, file: string): Promise<boolean> {
  // Behind a symbolic link `..` leads elsewhere than it reads.
  if (file.split(/[\\/]/).includes('..')) return false;
  const [root, real] = await Promise.all([realPath(cwd), realPath(path.resolve(cwd, file))]);
  if (root === null || real === null) return false;
  const relative = path.relative(root, real);
  if (path.isAbsolute(relative) || relative === '..' || relative.startsWith(`..${path.sep}`)) return false;
  return !relative.split(path.sep).includes('.git');
}

/**
 * Whether the mode allows it without asking. Reads and edits count only where every path lies in
 * the worktree; an edit that names no path is asked, since nobody can tell where it goes.
 */
export async function isAllowed(mode: PermissionMode, cwd: string, facts: ToolCallFacts): Promise<boolean> {
  if (mode === 'all') return true;
  const mayBe = READS.has(facts.kind) || (mode === 'edits' && EDITS.has(facts.kind) && facts.paths.length > 0);
  if (!mayBe) return false;
  for (const file of facts.paths) if (!(await isInside(cwd, file))) return false;
  return true;
}
