import packageJson from '../../package.json' with { type: 'json' };
import type { App } from '../app/api.ts';
import type { CarrierCredentials } from '../app/carriers.ts';
import { createApp } from '../app/createApp.ts';
import { errorReport, exitCodeOf, reportText } from '../app/errorReport.ts';
import { secretValues } from '../app/secrets.ts';
import { fileSettings } from '../config/sources.ts';
import { AmpaError, describeError } from '../errors.ts';
import { redact } from '../tasks/redact.ts';
import { HANDLERS } from './handlers.ts';
import { helpText } from './help.ts';
import { outputFailure, terminalIo, watchOutput, type Session } from './io.ts';
import { parseLine } from './parse.ts';

/** Runs one command line and resolves to its exit status. `entry` is the script that carriers are started with. */
export async function main(argv: readonly string[], entry: string): Promise<number> {
  const json = argv.includes('--json');
  const verbose = argv.includes('--verbose');
  const env: Record<string, string | undefined> = { ...process.env };
  // Once the settings are read there are more.
  let known = (): readonly string[] => secretValues(env);
  const stop = new AbortController();
  watchOutput(stop);
  try {
    const status = await run(argv, entry, env, stop, (app) => (known = app.secrets));
    const failure = outputFailure();
    if (failure)
      throw new AmpaError('external', `the output cannot be written: ${failure.message}`, 'Make room for it.', failure);
    return status;
  } catch (error) {
    const code = exitCodeOf(error);
    const secrets = known();
    if (error instanceof AmpaError) {
      const mask = (text: string): string => redact(text, secrets);
      if (json) {
        const { message, hint } = error;
        process.stdout.write(
          `${JSON.stringify({ error: { code: error.code, message: mask(message), hint: mask(hint) } })}\n`,
        );
      }
      process.stderr.write(`ampa: ${mask(describeError(error))}\n`);
      if (verbose) process.stderr.write(`${mask(error.stack ?? '')}\n`);
      return code;
    }
    const report = errorReport(error, argv, code, secrets);
    process.stderr.write(json ? `${JSON.stringify(report)}\n` : reportText(report, verbose));
    return code;
  }
}

async function run(
  argv: readonly string[],
  entry: string,
  env: Record<string, string | undefined>,
  stop: AbortController,
  onApp: (app: App) => void,
): Promise<number> {
  const line = parseLine(argv);
  if (line.kind === 'version') {
    process.stdout.write(`ampa ${packageJson.version}\n`);
    return 0;
  }
  if (line.kind === 'help') {
    process.stdout.write(helpText(line.command, line.under));
    return 0;
  }
  if (line.command.refusedInTask && process.env['AMPA_TASK_ID']) {
    throw new AmpaError(
      'refused',
      `\`ampa ${line.command.cli?.[0]}\` is for people, and this is task ${process.env['AMPA_TASK_ID']}`,
      'Run it outside the task.',
    );
  }
  const onSignal = (): void => {
    // The second time the person means it.
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);

  const isCarrier = line.name === 'work';
  const io = terminalIo(line.common.json, stop.signal, process.env);
  const credentials = isCarrier && !process.stdin.isTTY ? parseCredentials(await io.readStdin()) : undefined;
  Object.assign(env, credentials?.tokens);
  const app = await createApp({
    folder: line.common.workspace ?? ((line.command.speaksInTask && env['AMPA_WORKSPACE']) || currentFolder()),
    kind: isCarrier ? 'carrier' : line.name === 'daemon' ? 'daemon' : 'cli',
    env,
    settings: fileSettings,
    asks: false,
    carrier: { execPath: process.execPath, args: [...process.execArgv, entry], env: {} },
    config: credentials?.config,
    secrets: credentials?.secrets,
    place: credentials?.place,
    editorToken: async (host) => (host === 'github.com' ? (credentials?.githubToken ?? null) : null),
  });
  onApp(app);
  const session: Session = { app, io };
  const warnings = app.config().warnings;
  if (!isCarrier) for (const warning of warnings) io.err(`Warning: ${warning}`);
  try {
    // The table and the handlers share their keys, so the arguments fit; TypeScript cannot see that across the union.
    const handler = HANDLERS[line.name] as (session: Session, args: Record<string, unknown>) => Promise<number>;
    return await handler(session, line.args);
  } finally {
    for (const notice of app.notices()) io.err(notice);
    await app.close();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

function currentFolder(): string {
  try {
    return process.cwd();
  } catch (error) {
    throw new AmpaError('usage', 'the current folder has been removed', 'Go to one that exists.', error);
  }
}

/** What the host that started this carrier handed over; nothing when a person runs it. */
function parseCredentials(text: string): CarrierCredentials | undefined {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as CarrierCredentials;
  } catch (error) {
    throw new AmpaError(
      'usage',
      'standard input of `ampa work` is not what a host hands over',
      'It is not for people.',
      error,
    );
  }
}
