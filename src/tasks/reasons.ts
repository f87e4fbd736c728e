import type { Status } from './task.ts';

/** What a person can do about a stopped task: the button the editor shows, the command the CLI names. */
export type NextStep = 'continue' | 'doctor' | 'sign_in' | 'show_log' | 'show_diff' | 'merge' | 'start';

interface ReasonText {
  status: 'error' | 'aborted' | 'needs_review';
  /** One sentence for the user. */
  sentence: string;
  next: NextStep;
  hint: string;
  /** A `continue` without words takes up the phase that stopped; otherwise it asks the agent again. */
  resumes?: true;
  /** No further turn is possible now: a message that waits does not prevent this end, and is delivered later. */
  final?: true;
}

/** The closed set of reasons (tasks): each with its status, one sentence and a next step. */
export const REASONS = {
  agent_missing: {
    status: 'error',
    sentence: 'The agent is not installed on this machine.',
    next: 'doctor',
    hint: 'Install it, then continue the task.',
    final: true,
  },
  agent_auth: {
    status: 'error',
    sentence: 'The agent is not signed in.',
    next: 'sign_in',
    hint: 'Sign in, then continue the task.',
    final: true,
  },
  repo_invalid: {
    status: 'error',
    sentence: 'The folder is not a git repository that a branch can start from.',
    next: 'doctor',
    hint: 'Make a first commit, or start the task in another folder.',
    final: true,
  },
  base_missing: {
    status: 'error',
    sentence: 'The base branch does not exist.',
    next: 'start',
    hint: 'Start again with --base and a branch that exists.',
    final: true,
  },
  setup_failed: {
    status: 'error',
    sentence: 'The setup command failed in the new worktree.',
    next: 'show_log',
    hint: 'Fix what it needs, then continue: it runs again.',
    resumes: true,
    final: true,
  },
  remote_unreachable: {
    status: 'error',
    sentence: 'The remote could not be reached.',
    next: 'continue',
    hint: 'Check the network, then continue; nothing is lost.',
    resumes: true,
    final: true,
  },
  push_auth: {
    status: 'error',
    sentence: 'The remote refused the credentials.',
    next: 'doctor',
    hint: 'Check that `git push` works in a terminal, then continue.',
    resumes: true,
    final: true,
  },
  disk_full: {
    status: 'error',
    sentence: 'The disk is full.',
    next: 'continue',
    hint: 'Free some space (`ampa clean` helps), then continue.',
    resumes: true,
    final: true,
  },
  internal: {
    status: 'error',
    sentence: 'AMPA itself failed.',
    next: 'show_log',
    hint: 'The log has the report; continue tries again.',
    resumes: true,
    final: true,
  },
  user: {
    status: 'aborted',
    sentence: 'Stopped by a person.',
    next: 'continue',
    hint: 'Continue picks up where it stopped.',
    resumes: true,
    final: true,
  },
  max_attempts: {
    status: 'needs_review',
    sentence: 'The checks are still red after the last attempt.',
    next: 'continue',
    hint: 'Continue with a hint to grant more attempts.',
  },
  no_changes: {
    status: 'needs_review',
    sentence: 'The agent finished without changing anything.',
    next: 'continue',
    hint: 'Read its answer in the log, then continue with a clearer request.',
  },
  permission_denied: {
    status: 'needs_review',
    sentence: 'The agent was not allowed to do what it wanted and changed nothing.',
    next: 'continue',
    hint: 'Continue, and allow it when you are asked; a new task may be started with a wider permission mode.',
  },
  agent_failed: {
    status: 'needs_review',
    sentence: 'The agent failed.',
    next: 'show_log',
    hint: 'The log has its last words; continue tries again.',
  },
  agent_stalled: {
    status: 'needs_review',
    sentence: 'The agent went silent and was stopped.',
    next: 'continue',
    hint: 'Continue picks up in the same worktree.',
  },
  commit_failed: {
    status: 'needs_review',
    sentence: 'The work could not be committed.',
    next: 'show_log',
    hint: 'Fix what the detail names in the worktree, then continue.',
    resumes: true,
  },
  push_rejected: {
    status: 'needs_review',
    sentence: 'The remote branch has other commits that could not be combined with the new ones.',
    next: 'show_diff',
    hint: 'Resolve it in the worktree, then continue.',
    resumes: true,
  },
  merge_conflict: {
    status: 'needs_review',
    sentence: 'The branch conflicts with its base.',
    next: 'continue',
    hint: 'Continue hands the conflict to the agent.',
  },
  pr_failed: {
    status: 'needs_review',
    sentence: 'The pull request could not be opened.',
    next: 'doctor',
    hint: 'Do what the detail says, or check the GitHub identity with `ampa doctor`; then continue.',
    resumes: true,
  },
  checks_missing: {
    status: 'needs_review',
    sentence: 'There is no check that could say whether the work is good.',
    next: 'show_diff',
    hint: 'Review the diff yourself; for the next task name a check with --checks or ampa.checksCommand.',
    resumes: true,
  },
  checks_blocked: {
    status: 'needs_review',
    sentence: 'The checks could not run, and the agent cannot fix that.',
    next: 'show_log',
    hint: 'Look at the check, then continue.',
    resumes: true,
  },
  checks_timeout: {
    status: 'needs_review',
    sentence: 'The checks did not finish in time.',
    next: 'continue',
    hint: 'Continue waits as long again.',
    resumes: true,
  },
  checks_unknown: {
    status: 'needs_review',
    sentence: 'The state of the checks could not be read.',
    next: 'continue',
    hint: 'Continue asks again.',
    resumes: true,
  },
  budget_time: {
    status: 'needs_review',
    sentence: 'The time budget is used up.',
    next: 'continue',
    hint: 'Continue grants the same time again.',
    resumes: true,
    final: true,
  },
  budget_cost: {
    status: 'needs_review',
    sentence: 'The cost budget is used up.',
    next: 'continue',
    hint: 'Continue grants the same amount again.',
    final: true,
  },
  prompt_lost: {
    status: 'needs_review',
    sentence: 'A question of the agent was lost.',
    next: 'continue',
    hint: 'Continue asks the agent to go on.',
  },
  prompt_expired: {
    status: 'needs_review',
    sentence: "Nobody answered the agent's question in time.",
    next: 'continue',
    hint: 'Continue with the answer.',
  },
} as const satisfies Record<string, ReasonText>;

export type Reason = keyof typeof REASONS;

const isReason = (text: string): text is Reason => Object.hasOwn(REASONS, text);

/** Whether a `continue` without words goes back to the phase that stopped. */
export const resumesPhase = (reason: Reason): boolean => 'resumes' in REASONS[reason];

/** Whether a message that waits turns this stop into another turn; an unknown reason (from a newer version) stands. */
export const heedsMessages = (reason: string): boolean => isReason(reason) && !('final' in REASONS[reason]);

export const statusOf = (reason: Reason): Status => REASONS[reason].status;

/** Sentence and hint for a stored reason; an unknown one (from a newer version) is shown as it is. */
export function reasonText(reason: string): { sentence: string; hint: string; next: NextStep } {
  return isReason(reason) ? REASONS[reason] : { sentence: reason, hint: '', next: 'show_log' };
}
