import type { Tone } from '../../attempts.ts';
import type { PromptView, ReasonView } from '../../model.ts';
import { duration } from '../../segments.ts';
import { usePage } from './context.ts';
import { ActionButton, ToneIcon } from './header.tsx';
import { Icon } from './icon.tsx';

/** Why a task stopped, and the next step. */
export function ReasonNotice({ reason, tone }: { reason: ReasonView; tone: Tone }) {
  return (
    <section class={`notice tone-${tone}`} aria-label="Why it stopped">
      <ToneIcon tone={tone} name={tone === 'idle' ? 'circle-slash' : undefined} />
      <div class="notice-body">
        <p class="sentence">{reason.sentence}</p>
        {reason.detail ? <pre class="detail">{reason.detail}</pre> : null}
        <p class="hint">{reason.hint}</p>
      </div>
      <ActionButton button={reason.button} />
    </section>
  );
}

/** A question of the agent, with the exact command it is about. */
export function PromptBox({ prompt }: { prompt: PromptView }) {
  const { act, busy, now } = usePage();
  const waits = busy.has('answerPrompt');
  const answer = (response: 'allow' | 'reject') => void act({ kind: 'answerPrompt', id: prompt.id, response });
  const title = `prompt-${prompt.id}`;
  const waited = now - prompt.since;
  const asked = waited < 10_000 ? 'just now' : `${duration(waited)} ago`;
  return (
    <section class="notice prompt tone-attention" aria-labelledby={title}>
      <Icon name="shield" tone="attention" />
      <div class="notice-body">
        <p class="sentence" id={title}>
          {prompt.sentence}
        </p>
        {prompt.summary ? <p>{prompt.summary}</p> : null}
        <pre class="detail" tabIndex={0} aria-label="What exactly">
          {prompt.detail}
        </pre>
        <p class="hint">Asked {asked}. It waits, and its clock stands still.</p>
        <div class="answers">
          <button type="button" class="button" disabled={waits} onClick={() => answer('allow')}>
            Allow Once
          </button>
          <button type="button" class="button secondary" disabled={waits} onClick={() => answer('reject')}>
            Refuse
          </button>
        </div>
      </div>
    </section>
  );
}

/** What went wrong with the page, or with something that was asked for on it. */
export function ErrorNotice({ text, button, onClick }: { text: string; button: string; onClick: () => void }) {
  return (
    <div class="notice tone-bad" role="alert">
      <Icon name="error" tone="bad" />
      <div class="notice-body">
        <p class="sentence">{text}</p>
      </div>
      <button type="button" class="button secondary" onClick={onClick}>
        {button}
      </button>
    </div>
  );
}
