/** Bringing a worklog and its GitHub repository together by `wl`. */
import fs from 'node:fs';
import path from 'node:path';
import { createTaskProcesses, NO_LEDGER } from '../adapters/process/taskProcesses.ts';
import { AmpaError } from '../errors.ts';
import { newCommand } from '../scheduler/command.ts';
import { repoOfConfig, withRepo } from '../scheduler/githubRepo.ts';
import type { CommandSpec } from '../scheduler/spec.ts';
import { SYNC_ARGUMENTS, SYNC_TIMEOUT_MS } from '../scheduler/types/githubSync.ts';
import { endOf } from '../scheduler/types/shell.ts';
import type { ForgeRepo } from '../tasks/task.ts';
import { writeAtomically } from './atomicFile.ts';

export interface WorklogDeps {
  workspace: string;
  childEnv: Readonly<Record<string, string>>;
  remoteUrl: string | null;
  /** The repository of a remote's address; null where it is not on a GitHub. */
  repoAt(remoteUrl: string): Promise<ForgeRepo | null>;
  /** The absolute path of a program, or null. */
  find(program: string): Promise<string | null>;
  newId(): string;
}

const configFile = (deps: WorklogDeps): string => path.join(deps.workspace, '.worklog', 'config.yaml');

/** The worklog's repository; one that only the remote's address says is written back, once. */
export async function githubRepo(deps: WorklogDeps): Promise<string> {
  const file = configFile(deps);
  const yaml = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null;
  const known = yaml === null ? null : repoOfConfig(yaml);
  if (known !== null) return known;
  const remote = deps.remoteUrl === null ? null : await deps.repoAt(deps.remoteUrl);
  if (remote === null) {
    throw new AmpaError(
      'repository',
      'nothing says which GitHub repository the worklog belongs to',
      `Set githubRepo: OWNER/NAME in ${file}.`,
    );
  }
  const found = `${remote.owner}/${remote.name}`;
  if (yaml !== null) writeAtomically(file, withRepo(yaml, found), fs.statSync(file).mode);
  return found;
}

/** Commands that are offered, switched off, where `wl` and a worklog are there: they write to other people's systems. */
export async function worklogDefaults(deps: WorklogDeps): Promise<CommandSpec[]> {
  if (!fs.existsSync(configFile(deps)) || (await deps.find('wl')) === null) return [];
  return [
    newCommand('gh-import', {
      title: 'Import GitHub issues',
      type: 'gh-import',
      frequency_minutes: 30,
      max_runtime_minutes: 5,
      enabled: false,
    }),
    newCommand('gh-push', {
      title: 'Push to GitHub issues',
      type: 'gh-push',
      frequency_minutes: 180,
      max_runtime_minutes: 5,
      enabled: false,
    }),
  ];
}

/** Runs `wl github …` in this process; resolves to its exit code. */
export async function syncWorklog(
  deps: WorklogDeps,
  which: keyof typeof SYNC_ARGUMENTS,
  options: { signal: AbortSignal; onOutput(chunk: Uint8Array, stream: 'stdout' | 'stderr'): void },
): Promise<number> {
  if ((await deps.find('wl')) === null)
    throw new AmpaError('external', 'the program wl was not found on PATH', 'Install worklog, or correct PATH.');
  const repo = await githubRepo(deps);
  const processes = createTaskProcesses({
    owner: `wl-${deps.newId()}`,
    baseEnv: deps.childEnv,
    ledger: NO_LEDGER,
  });
  try {
    const result = await processes.run({
      kind: 'command',
      command: { argv: ['wl', ...SYNC_ARGUMENTS[which], '--repo', repo] },
      cwd: deps.workspace,
      timeoutMs: SYNC_TIMEOUT_MS,
      ...options,
    });
    return endOf(result).exit_code ?? 130;
  } finally {
    await processes.endAll();
  }
}
