/** The parts of README.md that come from the sources: the command reference and the settings. */
import { COMMANDS, optionsOf, usageOf, type Command } from '../src/app/commands.ts';
import { EDITOR_COMMANDS, type EditorCommand } from '../src/vscode/commandTable.ts';
import { KNOBS, type Knob } from '../src/config/knobs.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|');

function commandReference(): string {
  return Object.values<Command>(COMMANDS)
    .filter((command) => !command.hidden)
    .map((command) => {
      const places = [
        command.cli ? `\`${usageOf(command)}\`` : null,
        command.palette ? `**AMPA: ${command.palette}**` : null,
      ].filter(Boolean);
      const options = command.cli ? optionsOf(command).filter((option) => !option.hidden && !option.positional) : [];
      const list = options.map(
        (option) => `- \`${option.flag}${option.boolean ? '' : ` ${option.value}`}\` ${option.help}`,
      );
      return [
        `#### ${command.cli?.[0] ?? command.palette}`,
        '',
        places.join(' · '),
        '',
        command.summary,
        ...(list.length > 0 ? ['', ...list] : []),
      ].join('\n');
    })
    .join('\n\n');
}

/** One line of those that only the palette has. */
const editorOnly = (): string =>
  `Only in the editor: ${Object.values<EditorCommand>(EDITOR_COMMANDS)
    .filter((command) => !command.internal)
    .map((command) => `**AMPA: ${command.title}**`)
    .join(' · ')}`;

function settingsTable(): string {
  const rows = Object.values<Knob>(KNOBS).map((knob) => {
    const shown =
      knob.default === null || knob.default.toString() === ''
        ? ''
        : `\`${Array.isArray(knob.default) ? knob.default.join(', ') : String(knob.default)}\``;
    const values = knob.type === 'enum' ? ` (${knob.values.map((value) => `\`${value}\``).join(', ')})` : '';
    return `| ${knob.setting ? `\`${knob.setting}\`` : ''} | \`${knob.env}\` | ${shown} | ${cell(knob.description)}${values} |`;
  });
  return ['| Setting | Environment, `.env` | Default | |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

const SECTIONS: Readonly<Record<string, () => string>> = {
  commands: () => `${commandReference()}\n\n${editorOnly()}`,
  settings: settingsTable,
};

/** The README with its generated sections brought up to date. Throws when a section's marks are missing. */
export function withGeneratedSections(readme: string): string {
  let text = readme;
  for (const [name, render] of Object.entries(SECTIONS)) {
    const [begin, end] = [`<!-- ${name}: generated -->`, `<!-- /${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`README.md has no section ${name}`);
    text = `${text.slice(0, from + begin.length)}\n\n${render()}\n\n${text.slice(to)}`;
  }
  return text;
}
