import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { TaskView } from '../../model.ts';
import { usePage } from './context.ts';
import { Icon } from './icon.tsx';

const MAX_HEIGHT = 240;
const isMac = /Mac/.test(navigator.platform);

/** Words for the agent: they continue a task that has ended, or wait for its next turn. */
export function Composer({
  composer,
  waiting,
}: {
  composer: NonNullable<TaskView['composer']>;
  waiting: readonly string[];
}) {
  const { host, act, busy } = usePage();
  const [text, setText] = useState(host.memory.draft);
  const box = useRef<HTMLTextAreaElement>(null);
  const sending = busy.has('continue');
  const empty = text.trim() === '';

  useLayoutEffect(() => {
    const it = box.current;
    if (!it) return;
    it.style.height = 'auto';
    it.style.height = `${Math.min(it.scrollHeight + 2, MAX_HEIGHT)}px`;
  }, [text]);

  const change = (value: string): void => {
    setText(value);
    host.remember({ draft: value });
  };
  const send = async (): Promise<void> => {
    if (empty || sending) return;
    if (await act({ kind: 'continue', text })) change('');
    box.current?.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <div class="composer-body">
        {waiting.map((message, i) => (
          <p key={i} class="waiting">
            <Icon name="comment" />
            <span class="waiting-text">{message}</span>
            <span class="quiet">not delivered yet</span>
          </p>
        ))}
        <div class="composer-row">
          <textarea
            ref={box}
            rows={1}
            value={text}
            placeholder={composer.placeholder}
            aria-label={composer.placeholder}
            maxLength={100_000}
            onInput={({ currentTarget }) => change(currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
              event.preventDefault();
              void send();
            }}
          />
          <button
            type="submit"
            class={empty ? 'button secondary' : 'button'}
            disabled={empty || sending}
            title={isMac ? '⌘Enter' : 'Ctrl+Enter'}
          >
            {composer.label}
          </button>
        </div>
      </div>
    </form>
  );
}
