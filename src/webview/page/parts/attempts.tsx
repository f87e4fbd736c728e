import type { AttemptView, CheckView } from '../../attempts.ts';
import { streamsOf, type State } from '../../state.ts';
import { hasWords } from '../../steps.ts';
import { layOut, type Bar } from '../../segments.ts';
import { duration } from '../../duration.ts';
import { Bars, totalOf } from './bars.tsx';
import { useOpen, usePage } from './context.ts';
import { Conversation } from './conversation.tsx';
import { money } from '../../money.ts';
import { ToneIcon } from './header.tsx';
import { Icon } from './icon.tsx';
import { Log } from './log.tsx';
import { Section } from './section.tsx';

/** The attempts in order, each with its share of the time; the newest is open. */
export function Attempts({ state }: { state: State }) {
  const { now } = usePage();
  const { attempts } = state.page;
  const bars = layOut(
    attempts.map((it) => it.segments),
    now,
  );
  const newest = attempts.at(-1)?.number;
  return (
    <ol class="attempts">
      {attempts.map((attempt, i) => (
        <Attempt
          key={attempt.number}
          attempt={attempt}
          bars={bars[i] ?? []}
          state={state}
          newest={attempt.number === newest}
        />
      ))}
    </ol>
  );
}

function Attempt({
  attempt,
  bars,
  state,
  newest,
}: {
  attempt: AttemptView;
  bars: readonly Bar[];
  state: State;
  newest: boolean;
}) {
  const { now } = usePage();
  const [open, setOpen] = useOpen(`attempt-${attempt.number}`, newest);
  const body = `attempt-body-${attempt.number}`;
  const total = totalOf(attempt, now);
  return (
    <li class="attempt">
      <h3 class="attempt-head">
        <button type="button" class="toggle" aria-expanded={open} aria-controls={body} onClick={() => setOpen(!open)}>
          <Icon name="chevron-right" />
          <ToneIcon tone={attempt.tone} />
          <span class="attempt-title">{attempt.title}</span>
          <span class="attempt-label">{attempt.label}</span>
        </button>
        <Bars attempt={attempt} bars={bars} now={now} />
        <span class="attempt-time number">{total > 0 ? duration(total) : ''}</span>
      </h3>
      <div id={body} class="attempt-body" hidden={!open}>
        {open ? <AttemptBody attempt={attempt} state={state} newest={newest} /> : null}
      </div>
    </li>
  );
}

function AttemptBody({ attempt, state, newest }: { attempt: AttemptView; state: State; newest: boolean }) {
  const { number } = attempt;
  const { conversation, log } = streamsOf(state, number);
  const first = number === 1 && attempt.prompt === state.page.task.request;
  const silent = number === 0 || (conversation !== null && !hasWords(conversation));
  return (
    <>
      {attempt.notes.map((note) => (
        <p key={note} class="note">
          <Icon name="info" />
          <span>{note}</span>
        </p>
      ))}
      {attempt.error ? (
        <p class="note">
          <Icon name="error" tone="bad" />
          <span>{attempt.error}</span>
        </p>
      ) : null}
      {attempt.prompt !== null && !first ? (
        <Section
          id={`prompt-${number}`}
          level={3}
          title="Prompt"
          preset={false}
          aside={<Preview text={attempt.prompt} />}
        >
          <pre class="plain boxed">{attempt.prompt}</pre>
        </Section>
      ) : null}
      {number > 0 ? (
        <Conversation attempt={number} conversation={conversation} active={newest && attempt.tone === 'active'} />
      ) : null}
      {attempt.checks.length > 0 ? <Checks attempt={attempt} /> : null}
      <Section
        id={`log-${number}`}
        level={3}
        title="Log"
        preset={silent}
        aside={<span class="section-note">{attempt.tone === 'active' ? 'live' : ''}</span>}
      >
        <Log attempt={number} log={log} live={newest} />
      </Section>
      {attempt.tokens !== null || attempt.costUsd !== null ? (
        <p class="usage">
          {[
            attempt.tokens === null ? '' : `${attempt.tokens.toLocaleString('en')} tokens`,
            attempt.costUsd === null ? '' : `session so far ${money(attempt.costUsd)}`,
          ]
            .filter(Boolean)
            .join(' · ')}
        </p>
      ) : null}
    </>
  );
}

const Preview = ({ text }: { text: string }) => (
  <span class="section-note preview" aria-hidden="true">
    {text.slice(0, 200).split('\n', 1)[0]}
  </span>
);

function Checks({ attempt }: { attempt: AttemptView }) {
  return (
    <ul class="checks" aria-label="Checks">
      {attempt.checks.map((check) => (
        <Check key={check.name} attempt={attempt.number} check={check} />
      ))}
    </ul>
  );
}

function Check({ attempt, check }: { attempt: number; check: CheckView }) {
  const { act, now } = usePage();
  const time = check.start === null ? null : (check.end ?? now) - check.start;
  return (
    <li class="check">
      <div class="check-head">
        <ToneIcon tone={check.tone} />
        <code class="check-name">{check.title}</code>
        <span class={`check-state tone-${check.tone}`}>{check.label}</span>
        {time === null ? null : <span class="number quiet">{duration(time)}</span>}
        <span class="links">
          {check.url ? (
            <a href={check.url} title={check.url}>
              Details
            </a>
          ) : null}
          {check.hasLog ? (
            <button
              type="button"
              class="link"
              onClick={() => void act({ kind: 'openCheckLog', attempt, name: check.name })}
            >
              Full Output
            </button>
          ) : null}
        </span>
      </div>
      {check.excerpt ? (
        <pre class="excerpt" tabIndex={0} aria-label={`Failing lines of ${check.title}`}>
          {check.excerpt}
        </pre>
      ) : null}
    </li>
  );
}
