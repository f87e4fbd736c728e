import type { ComponentChildren } from 'preact';
import { useOpen } from './context.ts';
import { Icon } from './icon.tsx';

interface SectionProps {
  /** Under which the page remembers whether it is open. */
  id: string;
  title: ComponentChildren;
  /** Beside the title, in any state. */
  aside?: ComponentChildren;
  preset: boolean;
  level: 2 | 3;
  class?: string;
  onOpen?: (open: boolean) => void;
  children: ComponentChildren;
}

/** A heading that opens and closes what is below it. Closed parts are not drawn. */
export function Section({ id, title, aside, preset, level, class: extra = '', onOpen, children }: SectionProps) {
  const [open, setOpen] = useOpen(id, preset);
  const Heading = level === 2 ? 'h2' : 'h3';
  const body = `body-${id}`;
  return (
    <section class={`section level-${level} ${extra}`}>
      <div class="section-head">
        <Heading>
          <button
            type="button"
            class="toggle"
            aria-expanded={open}
            aria-controls={body}
            onClick={() => {
              setOpen(!open);
              onOpen?.(!open);
            }}
          >
            <Icon name="chevron-right" />
            <span class="section-title">{title}</span>
          </button>
        </Heading>
        {aside}
      </div>
      <div class="section-body" id={body} hidden={!open}>
        {open ? children : null}
      </div>
    </section>
  );
}
