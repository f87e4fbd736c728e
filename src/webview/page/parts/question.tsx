import { useState } from 'preact/hooks';
import type { AnswerView, PromptView } from '../../questions.ts';
import { duration } from '../../duration.ts';
import { usePage } from './context.ts';
import { Icon } from './icon.tsx';
import { Markdown } from './markdown.tsx';

/** A question, with all that is needed to answer it: what exactly, what was said before, the answers. */
export function PromptBox({ prompt }: { prompt: PromptView }) {
  const { act, busy, now } = usePage();
  const waits = busy.has('answerPrompt');
  const answer = (response: string): Promise<boolean> => act({ kind: 'answerPrompt', id: prompt.id, response });
  const title = `prompt-${prompt.id}`;
  const waited = now - prompt.since;
  const asked = waited < 10_000 ? 'just now' : `${duration(waited)} ago`;
  return (
    <section class="notice prompt tone-attention" aria-labelledby={title}>
      <Icon name={prompt.exact ? 'shield' : 'question'} tone="attention" />
      <div class="notice-body">
        <p class="sentence" id={title}>
          {prompt.sentence}
        </p>
        {prompt.summary ? <p>{prompt.summary}</p> : null}
        {prompt.exact ? (
          <pre class="detail" tabIndex={0} aria-label="What exactly">
            {prompt.detail}
          </pre>
        ) : (
          <div class="asked">
            <Markdown text={prompt.detail} />
          </div>
        )}
        {prompt.context.length > 0 ? (
          <details class="context">
            <summary>
              <Icon name="chevron-right" />
              Earlier conversation ({prompt.context.length})
            </summary>
            {prompt.context.map((entry, i) => (
              <div key={i} class="entry">
                <p class="quiet">{entry.role}</p>
                <Markdown text={entry.content} />
              </div>
            ))}
          </details>
        ) : null}
        <p class="hint">
          Asked {asked}. The task is paused until you answer; the wait does not count as working time. {prompt.held}
        </p>
        {prompt.choices.length > 0 ? (
          <div class="answers">
            {prompt.choices.map((choice, i) => (
              <button
                key={choice.value}
                type="button"
                class={i === 0 ? 'button' : 'button secondary'}
                disabled={waits}
                onClick={() => void answer(choice.value)}
              >
                {choice.label}
                {choice.recommended ? <span class="recommended">recommended</span> : null}
              </button>
            ))}
          </div>
        ) : null}
        <Words prompt={prompt} waits={waits} answer={answer} />
      </div>
    </section>
  );
}

/** An answer in the person's own words. */
function Words({
  prompt,
  waits,
  answer,
}: {
  prompt: PromptView;
  waits: boolean;
  answer(response: string): Promise<boolean>;
}) {
  const [text, setText] = useState('');
  const empty = text.trim() === '';
  const { label, placeholder } = prompt.words;
  const send = (): void => {
    if (!empty && !waits) void answer(text.trim()).then((taken) => (taken ? setText('') : undefined));
  };
  return (
    <form
      class="words"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        rows={prompt.choices.length > 0 ? 1 : 3}
        value={text}
        placeholder={placeholder}
        aria-label={placeholder}
        maxLength={20_000}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          send();
        }}
      />
      <button
        type="submit"
        class={empty || prompt.choices.length > 0 ? 'button secondary' : 'button'}
        disabled={empty || waits}
      >
        {label}
      </button>
    </form>
  );
}

/** What was asked before, and who or which rule has answered. */
export function Answers({ answers }: { answers: readonly AnswerView[] }) {
  return (
    <ul class="answered">
      {answers.map((it) => (
        <li key={it.id}>
          <Icon name={it.rule === null ? 'comment' : 'robot'} />
          <div class="answered-body">
            <span class="answered-question">{it.question}</span>
            <span>
              <strong>{it.answer}</strong>{' '}
              <span class="quiet">
                {it.rule === null ? `by ${it.by}` : `by a rule (${it.rule}): nobody was asked`},{' '}
                {new Date(it.at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })}
              </span>
            </span>
          </div>
        </li>
      ))}
    </ul>
  );
}
