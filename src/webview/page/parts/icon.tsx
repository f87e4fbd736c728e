/** Icons of the editor's own font. They say nothing to a screen reader: the text beside them does. */
import { ICONS, type IconName } from './icons.ts';

export type { IconName };

export function Icon({ name, spin, tone }: { name: IconName; spin?: boolean; tone?: string }) {
  const classes = ['icon', spin ? 'spin' : '', tone ? `tone-${tone}` : ''].filter(Boolean).join(' ');
  return (
    <span class={classes} aria-hidden="true">
      {String.fromCodePoint(ICONS[name])}
    </span>
  );
}
