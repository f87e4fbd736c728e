/**
 * Commands of the editor. Those with a sister on the command line come from the shared table
 * (src/app/commands.ts) with their title; here are the others. Free of `vscode`, for the generator.
 */
import type { COMMANDS } from '../app/commands.ts';

export interface EditorCommand {
  /** After "AMPA: ". */
  title: string;
  icon?: string;
  /** Runs from a button or a row only; not in the palette. */
  internal?: true;
}

/** Those that only the editor has. */
export const EDITOR_COMMANDS = {
  nextTask: { title: 'Next That Needs Me', icon: 'arrow-circle-right' },
  openWorktree: { title: 'Open Worktree…', icon: 'folder-opened' },
  answerTask: { title: 'Answer Question…', icon: 'comment-discussion' },
  signIn: { title: 'Sign In to Agent…', icon: 'key' },
  signInToGitHub: { title: 'Sign In to GitHub', icon: 'github' },
  installAgent: { title: 'Install an Agent…', icon: 'cloud-download' },
  storeSecret: { title: 'Store a Secret…', icon: 'key' },
  copyBranch: { title: 'Copy Branch Name', icon: 'copy' },
  copyTaskId: { title: 'Copy Task ID', icon: 'copy' },
  startFromIssue: { title: 'Start Task from GitHub Issue…', icon: 'issues' },
  writeTask: { title: 'Write a Longer Task…', icon: 'edit' },
  showReport: { title: 'Show Report', icon: 'graph' },
  enableScheduler: { title: 'Enable Scheduler' },
  editFallbackRules: { title: 'Edit Fallback Rules', icon: 'law' },
  testNotification: { title: 'Send Test Notification', icon: 'bell' },
  whatNow: { title: 'What Now?', icon: 'pulse' },
  startWritten: { title: 'Start This Task', icon: 'play', internal: true },
  muteNotifications: { title: "Don't Show Notifications", internal: true },
  showMore: { title: 'Show More', internal: true },
  showCheck: { title: 'Show Check', internal: true },
} as const satisfies Record<string, EditorCommand>;

type Shared = typeof COMMANDS;
/** Entries of the shared table that the palette has. */
type SharedId = { [N in keyof Shared]: Shared[N]['palette'] extends string ? Shared[N]['id'] : never }[keyof Shared];

export type CommandId = `ampa.${SharedId | keyof typeof EDITOR_COMMANDS}`;

/** Icons of shared commands, where a button shows one. */
export const SHARED_ICONS: Partial<Record<SharedId, string>> = {
  startTask: 'add',
  continueTask: 'debug-continue',
  abortTask: 'debug-stop',
  mergeTask: 'git-merge',
  openPullRequest: 'git-pull-request',
  showTask: 'preview',
  showLog: 'output',
  showDiff: 'diff-multiple',
  doctor: 'checklist',
  scheduleRun: 'play',
  scheduleAdd: 'add',
  scheduleUpdate: 'edit',
  scheduleRemove: 'trash',
  scheduleEnable: 'debug-continue',
  scheduleDisable: 'debug-pause',
  scheduleHistory: 'history',
};

/** Context keys that the extension sets; `when` clauses may use them. */
export const CONTEXT_KEYS = {
  /** What the empty Tasks view says: `loading noGit noAgent noTask failed`, or empty where there are tasks. */
  welcome: 'ampa.welcome',
  /** Addresses of the pages that "Write a Longer Task…" opened. */
  pages: 'ampa.pages',
  /** A task needs a person. */
  needsPerson: 'ampa.needsPerson',
  /** What the empty Schedule view says: `off` before the scheduler was switched on, `empty` where nothing is scheduled, or empty. */
  schedule: 'ampa.schedule.welcome',
} as const;

export type ScheduleWelcome = 'off' | 'empty' | '';
export type Welcome = 'loading' | 'noGit' | 'noAgent' | 'noTask' | 'failed' | '';
