import type { ComponentChildren } from 'preact';
import type { Tone } from '../../attempts.ts';
import type { Button, ButtonId, FilesView, TaskView } from '../../model.ts';
import type { Action } from '../../protocol.ts';
import { duration } from '../../duration.ts';
import { money } from '../../money.ts';
import { createClock } from '../../clock.ts';
import { usePage } from './context.ts';
import { Lines } from './lines.tsx';
import { Icon, type IconName } from './icon.tsx';

const TONE_ICONS: Record<Tone, IconName> = {
  idle: 'circle',
  active: 'loading',
  attention: 'warning',
  good: 'pass-filled',
  bad: 'error',
};

export function ToneIcon({ tone, name }: { tone: Tone; name?: IconName }) {
  return <Icon name={name ?? TONE_ICONS[tone]} spin={tone === 'active' && !name} tone={tone} />;
}

const ACTIONS: Record<ButtonId, Action> = {
  continue: { kind: 'continue', text: null },
  abort: { kind: 'abort' },
  diff: { kind: 'diff', path: null },
  worktree: { kind: 'worktree' },
  pr: { kind: 'pr' },
  merge: { kind: 'merge' },
  openLog: { kind: 'openLog' },
  doctor: { kind: 'doctor' },
  signIn: { kind: 'signIn' },
  start: { kind: 'start' },
};

export function ActionButton({ button }: { button: Button }) {
  const { act, busy } = usePage();
  const action = ACTIONS[button.id];
  return (
    <button
      type="button"
      class={button.primary ? 'button' : 'button secondary'}
      data-action={button.id}
      disabled={busy.has(action.kind)}
      onClick={() => void act(action)}
    >
      {button.label}
    </button>
  );
}

const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();

export function Header({ task, files }: { task: TaskView; files: FilesView }) {
  const { now } = usePage();
  const clock = createClock(now, timeZone);
  const elapsed = task.elapsedMs + (task.runningSince === null ? 0 : now - task.runningSince);
  return (
    <header class="header">
      <h1>{task.title}</h1>
      <div class="state">
        <span class={`badge tone-${task.tone}`}>
          <ToneIcon
            tone={task.tone}
            name={task.label === 'Merged' ? 'git-merge' : task.status === 'aborted' ? 'circle-slash' : undefined}
          />
          {task.label}
        </span>
        {task.activity ? <span class="activity">{task.activity}</span> : null}
      </div>
      <dl class="facts">
        <Fact icon="git-branch" label="Branch">
          <code>{task.branch}</code>
          {task.base ? (
            <span class="from">
              from <code>{task.base}</code>
            </span>
          ) : null}
        </Fact>
        <Fact icon="robot" label="Agent" title={`${task.agent}: ${task.permissions}`}>
          {task.agent}
        </Fact>
        <Fact icon="beaker" label="Checks" title="What decides whether a commit is good">
          {task.checks === 'none' ? 'no checks' : <code>{task.checks}</code>}
        </Fact>
        {task.attempt > 0 ? (
          <Fact label="Attempt">
            Attempt {task.attempt} of {task.maxAttempts}
          </Fact>
        ) : null}
        {files.state === 'known' && files.total > 0 ? (
          <Fact icon="diff-multiple" label="Changes" title="What the branch changes against its base">
            {files.total.toLocaleString('en')} {files.total === 1 ? 'file' : 'files'} <Lines lines={files.lines} />
          </Fact>
        ) : null}
        {elapsed > 0 ? (
          <Fact
            icon="watch"
            label="Working time"
            title="Time spent working; time in the queue or waiting for you does not count"
          >
            <span class="number">{duration(elapsed)}</span>
          </Fact>
        ) : null}
        {task.costUsd !== null ? (
          <Fact label="Cost" title="As the agent reports it, for the whole session">
            <span class="number">{money(task.costUsd)}</span>
          </Fact>
        ) : null}
        <Fact label="Time" title={`Created ${new Date(task.createdAt).toLocaleString()}, by ${task.createdBy}`}>
          {task.endedAt === null ? `started ${clock(task.createdAt)}` : `ended ${clock(task.endedAt)}`}
        </Fact>
      </dl>
      <div class="actions" role="toolbar" aria-label="Task">
        {task.buttons.map((button) => (
          <ActionButton key={button.id} button={button} />
        ))}
      </div>
    </header>
  );
}

function Fact({
  icon,
  label,
  title,
  children,
}: {
  icon?: IconName;
  label: string;
  title?: string;
  children: ComponentChildren;
}) {
  return (
    <div class="fact" title={title}>
      <dt>
        {icon ? <Icon name={icon} /> : null}
        <span class="unseen">{label}</span>
      </dt>
      <dd>{children}</dd>
    </div>
  );
}
