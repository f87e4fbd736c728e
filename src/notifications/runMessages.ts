/** What is said of scheduled commands. Pure. */
import type { Message } from './message.ts';
import { cutHead, OUTPUT_CHARACTERS } from './render.ts';

export interface EndedRun {
  title: string;
  commandId: string;
  status: 'succeeded' | 'failed' | 'timed_out' | 'interrupted' | 'skipped';
  exitCode: number | null;
  seconds: number;
  machine: string;
  /** What it has printed last. */
  tail: string;
}

const WORDS = { failed: 'failed', timed_out: 'timed out', interrupted: 'was interrupted' } as const;

/**
 * What the end of a run says: each failure an `error`, the first success after one a `completion`, else
 * nothing. `before` is the end of the run before it that was not skipped; null: there was none.
 */
export function runMessage(run: EndedRun, before: EndedRun['status'] | null): Message | null {
  const { status } = run;
  if (status === 'skipped') return null;
  if (status === 'succeeded') {
    if (before === null || before === 'succeeded' || before === 'skipped') return null;
    return {
      type: 'completion',
      title: `${run.title} succeeded again`,
      body: `The run before it ${WORDS[before]}.`,
      fields: fieldsOf(run),
      priority: 'low',
      tags: ['ampa', 'schedule'],
    };
  }
  const exit = status === 'failed' && run.exitCode !== null ? ` (exit ${run.exitCode})` : '';
  return {
    type: 'error',
    title: `${run.title} ${WORDS[status]}${exit}`,
    body: null,
    fields: fieldsOf(run),
    ...(run.tail.trim() === '' ? {} : { output: cutHead(run.tail.trimEnd(), OUTPUT_CHARACTERS) }),
    priority: 'high',
    tags: ['ampa', 'schedule'],
  };
}

const fieldsOf = (run: EndedRun): { name: string; value: string }[] => [
  { name: 'Command', value: run.commandId },
  { name: 'Took', value: `${run.seconds.toFixed(1)} s on ${run.machine}` },
];

/** Said once when the scheduler of a workspace starts. */
export const startupMessage = (workspace: string, machine: string, commands: number): Message => ({
  type: 'startup',
  title: 'AMPA scheduler started',
  body: `${commands} scheduled ${commands === 1 ? 'command is' : 'commands are'} on in ${workspace} on ${machine}.`,
  priority: 'low',
  tags: ['ampa'],
});

/** For `test-button`: shows that clicks arrive, and does nothing else. */
export const buttonTest = (): Message => ({
  type: 'other',
  only: ['discord-bot'],
  title: 'AMPA button test',
  body: 'Press one: the answer says that the click has arrived.',
  components: [
    { type: 'button', label: 'Blue pill', custom_id: 'test_blue_pill', style: 'primary' },
    { type: 'button', label: 'Red pill', custom_id: 'test_red_pill', style: 'danger' },
  ],
  priority: 'low',
});

export const channelTest = (workspace: string): Message => ({
  type: 'other',
  title: 'AMPA test notification',
  body: `This channel hears of the tasks in ${workspace}.`,
  tags: ['ampa'],
});
