/** Icons of the editor's own font. They say nothing to a screen reader: the text beside them does. */

/** Code points of the codicons that the page uses; a test compares them with the font's own table. */
export const ICONS = {
  'arrow-down': 0xea9a,
  beaker: 0xea79,
  check: 0xeab2,
  'chevron-right': 0xeab6,
  circle: 0xeabc,
  'circle-filled': 0xea71,
  'circle-slash': 0xeabd,
  comment: 0xea6b,
  'debug-stop': 0xead7,
  'diff-added': 0xeadc,
  'diff-modified': 0xeade,
  'diff-multiple': 0xec23,
  'diff-removed': 0xeadf,
  'diff-renamed': 0xeae0,
  error: 0xea87,
  file: 0xea7b,
  'folder-opened': 0xeaf7,
  'git-branch': 0xea68,
  'git-merge': 0xeafe,
  'git-pull-request': 0xea64,
  'go-to-file': 0xea94,
  info: 0xea74,
  lightbulb: 0xea61,
  'link-external': 0xeb14,
  loading: 0xeb19,
  output: 0xeb9d,
  'pass-filled': 0xebb3,
  play: 0xeb2c,
  question: 0xeb32,
  robot: 0xec20,
  send: 0xec0f,
  shield: 0xeb53,
  tools: 0xeb6d,
  warning: 0xea6c,
  watch: 0xeb7c,
} as const;

export type IconName = keyof typeof ICONS;

export function Icon({ name, spin, tone }: { name: IconName; spin?: boolean; tone?: string }) {
  const classes = ['icon', spin ? 'spin' : '', tone ? `tone-${tone}` : ''].filter(Boolean).join(' ');
  return (
    <span class={classes} aria-hidden="true">
      {String.fromCodePoint(ICONS[name])}
    </span>
  );
}
