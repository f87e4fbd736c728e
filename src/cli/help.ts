import { COMMANDS, optionsOf, usageOf, type Command } from '../app/commands.ts';

const COMMON: [string, string][] = [
  ['--json', 'One JSON document on stdout and nothing else (JSON Lines with -f or -w).'],
  ['--workspace DIR', 'Folder to work in. Default: found from the current one.'],
  ['--verbose', 'Show more about errors.'],
  ['-h, --help', 'Show this help.'],
];

const table = (rows: [string, string][]): string => {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`).join('\n');
};

/** Help of one command, the list of those under a first word, or of all. */
export function helpText(command: Command | null, under?: string): string {
  if (command) {
    const rows = optionsOf(command)
      .filter((it) => !it.hidden)
      .map((it): [string, string] => [
        it.positional ? it.flag : `${it.short ? `-${it.short}, ` : ''}${it.flag}${it.boolean ? '' : ` ${it.value}`}`,
        it.help,
      ]);
    return `${command.summary}\n\nUsage: ${usageOf(command)}\n\n${table([...rows, ...COMMON])}\n\nExample:\n  ${command.example}\n`;
  }
  const rows = Object.values<Command>(COMMANDS)
    .filter((it) => it.cli && !it.hidden && (under === undefined || it.cli[0].startsWith(`${under} `)))
    .map((it): [string, string] => [it.cli!.join(', '), it.summary]);
  if (under !== undefined)
    return `Usage: ampa ${under} COMMAND [options]\n\n${table(rows)}\n\n\`ampa ${under} COMMAND --help\` has the options and an example.\n`;
  return `AMPA runs coding agents in the background until the checks are green.\n\nUsage: ampa COMMAND [options]\n\n${table(rows)}\n\nFor every command:\n${table([...COMMON, ['--version', 'Print the version.']])}\n\n\`ampa COMMAND --help\` has the options and an example.\n`;
}
