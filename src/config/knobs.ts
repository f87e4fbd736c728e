/**
 * Every knob of AMPA, once. The parser, package.json's settings, `ampa config` and the README's
 * table come from here (`npm run generate`), and a test holds them together.
 */

import { SCHEDULER_KNOBS } from './schedulerKnobs.ts';
import { NOTIFICATION_KNOBS } from './notificationKnobs.ts';

interface KnobBase {
  /** Environment name, also its name in a `.env` file. */
  env: `AMPA_${string}`;
  /** Name of the editor setting, for those that people change there. */
  setting?: `ampa.${string}`;
  /** Never shown, logged, or passed to children. */
  secret?: true;
  /**
   * May be read from a repository's own files before the workspace is trusted: never a program,
   * argument, environment, path or address, nor anything that loosens a guard.
   */
  safe?: true;
  /** Never read from a repository's own files, trusted or not: it decides where credentials go, or what is answered in a person's place. */
  ownOnly?: true;
  /** One sentence. */
  description: string;
}

export type Knob =
  | (KnobBase & { type: 'string'; default: string })
  | (KnobBase & { type: 'number'; default: number | null; min: number; max: number; integer?: true })
  | (KnobBase & { type: 'boolean'; default: boolean })
  | (KnobBase & { type: 'enum'; default: string; values: readonly string[]; valueDescriptions?: readonly string[] })
  | (KnobBase & { type: 'list'; default: readonly string[] });

export const KNOBS = {
  agent: {
    env: 'AMPA_AGENT',
    setting: 'ampa.agent',
    type: 'string',
    default: '',
    description:
      'Agent for new tasks: amp, claude, codex, opencode, gemini or custom. Empty: the first one found on PATH.',
  },
  agentCommand: {
    env: 'AMPA_AGENT_COMMAND',
    setting: 'ampa.agentCommand',
    type: 'string',
    default: '',
    description: 'Command line of your own agent; defines the agent "custom" and selects it.',
  },
  agentType: {
    env: 'AMPA_AGENT_TYPE',
    setting: 'ampa.agentType',
    type: 'enum',
    default: 'command',
    values: ['command', 'acp', 'stream-json'],
    valueDescriptions: [
      'Any program: the prompt on stdin, exit code 0 when done.',
      'Speaks the Agent Client Protocol on stdio.',
      'Prints JSON lines like Claude Code or Amp.',
    ],
    description: 'How AMPA talks to the agent named by ampa.agentCommand.',
  },
  permissions: {
    env: 'AMPA_PERMISSIONS',
    setting: 'ampa.permissions',
    type: 'enum',
    default: 'edits',
    values: ['ask', 'edits', 'all'],
    valueDescriptions: [
      'Ask before everything but reading.',
      'Allow reading, and editing inside the worktree; ask before the rest.',
      'Allow everything: the agent can do whatever you can.',
    ],
    description: 'What agents may do without asking.',
  },
  checksProvider: {
    env: 'AMPA_CHECKS_PROVIDER',
    setting: 'ampa.checksProvider',
    type: 'enum',
    default: 'auto',
    values: ['auto', 'github', 'local', 'none'],
    valueDescriptions: [
      'GitHub, where the remote is on GitHub and somebody is signed in; otherwise a configured or detected command.',
      'Only what GitHub says about the commit.',
      'Only a configured or detected command.',
      'No checks: tasks stop for review after the push.',
    ],
    description: 'What decides whether a commit is good.',
  },
  checksCommand: {
    env: 'AMPA_CHECKS_COMMAND',
    setting: 'ampa.checksCommand',
    type: 'string',
    default: '',
    description:
      "Command that checks a commit, run in the task's worktree. Empty: .ci/run, the test script of package.json, or make test, whichever is found first.",
  },
  checksTimeoutMinutes: {
    env: 'AMPA_CHECKS_TIMEOUT_MINUTES',
    setting: 'ampa.checksTimeoutMinutes',
    type: 'number',
    default: 60,
    min: 0.01,
    max: 1440,
    description: 'Minutes one run of the checks may take.',
  },
  setup: {
    env: 'AMPA_SETUP',
    setting: 'ampa.setup',
    type: 'string',
    default: '',
    description:
      'Command that makes a new worktree usable. Empty: the install command of the lock file that is found (npm ci and its like); "none" for nothing.',
  },
  copyFiles: {
    env: 'AMPA_WORKTREE_COPY_FILES',
    setting: 'ampa.worktree.copyFiles',
    type: 'list',
    default: ['.env*'],
    description:
      'Ignored files that are copied into a new worktree, in .gitignore syntax. A .worktreeinclude file in the repository goes before it.',
  },
  worktreesDir: {
    env: 'AMPA_WORKTREES_DIR',
    setting: 'ampa.worktreesDir',
    type: 'string',
    default: '',
    description: 'Folder for worktrees. Empty: <repository>.worktrees beside the repository.',
  },
  maxAttempts: {
    env: 'AMPA_MAX_ATTEMPTS',
    setting: 'ampa.maxAttempts',
    type: 'number',
    default: 3,
    min: 1,
    max: 50,
    integer: true,
    description: 'Agent turns granted by a start, and by each continue.',
  },
  maxConcurrentTasks: {
    env: 'AMPA_MAX_CONCURRENT_TASKS',
    setting: 'ampa.maxConcurrentTasks',
    type: 'number',
    default: 2,
    min: 1,
    max: 64,
    integer: true,
    description: 'Tasks of a workspace that may run at the same time.',
  },
  maxTaskMinutes: {
    env: 'AMPA_MAX_TASK_MINUTES',
    setting: 'ampa.maxTaskMinutes',
    type: 'number',
    default: 120,
    min: 0.01,
    max: 10080,
    description: 'Minutes of work a task may take; waiting for others does not count.',
  },
  maxCostUsd: {
    env: 'AMPA_MAX_COST_USD',
    setting: 'ampa.maxCostUsd',
    type: 'number',
    default: null,
    min: 0,
    max: 100000,
    description: 'US dollars a task may cost, where the agent reports its cost. Empty: no limit.',
  },
  agentSilentMinutes: {
    env: 'AMPA_AGENT_SILENT_MINUTES',
    setting: 'ampa.agentSilentMinutes',
    type: 'number',
    default: 10,
    min: 0.01,
    max: 1440,
    description: 'Minutes without a sign of life after which an agent counts as stalled.',
  },
  toolSilentMinutes: {
    env: 'AMPA_TOOL_SILENT_MINUTES',
    setting: 'ampa.toolSilentMinutes',
    type: 'number',
    default: 45,
    min: 0.01,
    max: 1440,
    description: 'The same while a tool call of the agent is in progress.',
  },
  pullRequest: {
    env: 'AMPA_PULL_REQUEST',
    setting: 'ampa.pullRequest',
    type: 'enum',
    default: 'first',
    values: ['first', 'afterChecks', 'never'],
    valueDescriptions: [
      'A draft before the checks, ready when they are green: most CI runs on pull requests only.',
      'When the checks of the branch are green.',
      'Only the branch is pushed.',
    ],
    safe: true,
    description: 'When a pull request is opened on GitHub.',
  },
  githubAppId: {
    env: 'AMPA_GITHUB_APP_ID',
    ownOnly: true,
    type: 'string',
    default: '',
    description: 'Id of a GitHub App that acts instead of you; with its key below.',
  },
  githubAppPrivateKey: {
    env: 'AMPA_GITHUB_APP_PRIVATE_KEY',
    ownOnly: true,
    type: 'string',
    default: '',
    secret: true,
    description: 'Private key of the GitHub App, PEM (PKCS#1 or PKCS#8).',
  },
  githubAppPrivateKeyPath: {
    env: 'AMPA_GITHUB_APP_PRIVATE_KEY_PATH',
    ownOnly: true,
    type: 'string',
    default: '',
    description: 'The same as a file.',
  },
  githubApiUrl: {
    env: 'AMPA_GITHUB_API_URL',
    ownOnly: true,
    type: 'string',
    default: '',
    description: 'Address of the GitHub API where it is not api.github.com or https://HOST/api/v3.',
  },
  continueAfterClose: {
    env: 'AMPA_CONTINUE_AFTER_CLOSE',
    setting: 'ampa.continueAfterClose',
    type: 'boolean',
    default: true,
    safe: true,
    description: 'A task that ends while no window is open starts the next queued one.',
  },
  notifications: {
    env: 'AMPA_NOTIFICATIONS',
    setting: 'ampa.notifications',
    type: 'boolean',
    default: true,
    safe: true,
    description: 'Show a notification in the editor when a task has ended or needs you.',
  },
  ...SCHEDULER_KNOBS,
  metricsPort: {
    env: 'AMPA_METRICS_PORT',
    setting: 'ampa.metricsPort',
    type: 'number',
    default: 8000,
    min: 0,
    max: 65535,
    integer: true,
    description:
      'Port of the local server; 0 picks one, and so does a port that is in use. In the editor the server is off until this or AMPA_GITHUB_WEBHOOK_SECRET is set.',
  },
  httpHost: {
    env: 'AMPA_HTTP_HOST',
    ownOnly: true,
    type: 'string',
    default: '',
    description: 'Address that the local server listens on. Empty: 127.0.0.1, so that only this machine reaches it.',
  },
  githubWebhookSecret: {
    env: 'AMPA_GITHUB_WEBHOOK_SECRET',
    ownOnly: true,
    type: 'string',
    default: '',
    secret: true,
    description: "Secret of GitHub's webhook to /webhooks/github of the local server. Empty: it takes none.",
  },
  ...NOTIFICATION_KNOBS,
  toolOutputDir: {
    env: 'AMPA_TOOL_OUTPUT_DIR',
    type: 'string',
    default: '',
    description: 'Folder for the files of pending prompts and sessions. Empty: .worklog/ampa/prompts.',
  },
  resumeTimeoutSeconds: {
    env: 'AMPA_RESUME_TIMEOUT_SECONDS',
    type: 'number',
    default: 86400,
    min: 1,
    max: 31536000,
    description: 'Seconds after which a question that nobody has answered is given up.',
  },
  fallbackConfigFile: {
    env: 'AMPA_FALLBACK_CONFIG_FILE',
    ownOnly: true,
    type: 'string',
    default: '',
    description:
      'File with the rules for questions that nobody needs to be asked. Empty: .worklog/ampa/fallback_config.json, else ampa_fallback_config.json in the folder above.',
  },
  fallbackMode: {
    env: 'AMPA_FALLBACK_MODE',
    ownOnly: true,
    type: 'string',
    default: '',
    description:
      'One mode for all questions, whatever the rules say: hold, auto-accept, auto-decline, accept-recommendation or discuss-options.',
  },
} as const satisfies Record<string, Knob>;

export type KnobName = keyof typeof KNOBS;

type ValueOf<K extends Knob> = K extends { type: 'number' }
  ? K extends { default: null }
    ? number | null
    : number
  : K extends { type: 'boolean' }
    ? boolean
    : K extends { type: 'list' }
      ? readonly string[]
      : K extends { type: 'enum'; values: readonly (infer V)[] }
        ? V
        : string;

export type ConfigValues = { readonly [K in KnobName]: ValueOf<(typeof KNOBS)[K]> };
