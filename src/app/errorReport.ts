import os from 'node:os';
import { AmpaError } from '../errors.ts';
import { redact } from '../tasks/redact.ts';

export interface ErrorReport {
  command: string;
  args: string[];
  error_type: string;
  error_message: string;
  timestamp: string;
  hostname: string;
  node_version: string;
  platform: string;
  exit_code: number;
  traceback: string;
}

/** What an unexpected error tells: enough to find the cause, and no secret. */
export function errorReport(
  error: unknown,
  argv: readonly string[],
  exitCode: number,
  secrets: readonly string[],
): ErrorReport {
  const mask = (text: string): string => redact(text, secrets);
  const stacks: string[] = [];
  for (let e: unknown = error; e instanceof Error; e = e.cause) stacks.push(e.stack ?? e.message);
  return {
    command: mask(argv[0] ?? ''),
    args: argv.slice(1).map(mask),
    error_type: error instanceof Error ? error.name : typeof error,
    error_message: mask(error instanceof Error ? error.message : String(error)),
    timestamp: new Date().toISOString(),
    hostname: os.hostname(),
    node_version: process.version,
    platform: `${process.platform}-${process.arch}`,
    exit_code: exitCode,
    traceback: mask(stacks.join('\nCaused by: ')),
  };
}

export function reportText(report: ErrorReport, verbose: boolean): string {
  const rows: [string, string][] = [
    ['Command', [report.command, ...report.args].join(' ')],
    ['Error', `${report.error_type}: ${report.error_message}`],
    ['Time', report.timestamp],
    ['Host', report.hostname],
    ['Node', report.node_version],
    ['Platform', report.platform],
    ['Exit code', String(report.exit_code)],
  ];
  const body = rows.map(([name, value]) => `  ${name.padEnd(10)} ${value}`).join('\n');
  return `Error Report\n${body}\n${verbose ? `${report.traceback}\n` : '  (--verbose shows the stack)\n'}`;
}

/** 2 for what the caller can mend in the call itself, else 1. */
export const exitCodeOf = (error: unknown): number =>
  error instanceof AmpaError && ['usage', 'not_found', 'ambiguous', 'runtime'].includes(error.code) ? 2 : 1;
