import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { LogView } from '../../logView.ts';
import { usePage } from './context.ts';
import { Icon } from './icon.tsx';
import { useWatch } from './watch.ts';

/** Nearer to the end than this, in pixels, counts as being there. */
const NEAR = 24;

/** The last part of an attempt's output. It follows what comes, unless a person has scrolled up. */
export function Log({ attempt, log, live }: { attempt: number; log: LogView | null; live: boolean }) {
  useWatch('logs', attempt);
  const { act } = usePage();
  const box = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [away, setAway] = useState(false);
  const toEnd = (): void => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(() => {
    if (following.current) toEnd();
  }, [log]);

  if (log === null) return <p class="quiet">Reading…</p>;
  if (log.chars === 0) return <p class="quiet">{live ? 'Nothing has been printed yet.' : 'Nothing was printed.'}</p>;
  return (
    <div class="log-frame">
      {log.cut ? (
        <p class="quiet">
          Only the end is shown.{' '}
          <button type="button" class="link" onClick={() => void act({ kind: 'openLog' })}>
            Show the log in a terminal
          </button>
        </p>
      ) : null}
      <div
        class="log"
        ref={box}
        role="log"
        aria-live="off"
        aria-label={`Log of ${attempt === 0 ? 'the preparation' : `attempt ${attempt}`}`}
        tabIndex={0}
        onScroll={({ currentTarget: it }) => {
          following.current = it.scrollHeight - it.scrollTop - it.clientHeight < NEAR;
          if (away === following.current) setAway(!following.current);
        }}
      >
        {log.blocks.map((block) => (
          <pre key={block.id}>{block.text.endsWith('\n') ? block.text.slice(0, -1) : block.text}</pre>
        ))}
      </div>
      {away ? (
        <button
          type="button"
          class="button secondary to-end"
          onClick={() => {
            following.current = true;
            setAway(false);
            toEnd();
            box.current?.focus();
          }}
        >
          <Icon name="arrow-down" /> To the End
        </button>
      ) : null}
    </div>
  );
}
