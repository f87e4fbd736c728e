import type { Tone } from '../../attempts.ts';
import type { ReasonView } from '../../model.ts';
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
