/** What a task changed, as lists and as text. */
import { AmpaError } from '../../errors.ts';
import type { ChangedFile } from '../../tasks/ports.ts';
import type { Task } from '../../tasks/task.ts';
import { baseRef } from './base.ts';
import { gitFailed } from './git.ts';
import type { Git } from './git.ts';
import { isAncestor } from './head.ts';

type Diffed = Pick<Task, 'repo' | 'remote' | 'base' | 'base_sha'>;

const PLAIN = ['--no-color', '--no-ext-diff', '--no-textconv'];

/**
 * The commit that `head` is compared with: where the task started, or the newest commit of the base
 * that has been merged in since, so that other people's work is not shown as the task's.
 */
export async function diffBase(git: Git, task: Diffed, head: string): Promise<string> {
  const { repo, base, remote, base_sha: start } = task;
  const ref = base === null ? null : remote === null ? `refs/heads/${base}` : baseRef(remote, base);
  const ended = ref ? await git.run(repo, ['merge-base', ref, head]) : null;
  const common = ended?.code === 0 ? ended.stdout.trim() : null;
  if (!start && !common) throw new AmpaError('git', 'it is not known where the task started');
  if (!start || !common || common === start) return start ?? common!;
  if (await isAncestor(git, repo, start, common)) return common;
  // A task that starts anew on a branch it has already may carry a start its branch does not contain.
  return (await isAncestor(git, repo, start, head)) ? start : common;
}

/** Implements `TaskGit.changedFiles`: renames are one entry. */
export async function changedFiles(git: Git, task: Diffed, head: string): Promise<ChangedFile[]> {
  const from = await diffBase(git, task, head);
  if (from === head) return [];
  return parseChanges(
    await git.text(task.repo, ['diff', '--raw', '--numstat', '-z', '--find-renames', ...PLAIN, from, head, '--']),
  );
}

/** Parses `git diff --raw --numstat -z`. A copy is an added file; a changed type is a modified one. */
export function parseChanges(output: string): ChangedFile[] {
  const fields = output.split('\0');
  const files = new Map<string, ChangedFile>();
  let index = 0;
  // ":100644 100644 1234567 89abcde R087", then a path or two.
  for (; fields[index]?.startsWith(':'); index += 2) {
    const letter = fields[index]!.split(' ')[4]?.[0];
    const moved = letter === 'R' || letter === 'C';
    const path = fields[index + (moved ? 2 : 1)]!;
    const oldPath = letter === 'R' ? fields[index + 1]! : null;
    const status =
      letter === 'R' ? 'renamed' : letter === 'A' || letter === 'C' ? 'added' : letter === 'D' ? 'deleted' : 'modified';
    files.set(path, { path, oldPath, status, lines: null });
    if (moved) index++;
  }
  // "12<TAB>3<TAB>path"; no path, and two fields after it, where it was moved; "-" where the file is not text.
  for (; index + 1 < fields.length; index++) {
    const [added = '', deleted = '', ...rest] = fields[index]!.split('\t');
    let path = rest.join('\t');
    if (path === '') path = fields[(index += 2)]!;
    const file = files.get(path);
    if (file && added !== '-') file.lines = { added: Number(added), deleted: Number(deleted) };
  }
  return [...files.values()];
}

/** A unified diff of the task's branch (or `head`) against its base. */
export async function unifiedDiff(git: Git, task: Diffed, head: string): Promise<string> {
  const from = await diffBase(git, task, head);
  const ended = await git.run(task.repo, ['diff', '--find-renames', ...PLAIN, from, head, '--']);
  if (ended.code !== 0) throw gitFailed(ended);
  return ended.stdout;
}

/** A file as it was in a commit, byte by byte; null if that commit has none of this name. */
export async function show(git: Git, repo: string, rev: string, path: string): Promise<Buffer | null> {
  const ended = await git.run(repo, ['cat-file', 'blob', `${rev}:${path}`]);
  if (ended.code === 0) return ended.bytes;
  if (/does not exist in|exists on disk, but not in|Not a valid object name|bad file/i.test(ended.stderr)) return null;
  throw gitFailed(ended);
}

const WORKFLOW =
  /^(\.github\/(workflows|actions)\/|\.gitlab-ci\.yml$|\.circleci\/|\.buildkite\/|azure-pipelines\.yml$|bitbucket-pipelines\.yml$|Jenkinsfile$|\.travis\.yml$|\.drone\.yml$|\.woodpecker)/;
const CHECK_SCRIPT =
  /^(\.ci\/|\.husky\/|\.githooks\/|lefthook\.ya?ml$|\.pre-commit-config\.yaml$|Makefile$|tox\.ini$|noxfile\.py$|codecov\.ya?ml$|\.codecov\.ya?ml$)|(^|\/)(\.mocharc|jest\.config|vitest\.config|playwright\.config|karma\.conf|pytest\.ini|conftest\.py|\.eslintrc|eslint\.config|\.oxlintrc|phpunit\.xml|\.rspec)[^/]*$/;
const TEST =
  /(^|\/)(tests?|__tests__|spec|specs|e2e)\/|(\.|_|-)(test|spec)s?\.[^/]+$|(^|\/)test_[^/]+\.py$|(Test|Tests|Spec|IT)\.(java|kt|cs|swift|scala|php)$/;

/**
 * What a reviewer should look at twice, one sentence each: changed workflows and check scripts,
 * deleted tests, files that were copied into the worktree and then committed. `checkCommand` is the
 * task's own local check: the script it runs counts as one.
 */
export function flags(
  files: readonly ChangedFile[],
  { checkCommand, copiedFiles = [] }: { checkCommand?: string; copiedFiles?: readonly string[] } = {},
): string[] {
  const words = new Set((checkCommand ?? '').split(/[\s;&|()"']+/).map((word) => word.replace(/^\.\//, '')));
  const copied = new Set(copiedFiles);
  const found: string[] = [];
  for (const { path, oldPath, status } of files) {
    const names = oldPath ? [oldPath, path] : [path];
    const verb =
      status === 'deleted' ? 'deletes' : status === 'added' ? 'adds' : status === 'renamed' ? 'moves' : 'changes';
    if (names.some((name) => WORKFLOW.test(name))) found.push(`${verb} the workflow ${oldPath ?? path}`);
    else if (names.some((name) => CHECK_SCRIPT.test(name) || words.has(name)))
      found.push(`${verb} the check script ${oldPath ?? path}`);
    else if (status === 'deleted' && TEST.test(path)) found.push(`deletes the test ${path}`);
    else if (status === 'renamed' && TEST.test(oldPath!) && !TEST.test(path))
      found.push(`moves the test ${oldPath} to ${path}`);
    if (copied.has(path) && status !== 'deleted') found.push(`commits ${path}, which was copied from your checkout`);
  }
  return found;
}
