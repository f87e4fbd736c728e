/** How an error reaches a person: one sentence with its next step, or a report where it is a bug. */
import * as vscode from 'vscode';
import { secretValues } from '../app/secrets.ts';
import { errorReport } from '../app/errorReport.ts';
import { fenced } from '../tasks/prompts.ts';
import { redact } from '../tasks/redact.ts';
import { AmpaError, describeError, type ErrorCode } from '../errors.ts';
import type { CommandId } from './commandTable.ts';
import type { Documents } from './documents.ts';
import { plain } from './plain.ts';

export interface Problems {
  /** Into the log only. */
  log(what: string, error: unknown): void;
  /** Into the log and before the person's eyes. */
  show(what: string, error: unknown): void;
}

const HELP: Partial<Record<ErrorCode, { title: string; command: CommandId }>> = {
  agent: { title: 'Install an Agent…', command: 'ampa.installAgent' },
  trust: { title: 'Manage Workspace Trust', command: 'ampa.manageTrust' },
  repository: { title: 'Check Setup', command: 'ampa.doctor' },
};

/** `secrets`: what the engines know of that nothing may show. */
export function createProblems(
  output: vscode.LogOutputChannel,
  documents: Documents,
  version: string,
  secrets: () => readonly string[],
): Problems {
  const hidden = (): string[] => [...secretValues(process.env), ...secrets()];
  const words = (error: unknown): string => redact(describeError(error), hidden());
  const log = (what: string, error: unknown): void =>
    output.error(
      `${what}: ${error instanceof AmpaError ? `${error.code}: ${words(error)}` : ''}`,
      redact(error instanceof Error ? (error.stack ?? error.message) : String(error), hidden()),
    );
  const show = async (what: string, error: unknown): Promise<void> => {
    if (error instanceof AmpaError) {
      const help = HELP[error.code];
      const text = `AMPA: ${sentence(words(error))}`;
      const chosen = await vscode.window.showErrorMessage(plain(text), ...(help ? [help.title] : []));
      if (help && chosen === help.title) await vscode.commands.executeCommand(help.command);
      return;
    }
    const chosen = await vscode.window.showErrorMessage(
      plain(`AMPA: ${what} failed: ${words(error)}`),
      'Show Error Report',
    );
    if (chosen) await documents.show('AMPA Error Report', report(what, error, version, hidden()));
  };
  return {
    log,
    show(what, error) {
      log(what, error);
      show(what, error).catch((again: unknown) => log('showing an error', again));
    },
  };
}

const sentence = (text: string): string =>
  text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? '' : '.');

/** The command line's report, as a page. */
function report(what: string, error: unknown, version: string, secrets: readonly string[]): string {
  const { command, error_type, error_message, timestamp, node_version, platform, traceback } = errorReport(
    error,
    [what],
    1,
    secrets,
  );
  const rows = [
    ['Command', command],
    ['Error', `${error_type}: ${error_message}`],
    ['Time', timestamp],
    ['AMPA', version],
    ['Editor', `${vscode.env.appName} ${vscode.version}`],
    ['Node', node_version],
    ['Platform', platform],
  ];
  return `# Error Report\n\n${rows.map(([name, value]) => `- ${name}: \`${value?.replaceAll('`', "'")}\``).join('\n')}\n\n${fenced(traceback)}\n`;
}
