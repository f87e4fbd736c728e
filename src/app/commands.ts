/**
 * The command table: every action once. It drives the command line and its help, the palette, and
 * the README's command reference (`npm run generate`); a test holds package.json to it.
 */
import * as z from 'zod';
import { STATUSES, type Status } from '../tasks/task.ts';
import { count, flag, option, text, type OptionMeta } from './commandOptions.ts';
import { NOTIFY_COMMANDS } from './notifyCommands.ts';
import { PROMPT_COMMANDS } from './promptCommands.ts';
import { SCHEDULE_COMMANDS } from './scheduleCommands.ts';

const taskId = option(z.string(), 'Id of the task, or an unambiguous part of its beginning or end.', {
  value: 'ID',
  positional: true,
});

const statuses = option(
  z
    .string()
    .transform((list, context): Status[] => {
      const names = list.split(',').map((name) => name.trim());
      const unknown = names.filter((name) => !STATUSES.includes(name as Status));
      if (unknown.length > 0)
        context.addIssue({
          code: 'custom',
          message: `has unknown states: ${unknown.join(', ')}; known are ${STATUSES.join(', ')}`,
        });
      return names as Status[];
    })
    .optional(),
  'Only tasks in these states.',
  { value: 'S,…' },
);

export interface Command {
  /** `ampa.<id>` in the editor. */
  id: string;
  /** As the palette shows it, after "AMPA: "; null where only the command line has it. */
  palette: string | null;
  /** Name on the command line, of one or two words, and its other spellings; null where only the editor has it. */
  cli: readonly [string, ...string[]] | null;
  /** One sentence. */
  summary: string;
  /** What it can be given on the command line. */
  args: z.ZodObject;
  example: string;
  /** Refused where `AMPA_TASK_ID` is set: an agent may not. */
  refusedInTask?: true;
  /** Speaks in the workspace `AMPA_WORKSPACE`, where that is set: an agent of a task may work in any repository. */
  speaksInTask?: true;
  hidden?: true;
}

const none = z.object({});

export const COMMANDS = {
  start: {
    id: 'startTask',
    palette: 'Start Task…',
    cli: ['start'],
    summary: 'Records a task; a host carries it to green checks in a worktree and branch of its own.',
    args: z.object({
      task: text('What the agent should do.', 'TEXT'),
      taskFile: text('The same from a file; - is standard input.', 'FILE'),
      issue: count('Issue of the GitHub repository: its title and text are the task, and the pull request closes it.'),
      repo: text('Repository to work on: a folder, or a URL that is cloned.', 'URL|DIR'),
      base: text('Branch or commit to start from. Default: the current branch.', 'BASE'),
      agent: text('amp, claude, codex, opencode, gemini or custom.', 'NAME'),
      checks: text('Command that says whether the work is good; "none" for no checks.', 'CMD'),
      maxAttempts: count('Agent turns before a person is asked.'),
      allowTools: flag('The agent may do everything without asking.'),
      includeChanges: flag('Start from a snapshot of the uncommitted files.'),
      wait: flag('Work on it in this process until it has ended; exit 0 only for success.'),
      watch: flag('Show what happens until it has ended.', 'w'),
    }),
    example: 'ampa start --task "Make the date parser accept ISO weeks" --checks "npm test"',
  },
  ls: {
    id: 'listTasks',
    palette: null,
    cli: ['ls', 'list'],
    summary: 'Lists your tasks, newest first.',
    args: z.object({
      all: flag("Everyone's tasks, not only yours."),
      status: statuses,
      limit: count('At most this many.', 'N', 1),
      watch: flag('Redraw as they change.', 'w'),
    }),
    example: 'ampa ls --status running,needs_review',
  },
  show: {
    id: 'showTask',
    palette: 'Show Task',
    cli: ['show'],
    summary: 'Shows one task with its attempts, checks and history.',
    args: z.object({ id: taskId }),
    example: 'ampa show 7QX2',
  },
  logs: {
    id: 'showLog',
    palette: 'Show Log',
    cli: ['logs'],
    summary: "Prints the agent's and the worker's output.",
    args: z.object({
      id: taskId,
      follow: flag('Keep printing as it grows, until the task has ended.', 'f'),
      tail: count('Only the last N lines.'),
      attempt: count('The log of this attempt; 0 is the preparation. Default: the latest.'),
      ci: flag('The failing excerpt of the last red check instead.'),
    }),
    example: 'ampa logs 7QX2 -f',
  },
  continue: {
    id: 'continueTask',
    palette: 'Continue Task…',
    cli: ['continue'],
    summary:
      'Gives a task another round on the same branch, worktree and agent session; an active task gets the text as a message.',
    args: z.object({
      id: taskId,
      message: text('What to do next. Without it the task goes on where it stopped.', 'TEXT', 'm'),
      wait: flag('Work on it in this process until it has ended.'),
    }),
    example: 'ampa continue 7QX2 -m "Keep the old function as an alias"',
  },
  abort: {
    id: 'abortTask',
    palette: 'Abort Task',
    cli: ['abort'],
    summary: 'Stops a task: its processes are gone when the command returns.',
    args: z.object({ id: taskId }),
    example: 'ampa abort 7QX2',
  },
  diff: {
    id: 'showDiff',
    palette: 'Show Diff',
    cli: ['diff'],
    summary: 'Prints the difference between base and branch.',
    args: z.object({ id: taskId }),
    example: 'ampa diff 7QX2 | less',
  },
  pr: {
    id: 'openPullRequest',
    palette: 'Open Pull Request',
    cli: ['pr'],
    summary: "Prints the address of a task's pull request.",
    args: z.object({ id: taskId }),
    example: 'ampa pr 7QX2',
  },
  merge: {
    id: 'mergeTask',
    palette: 'Merge Task…',
    cli: ['merge'],
    summary: 'Merges the branch into its base and pushes that, never forced.',
    args: z.object({
      id: taskId,
      method: option(z.enum(['squash', 'merge', 'rebase']).optional(), 'Merge method; default merge.', {
        value: 'squash|merge|rebase',
      }),
      deleteBranch: flag('Delete the branch afterwards.'),
    }),
    example: 'ampa merge 7QX2 --method squash',
    refusedInTask: true,
  },
  clean: {
    id: 'cleanUp',
    palette: 'Clean Up Ended Tasks…',
    cli: ['clean'],
    summary: 'Removes worktrees and logs of tasks that ended; what is uncommitted or unpushed is kept.',
    args: z.object({
      olderThan: count('Only tasks that ended at least this many days ago; default 14.', 'DAYS'),
      force: flag('Also worktrees with uncommitted or unpushed work.'),
    }),
    example: 'ampa clean --older-than 7',
  },
  config: {
    id: 'openSettings',
    palette: 'Open Settings',
    cli: ['config'],
    summary: 'Prints every setting with its value and source.',
    args: none,
    example: 'ampa config --json',
  },
  trust: {
    id: 'manageTrust',
    palette: 'Manage Workspace Trust',
    cli: ['trust'],
    summary: 'Trusts this folder and its remote: checks and setup commands found in it may run.',
    args: z.object({
      repo: text('Another repository that tasks work on, instead of this folder.', 'URL|DIR'),
      revoke: flag('Revoke the trust.'),
    }),
    example: 'ampa trust',
    refusedInTask: true,
  },
  doctor: {
    id: 'doctor',
    palette: 'Check Setup',
    cli: ['doctor'],
    summary: 'Checks git, agents, state folder, database and settings; each problem with its fix.',
    args: none,
    example: 'ampa doctor',
  },
  daemon: {
    id: 'daemon',
    palette: null,
    cli: ['daemon'],
    summary: 'Sends one heartbeat, or runs the engine without an editor.',
    args: z.object({
      once: flag('Send one heartbeat. The default, unless AMPA_RUN_SCHEDULER is set.'),
      startScheduler: flag('Run tasks, scheduled commands and the local server until a signal.'),
      untilIdle: flag('Run until no task is active.'),
    }),
    example: 'ampa daemon --start-scheduler',
  },
  api: {
    id: 'copyServerAddress',
    palette: 'Copy Local Server Address',
    cli: ['api'],
    summary: 'Prints address and token of the local server.',
    args: none,
    example: 'ampa api --json',
    refusedInTask: true,
  },
  ...PROMPT_COMMANDS,
  ...SCHEDULE_COMMANDS,
  ...NOTIFY_COMMANDS,
  work: {
    id: 'work',
    palette: null,
    cli: ['work'],
    hidden: true,
    summary: "A task's carrier; not for people.",
    args: z.object({ id: taskId, owner: text('Owner of the claim.', 'ID'), token: count('Its fencing token.') }),
    example: 'ampa work ID',
  },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof COMMANDS;
export type ArgsOf<N extends CommandName> = z.infer<(typeof COMMANDS)[N]['args']>;

export interface OptionInfo extends OptionMeta {
  /** Key in `args`. */
  key: string;
  /** `--kebab-case`, or the placeholder of a positional. */
  flag: string;
  boolean: boolean;
  required: boolean;
  help: string;
}

/** The options of a command as the command line spells them. */
export function optionsOf(command: Command): OptionInfo[] {
  return Object.entries(command.args.shape as Record<string, z.ZodType>).map(([key, type]) => {
    const meta = (type.meta() ?? {}) as OptionMeta & { description?: string };
    const kebab = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return {
      ...meta,
      key,
      flag: meta.positional ? (meta.value ?? key) : `--${kebab}`,
      boolean: meta.value === undefined,
      required: !type.safeParse(undefined).success,
      help: meta.description ?? '',
    };
  });
}

/** `ampa start --task TEXT [--base BASE] …` */
export function usageOf(command: Command): string {
  const parts = optionsOf(command)
    .filter((it) => !it.hidden)
    .map((it) => {
      const name = it.positional
        ? it.flag
        : `${it.short ? `-${it.short}, ` : ''}${it.flag}${it.boolean ? '' : ` ${it.value}`}`;
      return it.required ? name : `[${name}]${it.many ? '…' : ''}`;
    });
  return ['ampa', command.cli?.[0] ?? command.id, ...parts].join(' ');
}
