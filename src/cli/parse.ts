import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { COMMANDS, optionsOf, usageOf, type Command, type CommandName } from '../app/commands.ts';
import { AmpaError, usageError } from '../errors.ts';

/** Options that every command takes. */
export interface Common {
  json: boolean;
  verbose: boolean;
  workspace: string | undefined;
}

export type ParsedLine =
  | { kind: 'run'; name: CommandName; command: Command; args: Record<string, unknown>; common: Common }
  /** Of one command, of those that begin with a word, or of all. */
  | { kind: 'help'; command: Command | null; under?: string }
  | { kind: 'version' };

const COMMON: ParseArgsOptionsConfig = {
  json: { type: 'boolean' },
  verbose: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  workspace: { type: 'string' },
};

/** Reads a command line by the command table. Throws `usage` errors that name the option and the usage line. */
export function parseLine(argv: readonly string[]): ParsedLine {
  // The command is the first word; options before it are the common ones.
  const at = argv.findIndex((word, i) => !word.startsWith('-') && argv[i - 1] !== '--workspace');
  const word = at < 0 ? undefined : argv[at];
  if (word === undefined) {
    const { values } = parse({ args: [...argv], options: COMMON, strict: true }, null);
    if (values['version']) return { kind: 'version' };
    if (values['help'] || argv.length === 0) return { kind: 'help', command: null };
    throw usageError('no command was given');
  }
  if (word === 'help') {
    const wanted = argv[at + 1];
    if (wanted === undefined) return { kind: 'help', command: null };
    const of = nameOf(wanted, argv[at + 2]);
    return of ? { kind: 'help', command: COMMANDS[of.name] } : { kind: 'help', command: null, under: wanted };
  }
  const found = nameOf(word, argv[at + 1]);
  if (!found) {
    if (argv.slice(at + 1).every((it) => ['-h', '--help'].includes(it)))
      return { kind: 'help', command: null, under: word };
    throw usageError(`there is no command "${word} ${argv[at + 1] ?? ''}"`, `\`ampa help ${word}\` lists them.`);
  }
  const { name, words } = found;
  const command: Command = COMMANDS[name];
  const infos = optionsOf(command);
  const options: ParseArgsOptionsConfig = { ...COMMON };
  for (const info of infos) {
    if (info.positional) continue;
    options[info.flag.slice(2)] = {
      type: info.boolean ? 'boolean' : 'string',
      ...(info.many ? { multiple: true } : {}),
      ...(info.short ? { short: info.short } : {}),
    };
  }
  const { values, positionals } = parse(
    {
      args: joinNegative([...argv.slice(0, at), ...argv.slice(at + words)], options),
      options,
      allowPositionals: true,
      strict: true,
    },
    command,
  );
  if (values['version']) return { kind: 'version' };
  if (values['help']) return { kind: 'help', command };

  const raw: Record<string, unknown> = {};
  const wanted = infos.filter((info) => info.positional);
  for (const info of infos) if (!info.positional) raw[info.key] = values[info.flag.slice(2)];
  wanted.forEach((info, i) => {
    raw[info.key] = positionals[i];
  });
  const spare = positionals[wanted.length];
  if (spare !== undefined)
    throw usageError(
      `${JSON.stringify(spare)} is one argument more than the command takes`,
      `Usage: ${usageOf(command)}`,
    );
  const checked = command.args.safeParse(raw);
  if (!checked.success) {
    const issue = checked.error.issues[0]!;
    const info = infos.find((it) => it.key === issue.path[0]);
    const given = raw[String(issue.path[0])];
    const problem =
      given === undefined
        ? 'is missing'
        : issue.message.startsWith('Invalid option')
          ? `is ${JSON.stringify(given)}, not one of ${info?.value ?? ''}`
          : `${JSON.stringify(given)} ${issue.message}`;
    throw usageError(`${info?.flag ?? issue.path.join('.')} ${problem}`, `Usage: ${usageOf(command)}`);
  }
  return {
    kind: 'run',
    name,
    command,
    args: checked.data,
    common: {
      json: values['json'] === true,
      verbose: values['verbose'] === true,
      workspace: values['workspace'] as string | undefined,
    },
  };
}

/** The command of a word, or of two; undefined: a first word that needs a second. */
function nameOf(word: string, next: string | undefined): { name: CommandName; words: number } | undefined {
  const entries = Object.entries<Command>(COMMANDS);
  for (const [words, spelling] of [`${word} ${next}`, word].entries())
    for (const [name, command] of entries)
      if (command.cli?.includes(spelling)) return { name: name as CommandName, words: 2 - words };
  if (entries.some(([, command]) => command.cli?.[0].startsWith(`${word} `))) return undefined;
  throw usageError(`there is no command ${JSON.stringify(word)}`);
}

/** `--priority -5` as `--priority=-5`: a number is no option. */
function joinNegative(args: readonly string[], options: ParseArgsOptionsConfig): string[] {
  const joined: string[] = [];
  for (const word of args) {
    const last = joined.at(-1);
    if (/^-\d/.test(word) && last?.startsWith('--') && options[last.slice(2)]?.type === 'string')
      joined[joined.length - 1] = `${last}=${word}`;
    else joined.push(word);
  }
  return joined;
}

function parse(config: Parameters<typeof parseArgs>[0], command: Command | null) {
  try {
    return parseArgs(config) as {
      values: Record<string, string | boolean | string[] | undefined>;
      positionals: string[];
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const dashed = /argument is ambiguous[^]*'(--[\w-]+)=/.exec(message)?.[1];
    if (dashed !== undefined)
      throw new AmpaError('usage', `the value of ${dashed} begins with a dash`, `Write ${dashed}=VALUE.`, error);
    throw new AmpaError(
      'usage',
      message.split('\n')[0]!.replace(/\. To specify.*$/, ''),
      command ? `Usage: ${usageOf(command)}` : 'Run `ampa --help`.',
      error,
    );
  }
}
