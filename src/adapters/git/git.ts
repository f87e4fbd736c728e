/** The one way to call git. Only commands that run the user's hooks go another way (the task's processes). */
import { setTimeout as sleep } from 'node:timers/promises';
import { simpleGit } from 'simple-git';
import type { SimpleGitOptions } from 'simple-git';
import { AmpaError } from '../../errors.ts';
import { endProcesses } from '../process/end.ts';
import { withOwner } from '../process/env.ts';
import { detailOf, isLockError } from './classify.ts';
import { gitEnvironment } from './environment.ts';

export interface GitResult {
  args: readonly string[];
  /** Exit code; -1 when a signal or our time limit ended it. */
  code: number;
  bytes: Buffer;
  readonly stdout: string;
  readonly stderr: string;
  timedOut: boolean;
}

export interface GitOptions {
  /** Added to the composed environment. */
  env?: Readonly<Record<string, string>>;
  /** `-c` settings: `name=value`. */
  config?: readonly string[];
  stdin?: string | Buffer;
  signal?: AbortSignal;
  /** Milliseconds; 5 minutes unless given. */
  timeoutMs?: number;
  /** A lock that another git holds is waited for this long, ms; 5 s unless given, 0 for not at all. */
  lockWaitMs?: number;
}

export interface Git {
  /**
   * Runs git and tells how it ended, whatever the exit code. Rejects if git is not there, if `cwd` is
   * not, or with the signal's reason when it is aborted.
   */
  run(cwd: string, args: readonly string[], options?: GitOptions): Promise<GitResult>;
  /** Standard output without the final newline; rejects with code `git` when git fails. */
  text(cwd: string, args: readonly string[], options?: GitOptions): Promise<string>;
}

export interface GitDependencies {
  /** The host's environment without AMPA's secrets. */
  env: Readonly<Record<string, string | undefined>>;
  /** Told of every call, for verbose logs and for measuring. */
  onCall?: (call: { args: readonly string[]; cwd: string; ms: number; code: number }) => void;
}

interface Seen {
  /** The last thing simple-git tells of a call, and the only place where it shows the exit code. */
  result: { exitCode: number | null; stdOut: Buffer[]; stdErr: Buffer[] } | null;
  ending: Promise<void> | null;
}

const DEFAULT_TIMEOUT_MS = 5 * 60_000;
const LOCK_WAIT_MS = 5000;
const NOTHING = Buffer.alloc(0);

/**
 * simple-git guards against arguments and variables that come from strangers. All of ours are
 * composed here, and abbreviations must stay legal for the hooks and filters that inherit the
 * environment.
 */
const UNSAFE: NonNullable<SimpleGitOptions['unsafe']> = {
  allowAbbreviatedOptions: true,
  allowUnsafeAskPass: true,
  allowUnsafeConfigEnvCount: true,
  allowUnsafeConfigPaths: true,
  allowUnsafeCredentialHelper: true,
  allowUnsafeEditor: true,
  allowUnsafeExec: true,
  allowUnsafeFilter: true,
  allowUnsafeFsMonitor: true,
  allowUnsafeGitProxy: true,
  allowUnsafeHooksPath: true,
  allowUnsafePager: true,
  allowUnsafeSshCommand: true,
  allowUnsafeTemplateDir: true,
  allowUnsafeUrlRewrite: true,
};

export const gitFailed = (result: GitResult): AmpaError =>
  new AmpaError(
    'git',
    `git ${result.args[0] ?? ''} failed: ${detailOf(result.stderr) || detailOf(result.stdout) || `exit code ${result.code}`}`,
  );

export function createGit({ env: hostEnv, onCall }: GitDependencies): Git {
  const baseEnv = gitEnvironment(hostEnv);

  let count = 0;

  const once = async (cwd: string, args: readonly string[], options: GitOptions): Promise<GitResult> => {
    const marker = `git-${process.pid}-${++count}`;
    const env = withOwner({ ...baseEnv, ...options.env }, marker);
    const timeout = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const abort = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    // simple-git interrupts git alone; what git has started (a transport, a helper) would live on.
    const seen: Seen = { result: null, ending: null };
    const end = (): void => {
      seen.ending = endProcesses({ refs: [], markers: [marker] }, { graceMs: 2000 });
      // It may fail before it is awaited below.
      seen.ending.catch(() => {});
    };
    abort.addEventListener('abort', end, { once: true });
    const instance = await open(cwd, {
      allowEnvironment: Object.keys(env),
      unsafe: UNSAFE,
      abort,
      completion: { onClose: true, onExit: false },
      ...(options.config ? { config: [...options.config] } : {}),
      ...(options.stdin === undefined ? {} : { input: () => options.stdin }),
      errors: (error, result) => {
        seen.result = result;
        return error instanceof Error && 'plugin' in error ? error : undefined;
      },
    });
    instance.env(env).outputHandler((_command, stdout, stderr) => {
      // simple-git waits 50 ms more for a program that printed nothing.
      stdout.once('end', () => stdout.emit('data', NOTHING));
      // An ssh master connection that outlives git holds its stderr open for ever.
      stdout.once('end', () => {
        const timer = setTimeout(() => (stderr as unknown as { destroy(): void }).destroy(), 2000);
        // Its stderr may have closed before; a timer left over must not keep a finished host alive.
        timer.unref();
        stderr.once('close', () => clearTimeout(timer));
      });
    });
    const begun = performance.now();
    let failure: Error | null = null;
    try {
      await instance.raw([...args]);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    abort.removeEventListener('abort', end);
    await seen.ending;
    const { exitCode, stdOut, stdErr } = seen.result ?? { exitCode: -1, stdOut: [], stdErr: [] };
    const code = exitCode ?? -1;
    onCall?.({ args, cwd, ms: performance.now() - begun, code });
    options.signal?.throwIfAborted();
    const timedOut = timeout.aborted;
    const stderrText = Buffer.concat(stdErr).toString();
    if (/^Error: spawn \S+ ENOENT/m.test(stderrText)) {
      throw new AmpaError('repository', 'git is not installed, or not on PATH', 'Install git 2.34 or later.', failure);
    }
    if (failure && !timedOut) throw failure;
    return result(
      args,
      timedOut ? -1 : code,
      Buffer.concat(stdOut),
      timedOut ? `${stderrText}\ngit ${args[0] ?? ''} timed out` : stderrText,
      timedOut,
    );
  };

  const run: Git['run'] = async (cwd, args, options = {}) => {
    options.signal?.throwIfAborted();
    const waitMs = options.lockWaitMs ?? LOCK_WAIT_MS;
    const begun = performance.now();
    for (let pause = 25; ; pause = Math.min(pause * 2, 400)) {
      const ended = await once(cwd, args, options);
      const waited = performance.now() - begun;
      if (ended.code === 0 || waited >= waitMs || !isLockError(ended.stderr)) return ended;
      // Woken early by an abort, whose own reason is what the next try rejects with.
      await sleep(pause * (0.5 + Math.random()), undefined, { signal: options.signal }).catch(() => {});
      options.signal?.throwIfAborted();
    }
  };

  return {
    run,
    text: async (cwd, args, options) => {
      const ended = await run(cwd, args, options);
      if (ended.code !== 0) throw gitFailed(ended);
      return ended.stdout.replace(/\n$/, '');
    },
  };
}

async function open(cwd: string, options: Partial<SimpleGitOptions>) {
  try {
    return simpleGit({ ...options, baseDir: cwd });
  } catch (error) {
    throw new AmpaError('repository', `the folder ${cwd} does not exist`, '', error);
  }
}

function result(args: readonly string[], code: number, bytes: Buffer, stderr: string, timedOut: boolean): GitResult {
  return {
    args,
    code,
    bytes,
    get stdout() {
      return bytes.toString();
    },
    stderr,
    timedOut,
  };
}
